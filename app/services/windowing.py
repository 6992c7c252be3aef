"""A log that needs several prompts: the first, then its windows, then one that makes a single diagnosis of all."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from app import telemetry
from app.domain.analyses import Claim, Failure
from app.domain.diagnoses import Diagnosis
from app.domain.errors import AnswerMalformed, AnswerRefused, AnswerTruncated, PromptTooLong, ProviderError
from app.domain.logs import PreparedLog, Window
from app.domain.ports import Clock, Health, Provider, Watch
from app.domain.prompts import Completion, Prompt
from app.domain.readings import FIRST, Progress, Reading
from app.pipeline.doubting import doubted_of_all, doubted_one
from app.pipeline.gathering import covered, gathered_log, most_telling, window_log
from app.pipeline.grounding import restored
from app.pipeline.rendering import markdown
from app.pipeline.windows import WindowLimits
from app.services.asking import Asked
from app.services.guarding import Guarding
from app.services.routing import RULES
from app.services.settling import GiveBack

log = structlog.get_logger(__name__)

#: What one answer is about, not its provider: the next window may do better.
_OF_ONE_ANSWER = (AnswerMalformed, AnswerRefused, AnswerTruncated, PromptTooLong)
#: The next call may take this much longer than the slowest so far.
_SLOWER = 1.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What an attempt can do while its calls go on."""

    #: Prepare the log anew for half the tokens.
    smaller: Callable[[], PreparedLog]
    #: Whether to wait and ask again after this error.
    again: Callable[[ProviderError], GiveBack | None]
    #: Store what was paid for. Raises `LeaseLost` when the analysis is somebody else's by now.
    keep: Callable[[Progress], None]


class Windowing:
    """`Guarding` for logs with windows; each call passes the guard by itself, one after the other."""

    def __init__(self, guarding: Guarding, *, limits: WindowLimits, clock: Clock) -> None:
        self._guarding = guarding
        self._limits = limits
        self._clock = clock

    def ask(self, provider: Provider, claim: Claim, progress: Progress, watch: Watch, *, course: Course) -> Asked:
        """As `Guarding.ask`, going on where `progress` stands. Once the first prompt is answered it raises no
        `ProviderError`, but a `GiveBack` as long as `course.again` has one; then what was answered has to do.
        """
        if provider.name == RULES:
            # they read every template that is kept, shown or not
            return self._guarding.ask(provider, claim, progress.prepared, watch)
        counted = _Counted(provider)
        reader = _Reader(self._guarding, counted, claim, watch, course=course, clock=self._clock)
        try:
            return reader.read(progress, self._limits)
        finally:
            if counted.calls:
                telemetry.count_calls(counted.calls, provider=provider.name)


class _Counted:
    """A provider that counts how often it is asked."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.name, self.model, self.token_budget = provider.name, provider.model, provider.token_budget
        self.health: Callable[[], Health] = provider.health
        self.calls = 0

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        self.calls += 1
        return self._provider.complete(prompt, watch)


class _Reader:
    """The calls of one attempt at one analysis."""

    def __init__(
        self, guarding: Guarding, provider: _Counted, claim: Claim, watch: Watch, *, course: Course, clock: Clock
    ) -> None:
        self._guarding = guarding
        self._provider = provider
        self._claim = claim
        self._watch = watch
        self._course = course
        self._clock = clock
        #: Seconds that the last prompt took, and the slowest.
        self._took = self._slowest = 0.0
        self._shortfall: ProviderError | None = None

    def read(self, progress: Progress, limits: WindowLimits) -> Asked:
        """All of it."""
        self._slowest = max((reading.seconds for reading in progress.readings), default=0.0)
        if not progress.readings:
            asked, progress = self._first(progress)
            if progress.prepared.windows is None:
                diagnosis = doubted_one(asked.diagnosis, progress.prepared)
                return self._told(asked, diagnosis)
            self._course.keep(progress)
        progress, going = self._windows(progress, limits)
        if not going or len(progress.useful) < 2 or not self._has_time(1):
            return self._settled(progress)
        log_of_all = gathered_log(progress, language=self._claim.language)
        try:
            asked = self._ask(log_of_all)
        except ProviderError as error:
            self._fall_short(error)
            return self._settled(progress)
        asked = replace(asked, usage=progress.usage + asked.usage, shortfall=self._failure)
        return self._told(asked, doubted_of_all(asked.diagnosis, progress))

    def _told(self, asked: Asked, diagnosis: Diagnosis) -> Asked:
        """The answer with the doubts that reading all of it has raised."""
        if diagnosis == asked.diagnosis:
            return asked
        response = markdown(diagnosis, asked.coverage, language=self._claim.language)
        return replace(asked, diagnosis=diagnosis, response=response)

    def _first(self, progress: Progress) -> tuple[Asked, Progress]:
        """The prompt that every log has. Its errors are the caller's."""
        prepared = progress.prepared

        def smaller() -> PreparedLog:
            nonlocal prepared
            prepared = self._course.smaller()
            return _bare(prepared)

        asked = self._ask(_bare(prepared), smaller=smaller)
        first = self._reading(FIRST, asked)
        return asked, Progress(prepared=prepared, readings=(first,))

    def _windows(self, progress: Progress, limits: WindowLimits) -> tuple[Progress, bool]:
        """Each window that was not asked yet, while the bounds allow it and one more call; whether to go on."""
        windows = progress.prepared.windows
        assert windows is not None
        for place, window in enumerate(windows.parts, start=FIRST + 1):
            if progress.of(place) is not None:
                continue
            if not (self._has_room(progress, limits) and self._has_time(2)):
                log.info("windows_bounded", asked=place - 1, windows=windows.needed)
                break
            try:
                reading = self._window(progress.prepared, place, window)
            except ProviderError as error:
                self._fall_short(error)
                return progress, False
            progress = replace(progress, readings=(*progress.readings, reading))
            self._course.keep(progress)
        return progress, True

    def _window(self, prepared: PreparedLog, place: int, window: Window) -> Reading:
        """What is found in it. Raises the errors that are its provider's."""
        before = self._provider.calls
        try:
            asked = self._ask(window_log(prepared, window, language=self._claim.language))
        except _OF_ONE_ANSWER as error:
            self._fall_short(error)
            # asked, paid for, and not to be asked again
            return Reading(
                place=place,
                provider=self._provider.name,
                model=self._claim.model or self._provider.model,
                diagnosis=None,
                calls=self._provider.calls - before,
                seconds=self._took,
            )
        return self._reading(place, asked, before)

    def _ask(self, prepared: PreparedLog, *, smaller: Callable[[], PreparedLog] | None = None) -> Asked:
        began = self._clock.monotonic()
        try:
            return self._guarding.ask(self._provider, self._claim, prepared, self._watch, smaller=smaller)
        finally:
            self._took = self._clock.monotonic() - began
            self._slowest = max(self._slowest, self._took)

    def _has_room(self, progress: Progress, limits: WindowLimits) -> bool:
        """For a window and the last prompt, in calls and in tokens."""
        calls = sum(reading.calls for reading in progress.readings) + 2
        tokens = progress.usage.prompt_tokens + progress.usage.completion_tokens
        return calls <= limits.max_calls and tokens + 2 * progress.prepared.coverage.token_budget <= limits.max_tokens

    def _has_time(self, calls: int, *, after: float = 0.0) -> bool:
        """Before the deadline, for calls as slow as any so far. An answer in time is better than a fuller one."""
        left = self._watch.seconds_left()
        return left is None or left > after + calls * self._slowest * _SLOWER

    def _fall_short(self, error: ProviderError) -> None:
        """A call after the first one failed: another attempt goes on from here, if there is to be one."""
        telemetry.count_error(error.code, where=self._provider.name)
        log.warning("window_failed", provider=self._provider.name, code=error.code, detail=error.detail)
        back = None if isinstance(error, _OF_ONE_ANSWER) else self._course.again(error)
        if back is not None and self._has_time(1, after=back.delay):
            raise back from error
        self._shortfall = error

    @property
    def _failure(self) -> Failure | None:
        return None if self._shortfall is None else Failure.of(self._shortfall)

    def _settled(self, progress: Progress) -> Asked:
        """Without one diagnosis of all: the most telling of those there are."""
        best = most_telling(progress.useful)
        assert best.diagnosis is not None
        coverage = covered(progress)
        diagnosis = doubted_of_all(restored(best.diagnosis, progress.prepared.placeholders), progress)
        return Asked(
            provider=best.provider,
            model=best.model,
            diagnosis=diagnosis,
            response=markdown(diagnosis, coverage, language=self._claim.language),
            coverage=coverage,
            usage=progress.usage,
            shortfall=self._failure,
        )

    def _reading(self, place: int, asked: Asked, before: int = 0) -> Reading:
        return Reading(
            place=place,
            provider=asked.provider,
            model=asked.model,
            diagnosis=asked.diagnosis,
            cited=asked.coverage.evidence_cited,
            dropped=asked.coverage.evidence_dropped,
            usage=asked.usage,
            calls=self._provider.calls - before,
            seconds=self._took,
        )


def _bare(prepared: PreparedLog) -> PreparedLog:
    """What goes to the provider again must not have its placeholders replaced in between."""
    return prepared if prepared.windows is None else replace(prepared, placeholders={})
