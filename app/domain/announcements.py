"""What has happened to an analysis and is still to be told to somebody outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """One event, claimed by one publisher. `attempt` fences: a claim that was taken over marks nothing."""

    id: int
    #: Stable over all attempts: receivers recognize a duplicate by it.
    event_id: str
    #: "analysis.completed".
    kind: str
    #: Events of one key are published in order.
    key: str
    analysis_id: int
    project_id: int
    #: Whom to tell: `kind` names the publisher, `lane` the receiver.
    callback: Mapping[str, object]
    #: 1 for the first.
    attempt: int
    created_at: datetime
    #: Attempts before it was sent again by hand: its schedule began anew after them.
    tried_before: int = 0

    @property
    def publisher(self) -> str:
        """The kind of publisher that speaks to the receiver."""
        return str(self.callback.get("kind"))

    @property
    def url(self) -> str:
        """Where it goes; empty for a publisher that needs none."""
        return str(self.callback.get("url", ""))

    @property
    def lane(self) -> str:
        """The receiver: it gets no more than a few at the same time."""
        return str(self.callback.get("lane", ""))


class Outcome(StrEnum):
    """What became of one attempt to publish."""

    #: The receiver has acknowledged it.
    PUBLISHED = "published"
    #: It will be tried again.
    FAILED = "failed"
    #: It will not be tried again by itself.
    DEAD = "dead"
    #: The claim was over before the outcome could be marked; somebody else publishes it, perhaps once more.
    TAKEN_OVER = "taken_over"


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxDepth:
    """How much one publisher still has to tell."""

    publisher: str
    waiting: int
    #: Seconds the longest waiting one has been due; 0 when none is.
    oldest_seconds: float
