"""Counts each request of a key, and tells it where it stands.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "submit";q=100;w=3600` says how many
in how many seconds, `RateLimit: "submit";r=99;t=3540` how many are left and in how many seconds there are more.
"""

from math import ceil

from flask import Flask, Response, g

from app.api.context import container
from app.domain.errors import RateLimited
from app.domain.keys import ApiKey, Scope
from app.domain.rates import WINDOW, Rate, Standing

#: What a call counts as, by the scope that it needs.
BY_SCOPE = {Scope.SUBMIT: Rate.SUBMIT, Scope.READ: Rate.READ, Scope.ADMIN: Rate.READ}
_NAMES = {Rate.SUBMIT: "submissions", Rate.READ: "requests other than submissions"}


def register(app: Flask) -> None:
    """Tell in every answer of `app`."""
    app.after_request(_tell)


def count(key: ApiKey, rate: Rate, *, requests: int = 1) -> None:
    """Raises `RateLimited` when the key has used up what it may do in an hour; then nothing was counted."""
    standing = container().rates.take(key, rate, count=requests)
    if standing is None:
        return
    g.standing = standing
    if not standing.admitted:
        raise RateLimited(
            f"This API key may make {standing.limit:,} {_NAMES[rate]} an hour, and has made them. Whoever runs the "
            f"server can allow more: bifrost-cli keys limit {key.prefix}",
            retry_after=standing.reset,
        )


def _tell(response: Response) -> Response:
    standing: Standing | None = g.get("standing")
    if standing is not None:
        response.headers["RateLimit-Policy"] = f'"{standing.rate}";q={standing.limit};w={WINDOW}'
        response.headers["RateLimit"] = f'"{standing.rate}";r={standing.remaining};t={ceil(standing.reset)}'
    return response
