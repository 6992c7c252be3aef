"""Health of a provider: a question with a short end that never raises."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.clock import SystemClock
from app.domain.errors import BifrostError
from app.domain.ports import Health
from app.providers.calls import Call, Timeouts

_TIMEOUTS = Timeouts(connect=1.5, read=2.0, total=2.5)
_LIMIT = 2.8


class _Unwatched:
    """The watch of a call that nobody waits to cancel."""

    def check(self) -> None:
        """Never has to end."""

    def seconds_left(self) -> float | None:
        """No deadline."""
        return None

    @contextmanager
    def closing(self, close: Callable[[], object]) -> Iterator[None]:
        """Nobody closes it."""
        del close
        yield

    def token(self, text: str) -> None:
        """Nobody listens."""


def probe(name: str, question: Callable[[Call], str]) -> Health:
    """Health by asking `question`: it returns what is well, or raises what is not. At most 3 seconds.

    In a thread of its own: looking up a name or running a credential process has no timeout that we could set.
    """
    found = [Health(name=name, ok=False, detail=f"{name} did not answer within {_LIMIT:g} seconds.")]

    def ask() -> None:
        call = Call(name, _Unwatched(), _TIMEOUTS, SystemClock())
        try:
            with call.open():
                found[0] = Health(name=name, ok=True, detail=question(call))
        except BifrostError as error:
            found[0] = Health(name=name, ok=False, detail=error.detail)
        except Exception as error:  # noqa: BLE001 # health reports, whatever it is; the class alone says enough
            found[0] = Health(name=name, ok=False, detail=f"{name} cannot be checked: {type(error).__name__}.")

    asking = threading.Thread(target=ask, name=f"health-{name}", daemon=True)
    asking.start()
    asking.join(_LIMIT)
    return found[0]
