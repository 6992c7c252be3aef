"""docs/security.md against the tests it names."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.house

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
RISKS = [f"API{number}" for number in range(1, 11)] + [f"LLM{number:02}" for number in range(1, 11)]


def sections() -> dict[str, str]:
    return {
        title.partition(":")[0]: body
        for title, body in re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    }


def test_every_test_that_is_named_exists():
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^\s*def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert named
    assert sorted(named - defined) == []


def test_every_risk_of_both_lists_has_its_section():
    assert [name for name in sections() if name in RISKS] == RISKS


def test_no_risk_is_without_a_test():
    assert [name for name in RISKS if "`test_" not in sections()[name]] == []
