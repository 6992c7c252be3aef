"""How `bifrost-cli` ends: one table of exit codes, and which of several wins."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import MappingProxyType

import click

from app.pipeline.escaping import inert


class Exit(IntEnum):
    """Exit codes, as documented."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    NOT_COMPLETED = 3
    FINDING = 4
    NOT_FINISHED = 5
    UNREACHABLE = 6
    NOTHING_FOUND = 7
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


MEANING: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.DONE: "Done; with `--fail-on`, every severity is below the threshold.",
        Exit.ERROR: "Something unexpected; or `doctor` found something broken.",
        Exit.USAGE: "Bad input: an option, a file, the configuration, a key that is not valid or lacks the scope, an "
        "unknown id, an analysis that has ended (`cancel`) or has not failed (`retry`), a dead letter whose replays "
        "are used up, a second `up` in the same data directory.",
        Exit.NOT_COMPLETED: "An analysis failed or was cancelled.",
        Exit.FINDING: "`--fail-on`: an issue of this severity or above was found.",
        Exit.NOT_FINISHED: "Not finished in time. The analysis goes on; its id was printed.",
        Exit.UNREACHABLE: "The server cannot be reached, is not ready, or asks to come back later.",
        Exit.NOTHING_FOUND: "`filter`: no record is like that.",
        Exit.INTERRUPTED: "Interrupted with Ctrl-C. What was accepted goes on; the ids were printed.",
        Exit.PIPE_CLOSED: "The reader of the output went away (`| head`).",
        Exit.TERMINATED: "Terminated with SIGTERM. What was accepted goes on; the ids were printed.",
    }
)
#: Worst first. A finding is never hidden by trouble with another file.
WORST_FIRST = (
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.ERROR,
    Exit.FINDING,
    Exit.UNREACHABLE,
    Exit.NOT_COMPLETED,
    Exit.NOT_FINISHED,
    Exit.USAGE,
    Exit.NOTHING_FOUND,
    Exit.DONE,
)


def worst(codes: Iterable[Exit]) -> Exit:
    """The one to end with; DONE of none."""
    return min(codes, key=WORST_FIRST.index, default=Exit.DONE)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command just as Ctrl-C does, but for its exit code."""


class Stop(click.ClickException):
    """Ends the command with a message on stderr and an exit code."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.exit_code = int(code)  # type: ignore[misc]  # click means one for all messages; ours differ

    def format_message(self) -> str:
        """It may name files and repeat what a server said: no line is a command to a CI runner."""
        return inert(self.message)


def explain(error: Exception) -> Stop | None:
    """An error that people can act upon; None for one that nobody foresaw."""
    from app.client.errors import ClientError
    from app.domain.errors import BifrostError, Unavailable

    if isinstance(error, ClientError):
        return _of_client(error)
    if isinstance(error, Unavailable):
        return Stop(f"{error.detail}\n`bifrost-cli doctor` says what is missing.", Exit.UNREACHABLE)
    return Stop(error.detail) if isinstance(error, BifrostError) else None


def _of_client(error: Exception) -> Stop:
    from app.client.errors import ApiError, ConnectionInvalid, ServerUnreachable, WaitTimeout

    if isinstance(error, ConnectionInvalid):
        return Stop(_told(error))
    if isinstance(error, ServerUnreachable):
        return Stop(f"{error}\nStart it with `bifrost-cli up`, or set BIFROST_URL.", Exit.UNREACHABLE)
    if isinstance(error, WaitTimeout):
        return Stop(str(error), Exit.NOT_FINISHED)
    if isinstance(error, ApiError):
        return Stop(_told(error), _of_status(error.status))
    return Stop(str(error), Exit.ERROR)


def _of_status(status: int) -> Exit:
    if status in {429, 502, 503, 504}:
        return Exit.UNREACHABLE
    return Exit.USAGE if status < 500 else Exit.ERROR


def _told(error: Exception) -> str:
    from app.client.errors import ApiError
    from app.pipeline.escaping import printable

    text = printable(str(error))
    if not isinstance(error, ApiError):
        return text
    if error.status == 401:
        return f"{text}\nSet BIFROST_API_KEY; an administrator makes one with `bifrost-cli keys create NAME`."
    if error.retry_after and error.retry_after > 1:
        return f"{text}\nTry again in {_span(error.retry_after)}."
    return text


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
