"""What a model has found so far in a log that needs several prompts: kept, so that nobody pays for it twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.domain.diagnoses import Diagnosis
from app.domain.logs import PreparedLog
from app.domain.prompts import Usage

#: The place of the first prompt; window `n` of `Windows.parts` has place `n + 1`.
FIRST = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One prompt, answered. Only redacted text: placeholders stand as they are."""

    place: int
    provider: str
    model: str
    #: Grounded against what this prompt showed; None when the answer could not be used.
    diagnosis: Diagnosis | None
    #: Evidence that was cited, and that was dropped.
    cited: int = 0
    dropped: int = 0
    usage: Usage = field(default_factory=Usage)
    #: Model calls and seconds it took.
    calls: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far an analysis has come: what it reads, and what was found in it so far."""

    prepared: PreparedLog
    readings: tuple[Reading, ...] = ()

    def of(self, place: int) -> Reading | None:
        """What was found there; None when nobody has answered yet."""
        return next((reading for reading in self.readings if reading.place == place), None)

    @property
    def useful(self) -> Sequence[Reading]:
        """Those with a diagnosis."""
        return [reading for reading in self.readings if reading.diagnosis is not None]

    @property
    def usage(self) -> Usage:
        """All of it together."""
        return sum((reading.usage for reading in self.readings), start=Usage())
