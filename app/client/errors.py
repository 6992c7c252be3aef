"""What can go wrong between here and the API.

ClientError
├── ConnectionInvalid     the address or the key cannot be one
├── ServerUnreachable     nobody answers there: start it, or look at the address
├── ApiError              it answered with a problem
├── UnexpectedAnswer      it answered, but not as Bifrost does
└── WaitTimeout           the analysis goes on, we stopped waiting
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.client.answers import RemoteAnalysis


class ClientError(Exception):
    """The call did not succeed."""


class ConnectionInvalid(ClientError):
    """The address or the key cannot be one. Says nothing of the key."""


class ServerUnreachable(ClientError):
    """Nobody answers at that address."""


class UnexpectedAnswer(ClientError):
    """The answer is not one of Bifrost's."""


class WaitTimeout(ClientError):
    """The analysis was not finished in time. It goes on."""

    def __init__(self, analysis: RemoteAnalysis, timeout: float) -> None:
        """`analysis` is its last known state."""
        self.analysis = analysis
        super().__init__(f"analysis {analysis.id} is still {analysis.status} after {timeout:g} s; it goes on")


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """What is wrong with one field of the request."""

    field: str
    message: str


class ApiError(ClientError):
    """A problem (RFC 9457): HTTP status, stable code, detail, and errors by field."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
    ) -> None:
        """`retry_after`: seconds after which the server wants to be asked again."""
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after
        fields = "; ".join(f"{error.field}: {error.message}".rstrip(".") for error in self.errors)
        super().__init__(f"{fields or detail.rstrip('.')} ({code})")
