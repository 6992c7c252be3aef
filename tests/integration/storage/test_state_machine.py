"""The protocol's moves in any order against real PostgreSQL: the store does what the model says, and mutants do not.

`BIFROST_TEST_EXAMPLES` (40): how many orders are tried; the chaos suite tries 1,500.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.protocol_machine import ProtocolMachine
from tests.support.protocol_mutants import MUTANTS, mutated

pytestmark = pytest.mark.integration
EXAMPLES = int(os.environ.get("BIFROST_TEST_EXAMPLES", "40"))  # noqa: TID251 - a setting of the tests, not of Bifrost
#: Many more than any mutant needs.
MUTANT_EXAMPLES = 400


def profile(examples: int, *phases: Phase, derandomize: bool = False) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=30,
        database=None,
        phases=phases,
        derandomize=derandomize,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.timeout(600)
def test_any_order_of_moves_leaves_the_store_as_the_model_says(store):
    run_state_machine_as_test(
        lambda: ProtocolMachine(store), settings=profile(EXAMPLES, Phase.generate, Phase.shrink, Phase.explain)
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_store_that_breaks_one_rule_is_found_out(store, mutant):
    with mutated(store, mutant) as broken, pytest.raises(Exception, match=r".") as found:
        run_state_machine_as_test(
            lambda: ProtocolMachine(broken), settings=profile(MUTANT_EXAMPLES, Phase.generate, derandomize=True)
        )
    assert type(found.value).__name__ in {"AssertionError", "InternalError", "IntegrityError"}, found.value
