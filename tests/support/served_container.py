"""The real application over a container of the test's, at a port of loopback, in the same process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from app.cli.output import RUNNERS
from app.cli.parts import quiet
from app.domain.keys import Scope
from app.web import create_app


@contextmanager
def served(parts: Any) -> Iterator[str]:
    """Its URL. Its log, which would be among what a command prints, is not written."""
    server = make_server("127.0.0.1", 0, create_app(parts), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with quiet():
            yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def commanded(parts: Any, directory: Path) -> Iterator[dict[str, str | None]]:
    """The environment of a command line with a key for everything: nothing of this machine's."""
    token = parts.keys.create(name="t", project="default", scopes=frozenset(Scope)).token
    with served(parts) as url:
        yield {
            "BIFROST_URL": url,
            "BIFROST_API_KEY": token,
            "BIFROST_DATA_DIR": str(directory),
            "BIFROST_DATABASE_URL": None,
            "DATABASE_URL": None,
            # tests run where a CI runner reads along, too
            **dict.fromkeys(RUNNERS),
        }
