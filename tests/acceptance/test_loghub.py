"""Real logs of eight systems, when a copy of the Loghub collection is at hand (Zhu et al., ISSRE 2023)."""

import os
from pathlib import Path

import pytest

from app.domain.analyses import Status
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
