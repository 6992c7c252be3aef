"""Real logs of eight systems, when a copy of the Loghub collection is at hand (Zhu et al., ISSRE 2023)."""

import csv
import os
from pathlib import Path

import pytest

from app.domain.analyses import Status
from app.domain.logs import Level
from app.pipeline.prompting import overhead
from app.pipeline.steps import STEPS, Draft
from tests.support.stacks import Running, assert_true_to

DIRECTORY = Path(os.environ.get("BIFROST_TEST_LOGHUB", "/nonexistent"))  # noqa: TID251 - where the tests find it
LOGS = sorted(DIRECTORY.glob("*/*_2k.log"))

pytestmark = pytest.mark.skipif(not LOGS, reason="BIFROST_TEST_LOGHUB names no copy of Loghub")


@pytest.fixture(scope="module")
def bifrost(everyday) -> Running:
    return everyday


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_real_log_gets_only_true_evidence_and_its_coverage_adds_up(bifrost, path):
    log = path.read_text(encoding="utf-8", errors="replace")
    found = bifrost.answered(log, source="rules")
    assert (found.status, found.degraded) == (Status.COMPLETED, False)
    assert_true_to(log, found)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_every_error_of_a_real_log_is_in_its_prompt_within_8000_tokens(path):
    draft = Draft(
        text=path.read_text(encoding="utf-8", errors="replace"),
        max_line_chars=1000,
        max_templates=2000,
        token_budget=8000,
        overhead=overhead(8000),
    )
    for step in STEPS:
        step(draft)
    assert draft.overhead + draft.fitted.tokens <= 8000
    shown = {draft.kept[index] for index in draft.fitted.templates_shown}
    lines = {line.number for line in draft.fitted.shown}
    for number in errors(path, draft):
        assert draft.mining.template_of(number - 1) in shown or number in lines


def errors(path, draft):
    """Numbers of the lines that say of themselves that they are errors, and of those that we take for errors."""
    with (path.parent / f"{path.name}_structured.csv").open(encoding="utf-8", newline="") as file:
        said = {
            int(row["LineId"])
            for row in csv.DictReader(file)
            if row.get("Level", "").lower() in ("error", "err", "crit", "fatal", "severe", "alert", "emerg")
        }
    ours = {
        index + 1
        for index in range(len(draft.lines))
        if not draft.blank(index) and draft.mining.templates[draft.mining.template_of(index)].level >= Level.ERROR
    }
    return said | ours
