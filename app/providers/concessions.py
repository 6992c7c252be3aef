"""What we do without when a server refuses a part of the request that we could live without."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Body = dict[str, object]
_REMEMBERED = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Concession:
    """A server whose refusal matches `pattern` is asked again with `without(body)`."""

    name: str
    pattern: str
    without: Callable[[Body], Body]


class Concessions:
    """Which concessions each model needs, remembered, so that only the first call of a process pays for asking twice.

    Each is made at most once per call, so asking again ends.
    """

    def __init__(self, known: Sequence[Concession]) -> None:
        self._known = known
        self._made: dict[str, tuple[Concession, ...]] = {}
        self._lock = threading.Lock()

    def apply(self, model: str, body: Body) -> tuple[tuple[str, ...], Body]:
        """The names of what was left out, and `body` as this model's server takes it as far as we know."""
        made = self._made.get(model, ())
        for concession in made:
            body = concession.without(body)
        return tuple(concession.name for concession in made), body

    def learn(self, model: str, refusal: str, tried: Sequence[str]) -> bool:
        """Is there a concession, beyond those `tried`, that answers `refusal`? It is remembered."""
        for concession in self._known:
            if concession.name in tried or not re.search(concession.pattern, refusal, re.IGNORECASE):
                continue
            with self._lock:
                if len(self._made) >= _REMEMBERED:
                    self._made.clear()  # names of models come from callers
                made = self._made.get(model, ())
                if concession not in made:
                    self._made[model] = (*made, concession)
            return True
        return False


def dropping(*names: str) -> Callable[[Body], Body]:
    """A body without these fields."""
    return lambda body: {name: value for name, value in body.items() if name not in names}
