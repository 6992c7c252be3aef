"""How long the dispatcher pauses between two looks: short while things move, longer the longer they do not."""

from dataclasses import dataclass, field

#: Messages in one look that make it worth gathering the next ones for the whole short pause.
_CROWD = 16
#: Longest pause in seconds while something waits for room in a window: workers may have made some at any time.
_FULL_SECONDS = 0.25


@dataclass(kw_only=True)
class Pace:
    """`shortest` and `longest` pause in seconds."""

    shortest: float
    longest: float
    _pause: float = field(default=0.0, init=False)

    def gather(self, sent: int) -> float:
        """Seconds to look away after `sent` messages, whoever rings: many a look for a few messages are waste."""
        return self.shortest * min(1.0, sent / _CROWD)

    def wait(self, sent: int, *, waiting: bool) -> float:
        """Seconds until the next look, unless somebody rings before. `waiting`: for a worker, or for its time."""
        if sent:
            self._pause = self.shortest
        else:
            self._pause = max(self.shortest, self._pause * 2)
        return min(self._pause, self.longest, _FULL_SECONDS if waiting else self.longest)
