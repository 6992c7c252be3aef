"""Logs that are read while somebody waits for the answer: plans, excerpts, statistics. Nothing is stored."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.domain.analyses import Mask, Submission
from app.domain.errors import AnalysisNotFound, LogDeleted, PreviewsBusy
from app.domain.excerpts import Excerpt, LogStatistics, Wanted
from app.domain.logs import PreparedLog
from app.domain.plans import Plan
from app.domain.ports import Clock, Provider
from app.domain.storage_ports import UnitOfWork
from app.pipeline.composition import compose
from app.pipeline.decoding import clean
from app.pipeline.filtering import Paging, excerpt
from app.pipeline.gathering import window_log
from app.pipeline.preparation import PreparationLimits, prepare
from app.pipeline.prompting import build_prompt
from app.pipeline.windows import WindowLimits
from app.services.analyses import check_log
from app.services.choosing import with_prompt
from app.services.fingerprinting import log_hash_of
from app.services.routing import RULES, Routing

#: Seconds after which whoever was turned away may come back: about what one large log takes.
_RETRY_AFTER = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewPolicy:
    """`slots`: logs read at a time in this process; `patience`: seconds to wait for one. See `app.settings`."""

    slots: int
    patience: float
    max_log_bytes: int
    token_budget: int
    max_output_tokens: int
    preparation: PreparationLimits
    mask: Mask = Mask.NONE


class Previews:
    """Plan, filter, count. All raise `PreviewsBusy` when as many logs as may be are being read."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        routing: Routing,
        *,
        policy: PreviewPolicy,
        cost: Callable[[str, str, tuple[int, int]], int | None],
        clock: Clock,
    ) -> None:
        """`cost`: provider, model, tokens in and out -> micro-dollars, None when the model has no price."""
        self._unit_of_work = unit_of_work
        self._routing = routing
        self._policy = policy
        self._cost = cost
        self._clock = clock
        self._slots = threading.BoundedSemaphore(policy.slots)

    def plan(self, submission: Submission) -> Plan:
        """What `Analyses.submit` would set going, were there no cache.

        Raises `LogEmpty`, `LogTooLarge`, `ProviderNotConfigured`, `PromptUnknown`.
        """
        text, replaced = self._checked(submission.log)
        chain = self._routing.chain(submission.source)
        first = chain[0]
        limits = self._policy.preparation
        if first.name == RULES:
            limits = replace(limits, windows=WindowLimits())
        prompt = self._prompt(replace(submission, log=text), needed=first.name != RULES)
        with self._slot():
            prepared = prepare(
                text,
                limits=limits,
                token_budget=min(self._policy.token_budget, first.token_budget),
                bytes_replaced=submission.bytes_replaced + replaced,
                mask=submission.mask or self._policy.mask,
                text=prompt.text,
            )
        model = _model(first, submission)
        asked = _prompt_tokens(prepared, submission, prompt)
        calls = 0 if first.name == RULES else len(asked)
        tokens = (sum(asked[:calls]), calls * (prompt.max_output_tokens or self._policy.max_output_tokens))
        return Plan(
            provider=first.name,
            model=model,
            chain=tuple(provider.name for provider in chain),
            coverage=replace(prepared.coverage, tokens_estimated=asked[0]),
            calls=calls,
            prompt_tokens=tokens[0],
            max_completion_tokens=tokens[1],
            max_cost_micro_usd=self._cost(first.name, model, tokens),
        )

    def _prompt(self, submission: Submission, *, needed: bool) -> "_Prompt":
        """What the model would be told. Raises `PromptUnknown`."""
        with self._unit_of_work() as tx:
            ref = with_prompt(tx, submission, log_hash=log_hash_of(submission), needed=needed).prompt_version
            stored = tx.prompts.version(submission.project_id, ref.name, ref.version) if ref and ref.version else None
        if stored is None:
            return _Prompt()
        text = stored.texts.get(submission.language) or next(iter(stored.texts.values()), None)
        return _Prompt(text=text, max_output_tokens=stored.config.max_output_tokens)

    def filter(self, log: str, wanted: Wanted, paging: Paging) -> Excerpt:
        """Records of a log. Raises `LogEmpty`, `LogTooLarge`, `PatternInvalid`."""
        return self._excerpt(self._checked(log)[0], wanted, paging)

    def filter_stored(self, project_id: int, analysis_id: int, wanted: Wanted, paging: Paging) -> Excerpt:
        """Records of an analysis' log. Raises `AnalysisNotFound`, `LogDeleted`, `PatternInvalid`."""
        return self._excerpt(self._stored(project_id, analysis_id), wanted, paging)

    def statistics(self, log: str, *, most: int) -> LogStatistics:
        """Counts of a log, and its `most` telling templates. Raises `LogEmpty`, `LogTooLarge`."""
        return self._composed(self._checked(log)[0], most)

    def statistics_stored(self, project_id: int, analysis_id: int, *, most: int) -> LogStatistics:
        """The same of an analysis' log. Raises `AnalysisNotFound`, `LogDeleted`."""
        return self._composed(self._stored(project_id, analysis_id), most)

    def _checked(self, log: str) -> tuple[str, int]:
        decoded = clean(log)
        check_log(decoded.text, max_bytes=self._policy.max_log_bytes)
        return decoded.text, decoded.bytes_replaced

    def _stored(self, project_id: int, analysis_id: int) -> str:
        with self._unit_of_work() as tx:
            analysis = tx.analyses.get(project_id, analysis_id, with_log=True)
        if analysis is None:
            raise AnalysisNotFound
        if analysis.log_content is None:
            raise LogDeleted
        return analysis.log_content

    def _excerpt(self, log: str, wanted: Wanted, paging: Paging) -> Excerpt:
        with self._slot():
            return excerpt(log, wanted, paging, self._clock.now())

    def _composed(self, log: str, most: int) -> LogStatistics:
        with self._slot():
            return compose(log, most=most, limits=self._policy.preparation)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """Reading takes a processor from everybody else of this process: few at a time, and nobody waits for long."""
        if not self._slots.acquire(timeout=self._policy.patience):
            raise PreviewsBusy(retry_after=_RETRY_AFTER)
        try:
            yield
        finally:
            self._slots.release()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prompt:
    """The text of a stored prompt and what it asks for. None: the master, the server's setting."""

    text: str | None = None
    max_output_tokens: int | None = None


def _prompt_tokens(prepared: PreparedLog, submission: Submission, prompt: _Prompt) -> list[int]:
    """Of each question: the first, those of the windows, and the one that makes a single diagnosis of all."""

    def estimated(log: PreparedLog) -> int:
        return build_prompt(
            log,
            language=submission.language,
            analysis_type=submission.analysis_type,
            service_name=submission.service_name,
            environment=submission.environment,
            model=submission.model,
            # says nothing of the question's own length
            max_output_tokens=0,
            text=prompt.text,
        ).tokens_estimated

    if prepared.windows is None:
        return [estimated(prepared)]
    windows = [estimated(window_log(prepared, part, language=submission.language)) for part in prepared.windows.parts]
    # what the last one says is known when the others are answered: it may take all that a prompt may have
    return [estimated(prepared), *windows, prepared.coverage.token_budget]


def _model(provider: Provider, submission: Submission) -> str:
    return provider.model if provider.name == RULES else submission.model or provider.model
