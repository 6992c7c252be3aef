"""What was found in parts of a log and not told, and what nobody read."""

from dataclasses import replace

import pytest

from app.domain.diagnoses import Diagnosis, Doubt, Evidence, Severity
from app.domain.readings import Progress
from app.pipeline.doubting import doubted_of_all, doubted_one
from app.pipeline.grounding import UNREAD, UNSUPPORTED
from app.pipeline.windows import WindowLimits
from tests.support.many_errors import many_errors
from tests.unit.pipeline.test_windows import FOUND, everything, prepared

pytestmark = pytest.mark.unit

ERRORS = many_errors(400)
FINE = replace(FOUND, issues_found=False, severity=Severity.LOW, confidence=0.9)


def read(**changes: object) -> Progress:
    """All windows answered; the second one as `changes` say, the others that nothing is wrong."""
    progress = everything(prepared(ERRORS), issues_found=False, severity=Severity.LOW)
    first, second, *others = progress.readings
    worse = replace(second, diagnosis=replace(second.diagnosis, issues_found=True, **changes))
    return replace(progress, readings=(first, worse, *others))


def final(severity: str) -> Diagnosis:
    return FINE if severity == "none" else replace(FINE, issues_found=True, severity=Severity(severity))


@pytest.mark.parametrize(
    ("worst", "answer", "milder"),
    [
        ("CRITICAL", "none", True),
        ("CRITICAL", "LOW", True),
        ("CRITICAL", "MEDIUM", True),
        ("CRITICAL", "HIGH", False),
        ("HIGH", "LOW", True),
        ("HIGH", "MEDIUM", False),
        ("MEDIUM", "none", True),
        ("MEDIUM", "LOW", False),
        ("LOW", "none", False),
        ("LOW", "CRITICAL", False),
    ],
)
def test_an_answer_much_milder_than_a_part_is_doubted(worst, answer, milder):
    progress = read(severity=Severity(worst))
    found = doubted_of_all(final(answer), progress)
    assert found.doubts == ((Doubt.MILDER,) if milder else ())
    assert found.confidence == (UNSUPPORTED if milder else 0.9)
    proof = progress.readings[1].diagnosis.evidence[:1]
    assert found.evidence == (proof if milder else ())
    assert found.severity is final(answer).severity, "a verdict is never replaced"


def test_a_finding_that_no_line_proves_makes_no_answer_too_mild():
    progress = read(severity=Severity.CRITICAL, evidence=())
    assert doubted_of_all(FINE, progress) == FINE


def test_the_first_line_of_the_worst_finding_is_quoted_once():
    progress = read(severity=Severity.CRITICAL)
    (proof, *_) = progress.readings[1].diagnosis.evidence
    known = replace(FINE, evidence=(Evidence(line=proof.line, text="known"),))
    assert doubted_of_all(known, progress).evidence == known.evidence


def test_windows_that_nobody_answered_are_said_and_limit_confidence():
    whole = read(severity=Severity.LOW)
    assert len(whole.readings) > 2
    assert doubted_of_all(FINE, whole) == FINE
    part = replace(whole, readings=whole.readings[:-1])
    assert (doubted_of_all(FINE, part).doubts, doubted_of_all(FINE, part).confidence) == ((Doubt.UNREAD,), UNREAD)
    unusable = replace(whole, readings=(*whole.readings[:-1], replace(whole.readings[-1], diagnosis=None)))
    assert doubted_of_all(FINE, unusable).doubts == (Doubt.UNREAD,)


def test_errors_that_are_in_no_prompt_are_said_where_only_one_is_allowed():
    log = prepared(ERRORS, limits=WindowLimits())
    assert log.windows is None
    found = doubted_one(replace(FOUND, confidence=0.9, doubts=(Doubt.ADDRESSED,)), log)
    assert (found.doubts, found.confidence) == ((Doubt.ADDRESSED, Doubt.UNREAD), UNREAD)
    assert doubted_one(FINE, prepared(many_errors(20))) == FINE


def test_windows_that_were_not_allowed_are_said():
    bounded = everything(prepared(many_errors(2000)), issues_found=False, severity=Severity.LOW)
    assert bounded.prepared.windows.needed > len(bounded.prepared.windows.parts) == len(bounded.readings) - 1
    assert doubted_of_all(FINE, bounded).doubts == (Doubt.UNREAD,)
