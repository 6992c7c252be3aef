"""What decides a severity is told to models as docs/evaluation.md tells it to people."""

import re
from pathlib import Path

import pytest

from app.domain.diagnoses import Severity
from app.pipeline.preparation import PreparationLimits, prepare
from app.pipeline.prompting import build_prompt

pytestmark = pytest.mark.unit

_PAGE = Path(__file__).parents[3] / "docs" / "evaluation.md"
#: Severity -> what each text about it has to speak of: the page, the English master, the Korean one.
CRITERIA = {
    Severity.LOW: (("Nothing is broken", "recovered"), ("nothing is broken", "recovered"), ("고장이 없거나", "복구")),
    Severity.MEDIUM: (
        ("hardly affected", "build", "today"),
        ("hardly affected", "build", "today"),
        ("거의 없음", "빌드", "오늘"),
    ),
    Severity.HIGH: (
        ("Users are affected", "down", "does not start", "restarted again and again", "now"),
        ("users are affected", "down", "does not start", "restarts again and again", "now"),
        ("사용자가 영향", "중단", "시작 실패", "반복 재시작", "지금"),
    ),
    Severity.CRITICAL: (
        ("whole service is down", "lost or at risk", "intrusion", "Wake"),
        ("whole service is down", "lost or at risk", "intrusion", "wake"),
        ("전체 중단", "손실 위험", "침입", "깨울"),
    ),
}


def told(language: str) -> str:
    prepared = prepare("ERROR x", limits=PreparationLimits(), token_budget=8000)
    return build_prompt(
        prepared,
        language=language,
        analysis_type="error",
        service_name=None,
        environment=None,
        model=None,
        max_output_tokens=1200,
    ).system


@pytest.mark.parametrize("severity", Severity)
def test_page_and_masters_agree(severity):
    page = next(
        row for row in _PAGE.read_text(encoding="utf-8").splitlines() if row.startswith(f"| {severity.value} |")
    )
    masters = (re.findall(rf"^ *{severity.value}: (.*)$", told(language), re.MULTILINE) for language in ("en", "ko"))
    for text, words in zip((page, *(found[0] for found in masters)), CRITERIA[severity], strict=True):
        assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_model_is_told_that_a_log_may_be_healthy(language):
    assert "issues_found" in told(language)
