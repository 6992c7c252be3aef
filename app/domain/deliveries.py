"""Webhooks as those see them who asked for one: which were sent, which wait, which were given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.analyses import Failure


class WebhookFormat(StrEnum):
    """What the body of a webhook looks like."""

    #: The analysis, as the API shows it.
    STANDARD = "standard"
    #: A message for people, as Slack's incoming webhooks and what is compatible with them take it.
    SLACK = "slack"


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    #: It will be tried at its next attempt.
    WAITING = "waiting"
    #: The receiver has acknowledged it.
    DELIVERED = "delivered"
    #: Nobody tries any more, unless it is sent again by hand.
    GIVEN_UP = "given_up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One event on its way to one receiver."""

    #: The receiver knows it as `webhook-id`; the same over all attempts.
    id: str
    #: Its row, which orders those of the same moment.
    number: int
    #: "analysis.completed".
    kind: str
    analysis_id: int
    #: Where it goes, as it was given. Addresses of chat systems are secrets: show `origin`.
    url: str
    format_: WebhookFormat
    status: DeliveryStatus
    #: Made so far, those before it was sent again included.
    attempts: int
    #: Why the last attempt failed; None when it did not, or there was none.
    error: Failure | None
    created_at: datetime
    #: None when there is none to come.
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return "/".join(self.url.split("?", 1)[0].split("/", 3)[:3])

    @property
    def place(self) -> tuple[datetime, int]:
        """Where it stands in the list of all: `DeliveryFilter.before` takes it."""
        return self.created_at, self.number


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryFilter:
    """Which deliveries. `since` and `until` are times of the event; `before` is the keyset of a list."""

    project_id: int
    status: DeliveryStatus | None = None
    analysis_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int] | None = None
    limit: int = 50


class Deliveries(Protocol):
    """The webhooks in the outbox, and the receivers that want to hear no more."""

    def list(self, wanted: DeliveryFilter) -> Sequence[Delivery]:
        """Latest event first, at most `limit + 1`: the extra one tells that there are more."""

    def get(self, project_id: int, delivery_id: str) -> Delivery | None:
        """One of a project."""

    def again(self, project_id: int, delivery_id: str) -> None:
        """Due now, on a schedule that begins anew, to a receiver that is not gone. Not while it is being sent."""

    def gone_since(self, project_id: int, url: str) -> datetime | None:
        """When this receiver answered 410; None when it did not."""

    def gone(self, project_id: int, url: str) -> None:
        """It answered 410."""
