"""The guard of a server that has nothing to share one in: everything passes."""

from collections.abc import Sequence

from app.domain.errors import ProviderError
from app.domain.guards import Load, Ticket, Verdict


class OpenGuard:
    """`ports.Guard` that knows nothing."""

    def admit(self, provider: str, model: str) -> Ticket:
        """Always."""
        return Ticket(id="", provider=provider, place="", model=model, slot=False)

    def settle(self, ticket: Ticket, verdict: Verdict, error: ProviderError | None = None) -> None:
        """Nothing to give back."""

    def renew(self) -> None:
        """Nothing to keep."""

    def loads(self) -> Sequence[Load]:
        """Nothing to tell."""
        return ()
