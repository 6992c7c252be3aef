"""The calls of the API about batches, and what it answers."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import orjson

from app.client.answers import RemoteAnalysis
from app.client.bodies import load_json, text_of
from app.client.errors import UnexpectedAnswer
from app.client.transport import Call, Transport

_PATH = "/api/v1/batches"
#: As the API counts items.
_ENDED = ("completed", "failed", "cancelled")

Options = TypeVar("Options")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewItem:
    """A log to analyze. `custom_id` is your name for it; with `idempotency_key`, the same item is analyzed once.

    `more`: fields of its own, as the API calls them.
    """

    custom_id: str
    log: str | bytes
    idempotency_key: str | None = None
    more: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteBatch:
    """A batch as the API tells it. `counts` by status; they add up to `total`. `raw` is the API's object."""

    id: int
    status: str
    total: int
    counts: Mapping[str, int]
    raw: Mapping[str, object]

    @property
    def ended(self) -> int:
        """How many of its items have ended."""
        return sum(self.counts.get(status, 0) for status in _ENDED)

    @property
    def finished(self) -> bool:
        """All of them."""
        return self.ended == self.total


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemResult:
    """An item that has ended."""

    custom_id: str
    position: int
    analysis: RemoteAnalysis


class RemoteBatches(Generic[Options]):
    """Of the key's project on one server. All raise `ClientError`s."""

    def __init__(
        self,
        transport: Transport,
        *,
        fields_of: Callable[[Options], Mapping[str, object]],
        read: Callable[[object], RemoteAnalysis],
    ) -> None:
        self._transport = transport
        self._fields_of = fields_of
        self._read = read

    def submit(
        self, items: Sequence[NewItem], defaults: Options | None = None, *, idempotency_key: str | None = None
    ) -> RemoteBatch:
        """Returns when all of them are durably accepted. An `ApiError` names each item for which none was."""
        whole = {
            "items": [_fields(item) for item in items],
            "defaults": {} if defaults is None else dict(self._fields_of(defaults)),
        }
        loaded = load_json(whole)
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4()), **loaded.headers}
        return self._batch(Call(method="POST", path=_PATH, body=loaded.body, headers=headers))

    def get(self, batch_id: int) -> RemoteBatch:
        """One, as it stands."""
        return self._batch(Call(method="GET", path=f"{_PATH}/{batch_id}"))

    def cancel(self, batch_id: int) -> RemoteBatch:
        """Ask for the end of all its items."""
        return self._batch(Call(method="POST", path=f"{_PATH}/{batch_id}/cancel"))

    def results(self, batch_id: int) -> Iterator[ItemResult]:
        """The items that have ended, in the order of the batch."""
        rest = b""
        for piece in self._transport.stream(Call(method="GET", path=f"{_PATH}/{batch_id}/results")):
            *lines, rest = (rest + piece).split(b"\n")
            yield from (self._result(line) for line in lines)

    def _result(self, line: bytes) -> ItemResult:
        try:
            found = orjson.loads(line)
            return ItemResult(
                custom_id=str(found["custom_id"]),
                position=int(found["position"]),
                analysis=self._read(found["analysis"]),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(f"{self._transport.url} answered with a result that cannot be read") from error

    def _batch(self, call: Call) -> RemoteBatch:
        raw = self._transport.send(call).body
        number, total, counts = raw.get("id"), raw.get("total"), raw.get("counts")
        if not isinstance(number, int) or not isinstance(total, int) or not isinstance(counts, Mapping):
            raise UnexpectedAnswer(f"{self._transport.url} answered with a batch that cannot be read")
        return RemoteBatch(id=number, status=str(raw.get("status")), total=total, counts=dict(counts), raw=raw)


def _fields(item: NewItem) -> dict[str, object]:
    key = {} if item.idempotency_key is None else {"idempotency_key": item.idempotency_key}
    return {**item.more, "custom_id": item.custom_id, "log_content": text_of(item.log), **key}
