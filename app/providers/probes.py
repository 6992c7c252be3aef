"""Questions to a provider with a short end that never raise: how it is, what it offers."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.clock import SystemClock
from app.domain.errors import BifrostError, ProviderUnavailable
from app.domain.offers import Offer
from app.domain.ports import Health
from app.providers.calls import Call, Timeouts

_TIMEOUTS = Timeouts(connect=1.5, read=2.0, total=2.5)
_LIMIT = 2.8
#: Gateways list thousands; nobody reads more.
MOST_MODELS = 1000

Said = TypeVar("Said")


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
    """Health by asking `question`: it returns what is well, or raises what is not. At most 3 seconds."""
    said = _asked(name, question)
    return Health(name=name, ok=said.answer is not None, detail=said.answer or said.trouble)


def offer(name: str, model: str, question: Callable[[Call], Sequence[str]]) -> Offer:
    """The models that `question` returns, or, when it raises, the one we know of. At most 3 seconds."""
    said = _asked(name, question)
    if said.answer is None:
        return Offer(provider=name, model=model, models=(model,), listed=False, detail=said.trouble)
    models = tuple(sorted(set(said.answer))[:MOST_MODELS])
    return Offer(provider=name, model=model, models=models, listed=True, detail=f"{name} lists them.")


def names_of(listed: object, name: str, place: str) -> list[str]:
    """Of a list of objects, what each has under `name`. Raises `ProviderUnavailable` when it is no list."""
    if not isinstance(listed, list):
        raise ProviderUnavailable(f"{place} lists no models.")
    return [str(entry[name]) for entry in listed if isinstance(entry, dict) and isinstance(entry.get(name), str)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said(Generic[Said]):
    """`trouble` without an answer."""

    answer: Said | None = None
    trouble: str = ""


def _asked(name: str, question: Callable[[Call], Said]) -> _Said[Said]:
    """In a thread of its own: looking up a name or running a credential process has no timeout that we could set."""
    found: list[_Said[Said]] = [_Said(trouble=f"{name} did not answer within {_LIMIT:g} seconds.")]

    def ask() -> None:
        call = Call(name, _Unwatched(), _TIMEOUTS, SystemClock())
        try:
            with call.open():
                found[0] = _Said(answer=question(call))
        except BifrostError as error:
            found[0] = _Said(trouble=error.detail)
        except Exception as error:  # noqa: BLE001 # a probe reports, whatever it is; the class alone says enough
            found[0] = _Said(trouble=f"{name} cannot be checked: {type(error).__name__}.")

    asking = threading.Thread(target=ask, name=f"health-{name}", daemon=True)
    asking.start()
    asking.join(_LIMIT)
    return found[0]
