"""The calls of the API about deliveries of webhooks, and what it answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from app.client.errors import UnexpectedAnswer
from app.client.transport import Call, Transport
from app.domain.analyses import Failure

_PATH = "/api/v1/webhooks"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """An event on its way to a receiver. `raw` is the API's object."""

    #: What the receiver gets as `webhook-id`.
    id: str
    #: "analysis.completed".
    type: str
    analysis_id: int
    #: Scheme, host and port.
    receiver: str
    #: `waiting`, `delivered` or `given_up`.
    status: str
    attempts: int
    #: Why the last attempt failed.
    error: Failure | None
    created_at: datetime | None
    #: None when there is none to come.
    next_attempt_at: datetime | None
    raw: Mapping[str, object]


class RemoteWebhooks:
    """Of the key's project on one server. All raise `ClientError`s."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, filters: Mapping[str, str] | None = None, *, limit: int | None = None) -> Iterator[Delivery]:
        """Latest event first, page after page, at most `limit`."""
        return map(self._delivery, self._transport.listed(_PATH, filters, limit=limit))

    def redeliver(self, delivery_id: str) -> Delivery:
        """Send it again, now, whatever became of it."""
        path = f"{_PATH}/{quote(delivery_id, safe='')}/redeliver"
        return self._delivery(self._transport.send(Call(method="POST", path=path)).body)

    def _delivery(self, raw: object) -> Delivery:
        fields: Mapping[str, object] = raw if isinstance(raw, Mapping) else {}
        try:
            return Delivery(
                id=str(fields["id"]),
                type=str(fields["type"]),
                analysis_id=int(str(fields["analysis_id"])),
                receiver=str(fields["receiver"]),
                status=str(fields["status"]),
                attempts=int(str(fields["attempts"])),
                error=_failure(fields.get("error")),
                created_at=_moment(fields.get("created_at")),
                next_attempt_at=_moment(fields.get("next_attempt_at")),
                raw=fields,
            )
        except (KeyError, ValueError) as error:
            raise UnexpectedAnswer(f"{self._transport.url} answered with a delivery that cannot be read") from error


def _failure(value: object) -> Failure | None:
    if not isinstance(value, Mapping):
        return None
    code, detail = str(value.get("code") or "unknown"), str(value.get("detail") or "")
    return Failure(code=code, detail=detail, retryable=value.get("retryable") is True)


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
