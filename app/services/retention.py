"""Deletes what is old enough: logs first, then whole analyses, a batch at a time."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from app.domain.storage_ports import UnitOfWork

log = structlog.get_logger(__name__)

_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionPolicy:
    """0 days: never. See `app.settings.Retention` for meaning and defaults."""

    days: float
    log_days: float
    batch: int


class Retention:
    """Any number of processes may ask; one at a time does it."""

    def __init__(self, unit_of_work: UnitOfWork, policy: RetentionPolicy) -> None:
        self._unit_of_work = unit_of_work
        self._policy = policy
        #: Logs of what ended before are gone: they need not be looked at again.
        self._emptied_until: datetime | None = None

    def delete_batch(self) -> bool:
        """One transaction for each kind. True: there may be more. Raises `StorageUnavailable`."""
        logs, analyses = self._delete_logs(), self._delete_analyses()
        if logs or analyses:
            log.info("retention_deleted", logs=logs, analyses=analyses)
        return self._policy.batch in {logs, analyses}

    def _delete_logs(self) -> int:
        if not self._policy.log_days:
            return 0
        with self._unit_of_work() as tx:
            emptied = tx.retention.delete_logs(
                older_than=self._policy.log_days * _DAY, limit=self._policy.batch, after=self._emptied_until
            )
        self._emptied_until = emptied.until or self._emptied_until
        return emptied.count

    def _delete_analyses(self) -> int:
        if not self._policy.days:
            return 0
        with self._unit_of_work() as tx:
            return tx.retention.delete_analyses(older_than=self._policy.days * _DAY, limit=self._policy.batch)
