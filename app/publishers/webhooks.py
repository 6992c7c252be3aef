"""The publisher that POSTs to a URL: Standard Webhooks."""

import http.client
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from app import __version__
from app.domain.analyses import Analysis
from app.domain.announcements import Announcement
from app.domain.deliveries import WebhookFormat
from app.domain.errors import DeliveryFailed, ReceiverGone, WebhookUrlRefused
from app.domain.ports import Clock
from app.publishers import destinations, payloads, signing, slack
from app.publishers.destinations import Destination, Resolver, system_resolver
from app.publishers.posting import Answered, Connector, Patience, Poster, system_connector

KIND = "webhook"
_BODIES: Mapping[WebhookFormat, Callable[[Announcement, Analysis], bytes]] = {
    WebhookFormat.STANDARD: payloads.body,
    WebhookFormat.SLACK: slack.body,
}
_NO_SECRET = "This server sends no webhooks: set webhooks.secret (BIFROST_WEBHOOKS__SECRET) on it."  # noqa: S105 - advice
#: Longer than that, and a receiver's wish would be an end.
_LONGEST_WISH = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookPolicy:
    """Durations in seconds. See `app.settings.Webhooks` for meaning and defaults."""

    secret: str | None
    allowed_hosts: frozenset[str]
    schedule: tuple[float, ...]
    patience: Patience
    ca_file: str | None = None


class Webhooks:
    """`ports.Publisher` over HTTP."""

    def __init__(
        self,
        policy: WebhookPolicy,
        clock: Clock,
        *,
        resolver: Resolver = system_resolver,
        connector: Connector = system_connector,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._resolver = resolver
        self._connector = connector
        self._keys = signing.keys(policy.secret or "")
        self._made: Poster | None = None

    @property
    def schedule(self) -> Sequence[float]:
        """Seconds to wait after each failed attempt."""
        return self._policy.schedule

    def callback(self, wanted: Mapping[str, object]) -> Mapping[str, object]:
        """`{"url": …}`, perhaps with a `format` -> what to store. Raises `WebhookUrlRefused`."""
        if not self._keys:
            raise WebhookUrlRefused(_NO_SECRET)
        url = str(wanted.get("url", ""))
        stored = {"kind": KIND, "url": url, "lane": self._read(url).lane}
        wished = WebhookFormat(str(wanted.get("format", WebhookFormat.STANDARD)))
        return stored if wished is WebhookFormat.STANDARD else {**stored, "format": wished.value}

    def publish(self, announcement: Announcement, analysis: Analysis) -> None:
        """Returns when the receiver has acknowledged it. Raises `DeliveryFailed`."""
        if not self._keys:
            raise DeliveryFailed(_NO_SECRET)
        try:
            destination = self._read(str(announcement.callback.get("url", "")))
            addresses = destinations.resolve(destination, self._resolver)
        except WebhookUrlRefused as error:
            # the name may lead somewhere else tomorrow; until then, nothing is connected to
            raise DeliveryFailed(error.detail) from error
        body = _BODIES[WebhookFormat(str(announcement.callback.get("format", WebhookFormat.STANDARD)))](
            announcement, analysis
        )
        timestamp = int(self._clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"bifrost/{__version__}",
            **signing.headers(announcement.event_id, body, timestamp=timestamp, keys=self._keys),
        }
        try:
            answered = self._poster().post(destination, addresses, body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeliveryFailed(f"{destination.host} {_said(error)}.") from error
        self._judge(destination.host, answered)

    def _read(self, url: str) -> Destination:
        return destinations.read(url, allowed_hosts=self._policy.allowed_hosts)

    def _judge(self, host: str, answered: Answered) -> None:
        """Only 2xx is an acknowledgment. What else the receiver says is not repeated: it may not be a receiver."""
        status = answered.status
        if 200 <= status < 300:
            return
        if status == HTTPStatus.GONE:
            raise ReceiverGone(f"{host} answered 410: it wants to hear no more.")
        more = ", and redirects are not followed" if 300 <= status < 400 else ""
        raise DeliveryFailed(f"{host} answered {status}{more}.", retry_after=self._wish(answered.headers))

    def _wish(self, headers: Mapping[str, str]) -> float | None:
        """Seconds, as `Retry-After` asks: it holds seconds or a date."""
        wish = headers.get("retry-after", "").strip()
        if wish.isascii() and wish.isdigit():
            return min(float(wish[:9]), _LONGEST_WISH)
        try:
            until = parsedate_to_datetime(wish)
        except (ValueError, TypeError, OverflowError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(0.0, (until - self._clock.now()).total_seconds()), _LONGEST_WISH)

    def _poster(self) -> Poster:
        """Made when the first is sent: reading the authorities takes a while."""
        if self._made is None:
            context = ssl.create_default_context()
            context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
            if self._policy.ca_file:
                context.load_verify_locations(self._policy.ca_file)
            self._made = Poster(patience=self._policy.patience, context=context, connector=self._connector)
        return self._made


def _said(error: Exception) -> str:
    """What happened, in our words: theirs may hold anything."""
    return next(words for kind, words in _WORDS if isinstance(error, kind))


_WORDS: Sequence[tuple[type[Exception], str]] = (
    (ssl.SSLCertVerificationError, "shows a certificate that is not trusted for this name"),
    (ssl.SSLError, "does not speak TLS as it should"),
    (TimeoutError, "did not answer in time"),
    (ConnectionRefusedError, "refused the connection"),
    (http.client.RemoteDisconnected, "closed the connection without an answer"),
    (http.client.HTTPException, "did not answer with HTTP"),
    (OSError, "could not be reached"),
    (Exception, "could not be asked"),
)
