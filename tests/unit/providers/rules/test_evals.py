"""The floor under the labeled logs: what the rules reached may not be lost again."""

import pytest

from app.providers.rules import Rules
from tests.evals.cases import GROUPS, read_cases
from tests.evals.generating import generate
from tests.evals.scoring import score, summarize

#: At least this share is kept, cited, near in severity; at most this share of the healthy logs alarms.
KEPT, CITED, NEAR, ALARMS = 0.95, 0.8, 0.85, 0.1


@pytest.fixture(scope="module")
def cases():
    return read_cases()


@pytest.mark.parametrize("group", GROUPS)
def test_the_rules_stay_above_the_floor(cases, group):
    reached = summarize([score(Rules(), case) for case in cases if case.group == group])
    assert reached.kept >= KEPT
    assert reached.cited >= CITED
    assert reached.near >= NEAR
    assert reached.alarms <= ALARMS


def test_there_are_many_cases_and_a_third_of_the_incidents_is_held_out(cases):
    incidents = [case for case in cases if not case.healthy]
    assert len(incidents) >= 60
    assert len(cases) - len(incidents) >= 30
    assert len(incidents) <= 3 * sum(case.group == "held_out" for case in incidents)


def test_names_are_unique(cases):
    assert len({case.name for case in cases}) == len(cases)


def test_a_script_becomes_the_same_log_every_time():
    script = "@start 2025-01-01T00:00:00\n@noise go 3\n@mix go 2\n@x2 @iso it is $n\n@sec failed\n    at x"
    pools = {"go": ["@isoms served $path in ${ms}ms"]}
    log = generate(script, seed="a", pools=pools)
    assert log == generate(script, seed="a", pools=pools) != generate(script, seed="b", pools=pools)
    assert log.endswith(" failed\n    at x\n")
    assert "$" not in log
    assert "@" not in log


@pytest.mark.parametrize(
    ("wrap", "begin"),
    [("cri", "2025-01-01T00:00:"), ("docker", '{"log":"it says \\"no\\"\\n"'), ("compose", "api-1  | it")],
)
def test_a_log_can_be_wrapped(wrap, begin):
    assert generate('@start 2025-01-01T00:00:00\nit says "no"', seed="a", pools={}, wrap=wrap).startswith(begin)
