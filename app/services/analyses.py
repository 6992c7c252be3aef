"""Analyses, for whoever submits and reads them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import structlog

from app import telemetry
from app.domain.analyses import TERMINAL, Analysis, CacheMode, Filter, Mask, Status, Submission
from app.domain.errors import (
    AnalysisFinished,
    AnalysisNotFound,
    AnalysisUnfinished,
    LogDeleted,
    LogEmpty,
    LogTooLarge,
)
from app.domain.ports import Publisher
from app.domain.storage_ports import Fingerprint, Transaction, UnitOfWork
from app.pipeline.decoding import clean
from app.services.announcing import callback_for
from app.services.choosing import with_prompt
from app.services.fingerprinting import cache_key_of, log_hash_of, question_key_of, request_hash_of
from app.services.routing import RULES, Routing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """What became of a submission. `replayed`: its idempotency key was known, this is the earlier analysis."""

    analysis: Analysis
    replayed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some analyses, newest first. `next_before` goes into `Filter.before` for the next page; None on the last."""

    items: tuple[Analysis, ...]
    next_before: tuple[datetime, int] | None


class Analyses:
    """Submit, look, list, cancel, send again."""

    def __init__(  # noqa: PLR0913 - what it needs, all by name
        self,
        unit_of_work: UnitOfWork,
        routing: Routing,
        *,
        max_log_bytes: int,
        cache_ttl: float,
        mask: Mask = Mask.NONE,
        publishers: Mapping[str, Publisher] = MappingProxyType({}),
        afford: Callable[[Transaction, int], None] = lambda _tx, _project: None,
    ) -> None:
        """`afford` raises `BudgetExhausted` when a project has nothing left for a call of a model."""
        self._unit_of_work = unit_of_work
        self._routing = routing
        self._max_log_bytes = max_log_bytes
        self._cache_ttl = cache_ttl
        self._mask = mask
        self._publishers = publishers
        self.afford = afford

    def submit(self, submission: Submission) -> Submitted:
        """Accept. When this returns, the analysis is committed; nothing was said to the broker.

        Raises `LogEmpty`, `LogTooLarge`, `IdempotencyConflict`, `ProviderNotConfigured`, `WebhookUrlRefused`,
        `PromptUnknown`, `BudgetExhausted`.
        """
        submission = self.cleaned(submission)
        route = self._routing.route(submission.source)
        log_hash = log_hash_of(submission)
        request_hash = request_hash_of(submission, log_hash)
        submission = self.masked(submission)
        with self._unit_of_work() as tx:
            submission = with_prompt(tx, submission, log_hash=log_hash, needed=route.provider != RULES)
            fingerprint = self.fingerprint(submission, log_hash, request_hash)
            accepted = None
            looks = submission.cache is not CacheMode.OFF and self._cache_ttl > 0
            if looks:
                # in this order: what ends in between is in the cache
                if route.provider != RULES:
                    accepted = tx.analyses.follow(submission, route=route, fingerprint=fingerprint)
                accepted = accepted or tx.analyses.add_from_cache(
                    submission, fingerprint=fingerprint, ttl=self._cache_ttl
                )
            if accepted is None:
                accepted = tx.analyses.add(submission, route=route, fingerprint=fingerprint)
                # what is here already, and what needs no call, is answered all the same
                if route.provider != RULES and not accepted.replayed:
                    self.afford(tx, submission.project_id)
            analysis = tx.analyses.get(submission.project_id, accepted.analysis_id)
        if analysis is None:
            raise AnalysisNotFound
        if not accepted.replayed:
            self._announce(analysis, looked=looks)
        return Submitted(analysis=analysis, replayed=accepted.replayed)

    def cleaned(self, submission: Submission) -> Submission:
        """As it will be stored, but for its prompt. Raises `LogEmpty`, `LogTooLarge`, `WebhookUrlRefused`."""
        if submission.callback is not None:
            submission = replace(submission, callback=callback_for(self._publishers, submission.callback))
        decoded = clean(submission.log)
        submission = replace(
            submission, log=decoded.text, bytes_replaced=submission.bytes_replaced + decoded.bytes_replaced
        )
        check_log(submission.log, max_bytes=self._max_log_bytes)
        return submission

    def masked(self, submission: Submission) -> Submission:
        """With this server's mask, where none is asked for. A server's defaults are no part of a request's hash."""
        return replace(submission, mask=submission.mask or self._mask)

    def get(self, project_id: int, analysis_id: int, *, with_log: bool = False) -> Analysis:
        """One analysis of a project. Raises `AnalysisNotFound`."""
        with self._unit_of_work() as tx:
            analysis = tx.analyses.get(project_id, analysis_id, with_log=with_log)
        if analysis is None:
            raise AnalysisNotFound
        return analysis

    def list(self, wanted: Filter) -> Page:
        """A page of a project's analyses."""
        with self._unit_of_work() as tx:
            found = tx.analyses.list(wanted)
        items = tuple(found[: wanted.limit])
        more = len(found) > wanted.limit
        return Page(items=items, next_before=(items[-1].created_at, items[-1].id) if more else None)

    def cancel(self, project_id: int, analysis_id: int) -> Analysis:
        """Cancel at once when it waits, ask its worker when it runs.

        Raises `AnalysisNotFound`, and `AnalysisFinished` when it ended in another way before.
        """
        with self._unit_of_work() as tx:
            before = tx.analyses.get(project_id, analysis_id)
            if before is None:
                raise AnalysisNotFound
            status = tx.analyses.cancel(project_id, analysis_id)
            after = tx.analyses.get(project_id, analysis_id)
        if after is None:
            raise AnalysisNotFound
        if status in TERMINAL and status is not Status.CANCELLED:
            raise AnalysisFinished(f"The analysis is already {status}.")
        log.info("analysis_cancel_requested", analysis_id=analysis_id, status=after.status)
        if after.status in TERMINAL and before.status not in TERMINAL:
            _count(after)
        return after

    def retry(self, project_id: int, analysis_id: int) -> Analysis:
        """Send a failed or cancelled one again: the same id, from the beginning, without its deadline.

        Raises `AnalysisNotFound`, `AnalysisFinished` when it is completed, `AnalysisUnfinished` when it has not ended,
        `LogDeleted` when there is nothing left to read, and `ProviderNotConfigured` when nobody answers its source any
        more.
        """
        before = self.get(project_id, analysis_id)
        route = self._routing.route(before.source)
        with self._unit_of_work() as tx:
            gone = tx.analyses.retry(project_id, analysis_id, route=route)
            after = tx.analyses.get(project_id, analysis_id)
        if after is None:
            raise AnalysisNotFound
        if not gone:
            if after.status is Status.COMPLETED:
                raise AnalysisFinished("The analysis is already completed.")
            if after.status in TERMINAL:
                raise LogDeleted
            raise AnalysisUnfinished(f"The analysis has not ended yet: it is {after.status}.")
        log.info("analysis_replayed", analysis_id=analysis_id, replays=after.replays)
        return after

    def fingerprint(self, submission: Submission, log_hash: str, request_hash: str) -> Fingerprint:
        """Of a cleaned submission that has its prompt and its mask."""
        question_key = question_key_of(submission, identity=self._routing.identity(submission.source))
        return Fingerprint(
            log_hash=log_hash,
            cache_key=cache_key_of(question_key, log_hash),
            question_key=question_key,
            request_hash=request_hash,
        )

    @staticmethod
    def _announce(analysis: Analysis, *, looked: bool) -> None:
        if analysis.cached:
            _count(analysis)
        # of one that follows another, it is told when it is answered
        if looked and (analysis.cached or analysis.cached_from is None):
            telemetry.count_cache_lookup("exact", "hit" if analysis.cached else "miss")
        log.info(
            "analysis_accepted",
            analysis_id=analysis.id,
            source=analysis.source,
            priority=analysis.priority.name,
            cached=analysis.cached,
        )


def check_log(text: str, *, max_bytes: int) -> None:
    """Raises `LogTooLarge` or `LogEmpty` for what nobody would read."""
    size = len(text.encode())
    if size > max_bytes:
        raise LogTooLarge(f"The log has {size:,} bytes; this server accepts up to {max_bytes:,}.")
    if not text or text.isspace():
        raise LogEmpty


def _count(analysis: Analysis) -> None:
    """What ends without a worker is counted here."""
    telemetry.count_analysis(
        status=analysis.status,
        source=analysis.source,
        provider=analysis.provider,
        degraded=analysis.degraded,
        seconds=analysis.duration_seconds or 0.0,
    )
