"""The audit log, for whoever reads it."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.audit import Act, Entry, EntryFilter, NewEntry
from app.domain.storage_ports import Transaction, UnitOfWork


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryPage:
    """Some entries, latest first. `next_before` goes into `EntryFilter.before`; None on the last page."""

    items: tuple[Entry, ...]
    next_before: tuple[datetime, int] | None


class Auditing:
    """List. Each service notes its own acts down, in the transaction of the act."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    def list(self, wanted: EntryFilter) -> EntryPage:
        """A page of them."""
        with self._unit_of_work() as tx:
            found = tx.audit.list(wanted)
        items = tuple(found[: wanted.limit])
        more = len(found) > wanted.limit
        return EntryPage(items=items, next_before=(items[-1].at, items[-1].id) if more else None)


def note(tx: Transaction, act: Act, subject: str, *, project_id: int, actor: str, **details: object) -> None:
    """Note an act down in its own transaction: it stands when the act does. No secrets in `details`."""
    tx.audit.add(NewEntry(project_id=project_id, actor=actor, act=act, subject=subject, details=details))
