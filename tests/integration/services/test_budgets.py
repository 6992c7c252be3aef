"""Budgets through the real store: whatever comes at the same time, nobody spends more than there is."""

import threading
from dataclasses import replace

import pytest

from app.clock import SystemClock
from app.domain.analyses import Source, Status
from app.domain.batches import BatchItem, NewBatch
from app.domain.budgets import Budget, Spending
from app.domain.errors import BudgetExhausted, InvalidInput, NotFound, ProviderThrottled, ProviderTimeout
from app.domain.logs import PreparedLog
from app.domain.prompts import Completion, Message, Prompt, Usage
from app.providers.rules import Rules
from app.services.batches import Batches
from app.services.budgets import Budgets
from app.services.metering import Metering
from app.services.routing import Routing
from tests.support.kernels import Kernel, kernel
from tests.support.stores import PREPARED, Store, at_once
from tests.support.tiny_providers import answer, scripted


def cost(_provider: str, model: str, tokens: tuple[int, int]) -> int | None:
    """A micro-dollar for each token in, five for each one out."""
    return tokens[0] + 5 * tokens[1] if model == "tiny" else None


def prompt(*, log: PreparedLog = PREPARED, tokens: int = 100, most: int = 50) -> Prompt:
    return Prompt(
        system="s",
        messages=(Message(role="user", content="u"),),
        schema={},
        log=log,
        language="en",
        model=None,
        tokens_estimated=tokens,
        max_output_tokens=most,
    )


class Watchful:
    """A watch that nothing disturbs."""

    def check(self) -> None:
        """Go on."""

    def seconds_left(self) -> float | None:
        return None

    def token(self, text: str) -> None:
        """Heard."""


class Crowded:
    """Answers at once, any number of threads, and counts its calls."""

    name, model, token_budget = "ollama", "tiny", 8000

    def __init__(self, usage: Usage) -> None:
        self.usage = usage
        self.calls = 0
        self._lock = threading.Lock()

    def complete(self, _prompt: Prompt, _watch: Watchful) -> Completion:
        with self._lock:
            self.calls += 1
        return Completion(text="{}", model="tiny", usage=self.usage)

    def health(self) -> None:
        return None


@pytest.fixture
def budgets(store) -> Budgets:
    return Budgets(store.unit_of_work, SystemClock())


@pytest.fixture
def metering(store) -> Metering:
    return Metering(store.unit_of_work, cost)


def used(store: Store) -> Spending:
    with store.unit_of_work() as tx:
        return tx.budgets.state(store.project).used


def metered(store: Store, provider, **changes) -> Kernel:
    return kernel(store, provider, meter=Metering(store.unit_of_work, cost), **changes)


@pytest.mark.parametrize(
    ("budget", "calls"),
    [
        (Budget(requests=7), 7),
        (Budget(tokens=7 * 150 + 149), 7),
        # 100 tokens in and 50 out: 100 + 250 micro-dollars
        (Budget(cost_micro_usd=7 * 350 + 349), 7),
        (Budget(requests=9, tokens=3 * 150, cost_micro_usd=10**9), 3),
        (Budget(tokens=149), 0),
        (Budget(requests=0), 0),
    ],
)
def test_fifty_threads_reserve_no_more_than_there_is(store, budgets, metering, budget, calls):
    budgets.set(store.project, budget)
    most = metering.most("ollama", "tiny", prompt())
    found = at_once(50, lambda _: metering.reserve(store.project, most))
    reserved = [one for one in found if not isinstance(one, Exception)]
    assert len(reserved) == calls
    assert {type(one) for one in found if isinstance(one, Exception)} == {BudgetExhausted}
    assert used(store) == Spending(requests=calls, tokens=150 * calls, cost_micro_usd=350 * calls)


def test_fifty_threads_calling_and_settling_spend_no_more_than_there_is(store, budgets, metering):
    budgets.set(store.project, Budget(tokens=2000))
    provider = Crowded(Usage(prompt_tokens=90, completion_tokens=30, cost_micro_usd=240))
    calls = at_once(50, lambda _: metering(provider, store.project).complete(prompt(), Watchful()))
    refused = [one for one in calls if isinstance(one, BudgetExhausted)]
    assert len(refused) + provider.calls == 50
    assert refused
    assert used(store) == Spending(
        requests=provider.calls, tokens=120 * provider.calls, cost_micro_usd=240 * provider.calls
    )
    assert 13 <= provider.calls <= 16, "each reserved 150 of 2000 and gave 30 back"
    assert used(store).tokens <= 2000


def test_what_was_not_used_is_there_for_the_next_call(store, budgets, metering):
    budgets.set(store.project, Budget(tokens=300))
    provider = Crowded(Usage(prompt_tokens=10, completion_tokens=5))
    for _ in range(10):
        metering(provider, store.project).complete(prompt(), Watchful())
    assert used(store) == Spending(requests=10, tokens=150)
    with pytest.raises(BudgetExhausted, match="150 of 300 tokens"):
        metering(provider, store.project).complete(prompt(tokens=101), Watchful())


@pytest.mark.parametrize(
    ("error", "left"),
    [(ProviderThrottled(), Spending()), (ProviderTimeout(), Spending(requests=1, tokens=150, cost_micro_usd=350))],
)
def test_a_call_that_nobody_charges_for_is_taken_back(store, budgets, metering, error, left):
    budgets.set(store.project, Budget(tokens=300))
    with pytest.raises(type(error)):
        metering(scripted(error), store.project).complete(prompt(), Watchful())
    assert used(store) == left


def test_a_project_without_a_budget_may_spend_anything_and_is_not_counted(store, metering):
    provider = Crowded(Usage(prompt_tokens=10**9))
    metering(provider, store.project).complete(prompt(), Watchful())
    assert used(store) == Spending()


def test_another_projects_budget_is_its_own(store, budgets, metering):
    budgets.set(store.project, Budget(requests=0))
    other = store.new_project("other")
    budgets.set(other, Budget(requests=1))
    metering.reserve(other, Spending(requests=1))
    assert [state.project for state in budgets.states()] == ["default", "other"]
    assert [state.used.requests for state in budgets.states()] == [0, 1]


def test_a_new_month_begins_with_nothing_used(store, budgets, metering):
    budgets.set(store.project, Budget(requests=1))
    metering.reserve(store.project, Spending(requests=1))
    store.run("UPDATE budget_uses SET month = month - interval '1 month'")
    metering.reserve(store.project, Spending(requests=1))
    assert used(store) == Spending(requests=1)


def test_a_call_is_settled_in_the_month_it_was_reserved_in(store, budgets, metering):
    budgets.set(store.project, Budget(tokens=100))
    reservation = metering.reserve(store.project, Spending(requests=1, tokens=80))
    store.run("UPDATE budget_uses SET month = month - interval '1 month'")
    earlier = replace(reservation, month=store.ask("SELECT month FROM budget_uses"))
    metering.reserve(store.project, Spending(requests=1, tokens=70))
    metering.settle(earlier, Spending(requests=1, tokens=10))
    assert store.rows("SELECT tokens FROM budget_uses ORDER BY month") == [(10,), (70,)]


def test_an_analysis_beyond_the_budget_is_answered_by_the_rules(store, budgets):
    running = metered(store, scripted(answer()))
    first = running.answered()
    assert (first.provider, first.degraded) == ("ollama", False)
    budgets.set(store.project, Budget(tokens=10))
    found = running.answered(log="another\nOOMKilled\n")
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", True)
    assert found.error.code == "budget_exhausted"
    assert len(found.diagnosis.summary) > 10


def test_a_batch_that_wants_a_model_is_refused_whole_when_nothing_is_left(store, budgets):
    running = metered(store, scripted(answer()), afford=budgets.check)
    routing = Routing(providers={"ollama": scripted(answer()), "rules": Rules()}, auto=("ollama",))
    batches = Batches(store.unit_of_work, running.analyses, routing, max_bytes=10_000, cache_ttl=0)
    budgets.set(store.project, Budget(requests=0))

    def batch(*sources: Source) -> NewBatch:
        logs = [store.submission(log=f"ERROR {number}\n", source=source) for number, source in enumerate(sources)]
        return NewBatch(
            project_id=store.project,
            items=[BatchItem(custom_id=str(number), submission=log) for number, log in enumerate(logs)],
        )

    with pytest.raises(BudgetExhausted):
        batches.submit(batch(Source.RULES, Source.AUTO))
    assert store.ask("SELECT count(*) FROM analysis_results") == 0
    assert batches.submit(batch(Source.RULES, Source.RULES)).batch.total == 2


def test_nothing_left_refuses_what_wants_a_model_and_takes_the_rest(store, budgets):
    running = metered(store, scripted(answer()), afford=budgets.check)
    told = running.submit(idempotency_key="k")
    running.finish(told)
    budgets.set(store.project, Budget(requests=0))
    with pytest.raises(BudgetExhausted, match="0 of 0 requests"):
        running.submit(log="something new\n")
    assert store.ask("SELECT count(*) FROM analysis_results") == 1, "what is refused is not stored"
    assert running.submit(log="something new\n", source=Source.RULES)
    assert running.submit(idempotency_key="k") == told
    assert running.get(running.submit()).cached
    budgets.set(store.project, Budget())
    assert running.submit(log="something new\n")


def test_setting_a_budget_is_in_the_audit_log(store, budgets):
    budgets.set(store.project, Budget(tokens=5), actor="1f0c9a2e")
    assert store.rows("SELECT actor, act, subject, details ->> 'tokens' FROM audit_log") == [
        ("1f0c9a2e", "budget.set", "default", "5")
    ]


@pytest.mark.parametrize("budget", [Budget(tokens=-1), Budget(requests=10**16)])
def test_a_budget_that_no_column_holds_is_refused(store, budgets, budget):
    with pytest.raises(InvalidInput):
        budgets.set(store.project, budget)


def test_a_project_is_found_by_its_name(store, budgets):
    assert budgets.project("default") == store.project
    with pytest.raises(NotFound, match="nobody"):
        budgets.project("nobody")
