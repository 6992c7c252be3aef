"""Doubts that no single answer raises: what was found in parts of the log and not told, and what nobody read."""

from dataclasses import replace

from app.domain.diagnoses import Diagnosis, Doubt, Evidence
from app.domain.logs import Level, PreparedLog
from app.domain.readings import FIRST, Progress
from app.pipeline.grounding import HIGHEST, restored

#: An answer that is milder than a finding by more steps of severity is doubted. One step is a matter of opinion.
STEPS = 1


def doubted(diagnosis: Diagnosis, *doubts: Doubt) -> Diagnosis:
    """With these doubts, too, and no more confidence than the least of them leaves."""
    known = {*diagnosis.doubts, *doubts}
    confidence = min([diagnosis.confidence, *(HIGHEST[doubt] for doubt in doubts)])
    return replace(diagnosis, doubts=tuple(doubt for doubt in Doubt if doubt in known), confidence=confidence)


def doubted_one(diagnosis: Diagnosis, prepared: PreparedLog) -> Diagnosis:
    """The answer to the only prompt of a log: `unread` when a kind of error was not in it."""
    shown = {*prepared.templates_shown, *prepared.owners}
    unread = any(one.level >= Level.ERROR and index not in shown for index, one in enumerate(prepared.templates))
    return doubted(diagnosis, Doubt.UNREAD) if unread else diagnosis


def doubted_of_all(diagnosis: Diagnosis, progress: Progress) -> Diagnosis:
    """One diagnosis for several prompts: `milder` than what was found in one of them, `unread` when windows were.

    A finding counts when a line of the log proves it. Of the worst one the first line is quoted as well.
    """
    windows = progress.prepared.windows
    asked = sum(reading.place != FIRST for reading in progress.useful)
    doubts = [Doubt.UNREAD] if windows is not None and asked < windows.needed else []
    worst = max(_proved(progress), key=_rank, default=None)
    if worst is not None and _rank(worst) - _rank(diagnosis) > STEPS:
        doubts.append(Doubt.MILDER)
        quoted = restored(worst, progress.prepared.placeholders).evidence[0]
        diagnosis = replace(diagnosis, evidence=_with(diagnosis.evidence, quoted))
    return doubted(diagnosis, *doubts) if doubts else diagnosis


def _proved(progress: Progress) -> list[Diagnosis]:
    found = [reading.diagnosis for reading in progress.useful if reading.diagnosis]
    return [one for one in found if one.issues_found and one.evidence]


def _rank(diagnosis: Diagnosis) -> int:
    """One below LOW when nothing is wrong."""
    return diagnosis.severity.rank if diagnosis.issues_found else -1


def _with(evidence: tuple[Evidence, ...], quoted: Evidence) -> tuple[Evidence, ...]:
    return evidence if any(one.line == quoted.line for one in evidence) else (*evidence, quoted)
