"""The calls of the API that need the scope `admin`: keys, the budget, the audit log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import orjson

from app.client.transport import Call, Transport

_KEYS, _BUDGET, _AUDIT = "/api/v1/api-keys", "/api/v1/budget", "/api/v1/audit-log"
_JSON = {"Content-Type": "application/json"}

Object = Mapping[str, object]


class RemoteAdministration:
    """Of the key's project on one server. What it answers is the API's own objects. All raise `ClientError`s."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_keys(self) -> Sequence[Object]:
        """All of the project, newest first, without their secrets."""
        return self._transport.items(self._send("GET", _KEYS))

    def create_key(
        self, name: str, scopes: Sequence[str], *, expires_at: datetime | None = None, **limits: int | None
    ) -> Object:
        """A new one; its `token` is shown this once. `limits`: `submits_per_hour`, `reads_per_hour`."""
        body = {"name": name, "scopes": list(scopes), "expires_at": expires_at, **limits}
        return self._send("POST", _KEYS, body)

    def limit_key(self, prefix: str, **limits: int | None) -> Object:
        """Change `submits_per_hour` or `reads_per_hour`; 0: any number, None: as the server says."""
        return self._send("PATCH", f"{_KEYS}/{prefix}", limits)

    def rotate_key(self, prefix: str, *, overlap_seconds: float | None = None) -> Object:
        """`created`, with its `token`, and `replaced`, valid until its `expires_at`."""
        return self._send("POST", f"{_KEYS}/{prefix}/rotate", {"overlap_seconds": overlap_seconds})

    def revoke_key(self, prefix: str) -> Object:
        """From now on it is invalid."""
        return self._send("POST", f"{_KEYS}/{prefix}/revoke")

    def budget(self) -> Object:
        """`budget`, `used` and `left` of this month (needs the scope `read` only)."""
        return self._send("GET", _BUDGET)

    def set_budget(
        self, *, requests: int | None = None, tokens: int | None = None, cost_usd: float | None = None
    ) -> Object:
        """In place of the present one; None is any number."""
        return self._send("PUT", _BUDGET, {"requests": requests, "tokens": tokens, "cost_usd": cost_usd})

    def audit_log(self, filters: Mapping[str, str] | None = None, *, limit: int | None = None) -> Iterator[Object]:
        """Latest first, page after page, at most `limit`. `filters`: `actor`, `act`, `since`, `until`."""
        return self._transport.listed(_AUDIT, filters, limit=limit)

    def _send(self, method: str, path: str, body: Object | None = None) -> Object:
        if body is None:
            return self._transport.send(Call(method=method, path=path)).body
        return self._transport.send(Call(method=method, path=path, body=orjson.dumps(body), headers=_JSON)).body
