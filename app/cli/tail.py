"""New lines of the processes' logs, the ones worth a look made readable."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

LOUD = ("warning", "error", "critical", "exception")
#: What other programs (gunicorn, Celery, PostgreSQL, Valkey) mark as important.
MARKED = re.compile(r"\b(WARNING|CRITICAL|FATAL|PANIC|Traceback|[A-Z]\w*Error:)|\[ERROR\]|ERROR/")
LONGEST_LINE = 500
#: Shown by the line itself, or of no use to a reader.
PLACED = ("event", "level", "timestamp", "logger", "exception", "pid", "process")


class LogTail:
    """Follows every `*.log` of a directory from its present end on. `everything`: not only warnings and errors."""

    def __init__(self, directory: Path, *, everything: bool = False) -> None:
        self._directory = directory
        self._everything = everything
        self._places = {path: path.stat().st_size for path in directory.glob("*.log")}

    def new_lines(self) -> Iterator[str]:
        """`name │ line` for each whole line written since the last call."""
        for path in sorted(self._directory.glob("*.log")):
            for line in self._read(path):
                shown = self._shown(line)
                if shown:
                    yield f"{path.stem:<10} │ {shown[:LONGEST_LINE]}"

    def skip(self, *names: str) -> None:
        """Do not show what these wrote until now."""
        for name in names:
            path = self._directory / f"{name}.log"
            if path.exists():
                self._places[path] = path.stat().st_size

    def _read(self, path: Path) -> list[str]:
        place = self._places.get(path, 0)
        size = path.stat().st_size
        if size < place:  # it was put aside and begun anew
            place = 0
        with path.open("rb") as stream:
            stream.seek(place)
            data = stream.read(size - place)
        whole = data[: data.rfind(b"\n") + 1]
        self._places[path] = place + len(whole)
        return whole.decode(errors="replace").splitlines()

    def _shown(self, line: str) -> str | None:
        record = _record(line)
        if record is None:
            return line if line.strip() and (self._everything or MARKED.search(line)) else None
        if not self._everything and str(record.get("level", "info")).lower() not in LOUD:
            return None
        event = str(record.get("event", "")).splitlines()
        rest = " ".join(f"{name}={value}" for name, value in record.items() if name not in PLACED)
        return f"{str(record.get('level', '')).upper():<8}{event[0] if event else ''} {rest}".rstrip()


def _record(line: str) -> Mapping[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
