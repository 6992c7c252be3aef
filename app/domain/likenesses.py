"""What two logs of one incident have in common, and what of an earlier answer may be taken over for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.diagnoses import Diagnosis


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """Where a quoted line belongs, in words that hold in another log of the same templates. Hashes, hex."""

    #: Of the template of its record.
    template: str
    #: Of its own words, without their variable parts.
    shape: str
    #: It begins its record.
    head: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """What is stored with an answer, so that it may be taken over for another log of the same incident."""

    #: Hash of the templates that are WARNING or above, hex.
    key: str
    #: For each piece of the diagnosis's evidence; None: its template is not known.
    traces: tuple[Trace | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """An answer that was given to the same question about another log of the same templates."""

    analysis_id: int
    provider: str | None
    model: str | None
    diagnosis: Diagnosis
    #: As many as its diagnosis has evidence.
    traces: tuple[Trace | None, ...]


class Likenesses(Protocol):
    """Answers by the templates of their logs."""

    def find(self, question_key: str, key: str, *, max_age: float) -> Sequence[Earlier]:
        """First-hand, undegraded answers that are at most `max_age` seconds old, the youngest first; a few at most."""
