"""Dead letters, for whoever looks after what failed."""

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from app.domain.analyses import Source
from app.domain.audit import OPERATOR, Act
from app.domain.dead_letters import Autopsy, DeadLetter, DeadLetterFilter, Origin
from app.domain.errors import DeadLetterNotFound, LogDeleted, ProviderNotConfigured, ReplaysUsedUp
from app.domain.storage_ports import UnitOfWork
from app.services.auditing import note
from app.services.routing import PREPARE_QUEUE, Routing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterPage:
    """Some of them, latest failure first. `next_before` goes into `DeadLetterFilter.before`; None on the last page."""

    items: tuple[DeadLetter, ...]
    next_before: tuple[datetime, int] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """How many were sent again. `more`: the call's limit was reached, there may be others."""

    count: int
    more: bool


class DeadLetters:
    """List, look, replay, discard. Everything is of one project."""

    def __init__(
        self, unit_of_work: UnitOfWork, routing: Routing, *, max_replays: int, max_record_replays: int = 5
    ) -> None:
        self._unit_of_work = unit_of_work
        self._routing = routing
        self._max_replays = max_replays
        self._max_record_replays = max_record_replays

    def list(self, wanted: DeadLetterFilter) -> DeadLetterPage:
        """A page of them."""
        with self._unit_of_work() as tx:
            analyses = tx.dead_letters.list(wanted) if wanted.origin is not Origin.RECORD else ()
            records = tx.dead_records.list(wanted) if wanted.origin is not Origin.ANALYSIS else ()
        found = sorted((*analyses, *records), key=lambda letter: letter.place, reverse=True)
        items = tuple(found[: wanted.limit])
        more = len(found) > wanted.limit
        return DeadLetterPage(items=items, next_before=items[-1].place if more else None)

    def get(self, project_id: int, letter_id: int, *, origin: Origin = Origin.ANALYSIS) -> Autopsy:
        """One, with everything that was tried. Raises `DeadLetterNotFound`."""
        with self._unit_of_work() as tx:
            letters = tx.dead_records if origin is Origin.RECORD else tx.dead_letters
            found = letters.get(project_id, letter_id)
        if found is None:
            raise DeadLetterNotFound
        return found

    def replay(self, project_id: int, letter_id: int, *, actor: str = OPERATOR) -> int:
        """Send one again; its id. Raises `DeadLetterNotFound`, `LogDeleted`, `ProviderNotConfigured`."""
        with self._unit_of_work() as tx:
            found = tx.dead_letters.get(project_id, letter_id)
            if found is None:
                raise DeadLetterNotFound
            assert found.letter.source is not None, "an analysis has one"
            route = self._routing.route(found.letter.source)
            if not tx.analyses.retry(project_id, letter_id, route=route):
                # unless somebody else was quicker
                raise DeadLetterNotFound if tx.dead_letters.get(project_id, letter_id) is None else LogDeleted
            subject = f"{Origin.ANALYSIS}-{letter_id}"
            note(tx, Act.DEAD_LETTER_REPLAY, subject, project_id=project_id, actor=actor)
        log.info("analysis_replayed", analysis_id=letter_id, replays=found.letter.replays + 1)
        return letter_id

    def replay_record(self, project_id: int, letter_id: int, *, actor: str = OPERATOR) -> DeadLetter:
        """Let a record go again: the next bridge takes it in. Raises `DeadLetterNotFound`, `ReplaysUsedUp`."""
        with self._unit_of_work() as tx:
            found = tx.dead_records.get(project_id, letter_id)
            if found is None:
                raise DeadLetterNotFound
            if found.letter.replays >= self._max_record_replays:
                raise ReplaysUsedUp(
                    f"This dead letter has gone again {found.letter.replays} times, and kafka.max_replays is "
                    f"{self._max_record_replays}: discard it, or raise that setting."
                )
            tx.dead_records.want(project_id, letter_id)
            subject = f"{Origin.RECORD}-{letter_id}"
            note(tx, Act.DEAD_LETTER_REPLAY, subject, project_id=project_id, actor=actor)
        log.info("record_replayed", dead_letter_id=letter_id, replays=found.letter.replays + 1)
        return replace(found.letter, replays=found.letter.replays + 1)

    def replay_all(self, wanted: DeadLetterFilter, *, actor: str = OPERATOR) -> Replayed:
        """Send those again, oldest failure first, at most `wanted.limit` and never more than `limits.max_replays`.

        What nobody on this server could answer stays dead, and so does what has lost its log.
        """
        limit = min(wanted.limit, self._max_replays)
        count = 0
        with self._unit_of_work() as tx:
            if wanted.origin is not Origin.RECORD:
                wanted = replace(wanted, limit=limit)
                count += len(tx.dead_letters.replay(wanted, providers=self._answerers(), queue=PREPARE_QUEUE))
            if wanted.origin is not Origin.ANALYSIS and count < limit:
                wanted = replace(wanted, limit=limit - count)
                count += tx.dead_records.want_all(wanted, max_replays=self._max_record_replays)
            if count:
                note(
                    *(tx, Act.DEAD_LETTER_REPLAY, "all" if wanted.origin is None else f"all of {wanted.origin}"),
                    project_id=wanted.project_id,
                    actor=actor,
                    count=count,
                    code=wanted.code,
                    service_name=wanted.service_name,
                    since=wanted.since,
                    until=wanted.until,
                )
        log.info("dead_letters_replayed", count=count, limit=limit)
        return Replayed(count=count, more=count == limit)

    def discard(
        self, project_id: int, letter_id: int, *, origin: Origin = Origin.ANALYSIS, actor: str = OPERATOR
    ) -> None:
        """Show it no more; the analysis itself stays as it is. Raises `DeadLetterNotFound`."""
        with self._unit_of_work() as tx:
            letters = tx.dead_records if origin is Origin.RECORD else tx.dead_letters
            if not letters.discard(project_id, letter_id):
                raise DeadLetterNotFound
            note(tx, Act.DEAD_LETTER_DISCARD, f"{origin}-{letter_id}", project_id=project_id, actor=actor)
        log.info("dead_letter_discarded", origin=origin, dead_letter_id=letter_id)

    def _answerers(self) -> dict[Source, str]:
        found = {}
        for source in Source:
            try:
                found[source] = self._routing.route(source).provider
            except ProviderNotConfigured:
                continue
        return found
