"""The calls of the API about what failed for good."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from app.client.errors import UnexpectedAnswer
from app.client.transport import Call, Transport

_PATH = "/api/v1/dead-letters"
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """How many go again; `more`: perhaps not all."""

    count: int
    more: bool


class RemoteDeadLetters:
    """Of one server. What it answers is the API's own objects. All raise `ClientError`s."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self, filters: Mapping[str, str] | None = None, *, limit: int | None = None
    ) -> Iterator[Mapping[str, object]]:
        """Latest failure first, page after page, at most `limit`."""
        return self._transport.listed(_PATH, filters, limit=limit)

    def get(self, letter_id: str) -> Mapping[str, object]:
        """One, with everything that was tried."""
        return self._transport.send(Call(method="GET", path=f"{_PATH}/{letter_id}")).body

    def replay(self, letter_id: str) -> Mapping[str, object]:
        """Send one again; its analysis."""
        return self._transport.send(Call(method="POST", path=f"{_PATH}/{letter_id}/replay")).body

    def replay_all(self, filters: Mapping[str, str]) -> Replayed:
        """Send those again that are like this, as many as the server takes in one call."""
        answer = self._transport.send(
            Call(method="POST", path=f"{_PATH}/replay", body=orjson.dumps(dict(filters)), headers=_JSON)
        ).body
        count = answer.get("replayed")
        if not isinstance(count, int):
            raise UnexpectedAnswer(f"{self._transport.url} did not say how many go again")
        return Replayed(count=count, more=answer.get("more") is True)

    def discard(self, letter_id: str) -> None:
        """Show it no more."""
        self._transport.send(Call(method="DELETE", path=f"{_PATH}/{letter_id}"))
