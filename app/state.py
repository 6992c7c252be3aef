"""What `bifrost-cli up` remembers in the data directory, for the next start and for every other command."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

STATE_FILE = "state.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What `up` remembers in the data directory; `pid` is None while nothing runs."""

    url: str
    api_key: str
    database_url: str
    redis_url: str
    #: Kafka's bootstrap servers; None without a bridge.
    kafka: str | None = None
    pid: int | None = None


def read_state(directory: Path) -> State | None:
    """What the last `up` in this data directory remembered; None when there is nothing (readable)."""
    try:
        content = json.loads((directory / STATE_FILE).read_text(encoding="utf-8"))
        return State(**content)
    except (OSError, ValueError, TypeError):
        return None


def write_state(directory: Path, state: State) -> None:
    """Remember it, readable by its owner only."""
    fresh = directory / f"{STATE_FILE}.new"
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
    fresh.replace(directory / STATE_FILE)
