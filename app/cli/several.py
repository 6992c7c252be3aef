"""One question about each of several ids."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from app.cli import output
from app.cli.exits import Exit
from app.client import ApiError

Id = TypeVar("Id")
Found = TypeVar("Found")


def ask_each(ids: Iterable[Id], ask: Callable[[Id], Found], *, what: str = "") -> tuple[list[Found], list[Exit]]:
    """What could be asked, and how it went; one that is not known, or not in the right state, hides no other.

    `what`: precedes the id in the warning about it.
    """
    found, codes = [], [Exit.DONE]
    for one in ids:
        try:
            found.append(ask(one))
        except ApiError as error:
            if error.status not in {404, 409}:
                raise
            output.warn(f"{what}{one}: {error.detail}")
            codes.append(Exit.USAGE)
    return found, codes
