"""One provider, one case, one score: prepared, asked and grounded by the code that the workers run."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from app.clock import SystemClock
from app.domain.diagnoses import Diagnosis
from app.domain.errors import BifrostError
from app.domain.ports import Provider
from app.pipeline.preparation import PreparationLimits, prepare
from app.services.asking import Asking
from app.services.watching import CallWatch
from tests.evals.cases import Case
from tests.support.claims import claim

TOKENS = 8000
LIMITS = PreparationLimits()
MAX_OUTPUT_TOKENS = 1200


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How one answer did. What makes no sense for a case (a healthy log has no cause) is None."""

    case: str
    group: str
    provider: str
    milliseconds: float
    #: A decisive line stands in the prompt; is among the evidence; is its first piece.
    kept: bool | None = None
    cited: bool | None = None
    first: bool | None = None
    #: Summary and root cause name the cause.
    named: bool | None = None
    #: Steps that the severity is too high (+) or too low (-); 0 is right.
    off: int | None = None
    #: A red herring is the first piece of evidence.
    misled: bool | None = None
    #: A problem was found in a healthy log.
    alarm: bool | None = None
    #: The severity that was answered, or why there was no answer.
    said: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Shares, 0 to 1, of a group's incidents; `alarms` of its healthy logs."""

    provider: str
    group: str
    incidents: int
    healthy: int
    kept: float
    cited: float
    first: float
    named: float
    right: float
    near: float
    misled: float
    alarms: float
    milliseconds: float


def score(provider: Provider, case: Case) -> Score:
    """Ask about one case. A provider that gives no answer gets the worst score there is."""
    clock = SystemClock()
    begun = clock.monotonic()
    prepared = prepare(case.log, limits=LIMITS, token_budget=min(TOKENS, provider.token_budget))
    kept = bool(case.decisive & {line.number for line in prepared.shown})
    claimed = claim(provider=provider.name)
    try:
        asking = Asking(max_output_tokens=MAX_OUTPUT_TOKENS)
        diagnosis = asking.ask(provider, claimed, prepared, CallWatch(claimed, clock)).diagnosis
    except BifrostError as problem:
        diagnosis, said = None, problem.code
    else:
        said = diagnosis.severity.value if diagnosis.issues_found else "healthy"
    facts = {"case": case.name, "group": case.group, "provider": provider.name, "said": said}
    facts["milliseconds"] = (clock.monotonic() - begun) * 1000
    if case.healthy:
        return Score(**facts, alarm=diagnosis is None or diagnosis.issues_found)
    return Score(**facts, kept=kept, **_judged(case, diagnosis))


def _judged(case: Case, diagnosis: Diagnosis | None) -> dict[str, bool | int]:
    assert case.severity is not None
    if diagnosis is None or not diagnosis.issues_found:
        # whoever sees nothing wrong has not even called it LOW
        return {"cited": False, "first": False, "named": False, "off": -1 - case.severity.rank, "misled": False}
    cited = [evidence.line for evidence in diagnosis.evidence]
    told = f"{diagnosis.summary} {diagnosis.root_cause}"
    return {
        "cited": bool(case.decisive.intersection(cited)),
        "first": bool(case.decisive.intersection(cited[:1])),
        "named": all(re.search(words, told, re.IGNORECASE) for words in case.cause),
        "off": diagnosis.severity.rank - case.severity.rank,
        "misled": bool(case.herrings.intersection(cited[:1])),
    }


def summarize(scores: Sequence[Score]) -> Summary:
    """Of one provider and one group; needs at least one incident and one healthy log."""
    incidents = [one for one in scores if one.alarm is None]
    healthy = [one for one in scores if one.alarm is not None]
    return Summary(
        provider=scores[0].provider,
        group=scores[0].group,
        incidents=len(incidents),
        healthy=len(healthy),
        kept=_share(incidents, lambda one: one.kept),
        cited=_share(incidents, lambda one: one.cited),
        first=_share(incidents, lambda one: one.first),
        named=_share(incidents, lambda one: one.named),
        right=_share(incidents, lambda one: one.off == 0),
        near=_share(incidents, lambda one: one.off is not None and abs(one.off) <= 1),
        misled=_share(incidents, lambda one: one.misled),
        alarms=_share(healthy, lambda one: one.alarm),
        milliseconds=sum(one.milliseconds for one in scores) / len(scores),
    )


def records(items: Iterable[Score | Summary]) -> list[dict[str, object]]:
    """For JSON."""
    return [asdict(item) for item in items]


def _share(scores: Sequence[Score], fact: Callable[[Score], bool | None]) -> float:
    return sum(bool(fact(one)) for one in scores) / len(scores) if scores else 0.0
