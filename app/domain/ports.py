"""The sockets: what the services need from the outside. `app.container` plugs them in."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.analyses import (
    Analysis,
)
from app.domain.announcements import Announcement
from app.domain.errors import ProviderError
from app.domain.guards import Load, Ticket, Verdict
from app.domain.offers import Offer
from app.domain.prompts import Completion, Prompt
from app.domain.storage_ports import Doorbell


class Clock(Protocol):
    """The time of this process. Deadlines and leases are the database's business, not ours."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Watch(Protocol):
    """Watches over one provider call, so that it ends when it should."""

    def check(self) -> None:
        """Call between chunks. Raises an `Interrupted` when the call must end now."""

    def seconds_left(self) -> float | None:
        """Until the deadline; None without one. Never negative."""

    def closing(self, close: Callable[[], object]) -> AbstractContextManager[None]:
        """While open, `close` may be called from another thread, once, to break a blocked read."""

    def token(self, text: str) -> None:
        """A piece of the answer arrived."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """The state of one part Bifrost depends on. `detail` says what to do when it is not `ok`."""

    name: str
    ok: bool
    detail: str
    #: Nobody counts on it: a provider that `source: auto` does not ask.
    optional: bool = False


class Provider(Protocol):
    """Answers a prompt. One file per provider in `app.providers`."""

    @property
    def name(self) -> str:
        """Short, lower case: "ollama"."""

    @property
    def model(self) -> str:
        """The model used when the prompt names none."""

    @property
    def token_budget(self) -> int:
        """Tokens a prompt may have, the room for the answer already taken off."""

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        """The whole answer, streamed into `watch` on the way. Raises `ProviderError` or `Interrupted`."""

    def health(self) -> Health:
        """Can it be reached, and does it have the model? Takes at most 3 seconds; never raises."""


class Offering(Provider, Protocol):
    """A provider that tells which models it has."""

    def offer(self) -> Offer:
        """Takes at most 3 seconds; never raises."""


class Guard(Protocol):
    """Circuit breaker and limit of each provider, shared by all workers. It lets everything pass when it is away."""

    def admit(self, provider: str, model: str) -> Ticket:
        """The right to one call; never waits for it.

        Raises `ProviderResting` or `ProviderMisconfigured` while the breaker is open, `ProviderBusy` without a free
        slot or while the provider has asked us to wait; each with `retry_after`.
        """

    def settle(self, ticket: Ticket, verdict: Verdict, error: ProviderError | None = None) -> None:
        """The call has ended. `error` tells the breaker's cause, or how long to wait. Never raises."""

    def renew(self) -> None:
        """This process lives, and so do its calls. Never raises."""

    def loads(self) -> Sequence[Load]:
        """Each configured provider, now. Raises `BrokerUnavailable`."""


class Publisher(Protocol):
    """Tells one kind of receiver. One file for each in `app.publishers`."""

    @property
    def schedule(self) -> Sequence[float]:
        """Seconds to wait after each failed attempt. When it is used up, the event is dead."""

    def callback(self, wanted: Mapping[str, object]) -> Mapping[str, object]:
        """What to store for somebody who asks to be told. Raises `InvalidInput` when he cannot be."""

    def publish(self, announcement: Announcement, analysis: Analysis) -> None:
        """Returns when the receiver has acknowledged it. Raises `DeliveryFailed`."""


class DueSignal(Protocol):
    """Tells at once when a commit made something due."""

    def wait(self, timeout: float) -> bool:
        """Up to `timeout` seconds; True when something became due. Raises `StorageUnavailable`."""

    def close(self) -> None:
        """Listen no more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRequest:
    """Somebody cancelled an analysis while the claim with this epoch worked on it."""

    analysis_id: int
    epoch: int


class StopSignal(Protocol):
    """Tells at once which running analyses shall end. The heartbeat tells later, so nothing depends on it."""

    def listen(self) -> bool:
        """Begin, when not begun. True: just now, so something may have been missed. Raises `StorageUnavailable`."""

    def wait(self, timeout: float) -> Sequence[StopRequest]:
        """Up to `timeout` seconds; what was asked meanwhile. Raises `StorageUnavailable`."""

    def close(self) -> None:
        """Listen no more."""


class Broker(Protocol):
    """The doorbell. It may lose rings: the store remembers."""

    def ring(self, bells: Sequence[Doorbell]) -> None:
        """Send. Raises `BrokerUnavailable`."""

    def depth(self, queue: str) -> int:
        """Messages waiting in a queue. Raises `BrokerUnavailable`."""

    def recall(self, queue: str, analysis_ids: Sequence[int]) -> int:
        """Take the messages for these out of the queue again; how many were still there.

        Raises `BrokerUnavailable`.
        """
