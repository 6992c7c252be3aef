"""Analyses whose provider must not be asked: they wait uncounted and without a worker, within their patience."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from app.domain.analyses import Source, Status
from app.domain.errors import ProviderBusy, ProviderMisconfigured, ProviderThrottled, ProviderUnavailable
from app.domain.storage_ports import DueOrder
from app.services.dispatching import Dispatching, DispatchPolicy
from tests.support.guards import fail, guard
from tests.support.kernels import Kernel, kernel
from tests.support.stores import OLLAMA, at_once
from tests.support.tiny_providers import Hanging, Scripted, answer, scripted

LOG = "2026-01-01 12:00:00 INFO started\n2026-01-01 12:00:01 ERROR OOMKilled\n"
GAVE_BACK = "SELECT count(*) FROM analysis_attempts WHERE outcome = 'gave_back' AND error->>'code' = :code"


@pytest.fixture
def make(store, redis_url) -> Iterator[Callable[..., Kernel]]:
    guards = []

    def one(*providers: Scripted, **changes) -> Kernel:
        guards.append(guard(redis_url, **changes))
        return kernel(store, *providers, guard=guards[-1])

    yield one
    for each in guards:
        each.close()


def submit(made: Kernel, count: int, **changes) -> list[int]:
    """Prepared: the model's stage is due."""
    ids = [made.submit(log=f"{LOG}{number}\n", **changes) for number in range(count)]
    assert made.work() == count
    return ids


def test_a_provider_that_fails_is_asked_a_few_times_and_after_its_rest_answers_all(store, make):
    provider = scripted(*[ProviderUnavailable()] * 3, answer())
    made = make(provider, failures=3, rest=1.0, longest_rest=1.0)
    ids = submit(made, 20)
    found = [made.finish(analysis_id) for analysis_id in ids]
    assert {(one.provider, one.degraded, one.status) for one in found} == {("ollama", False, Status.COMPLETED)}
    assert len(provider.prompts) == 3 + 20
    assert store.ask(GAVE_BACK, code="provider_resting") >= 10
    assert store.ask("SELECT max(attempt) FROM analysis_attempts") == 2, "waiting uses no attempt up"


def test_who_has_waited_long_enough_is_answered_by_the_rules(store, make):
    provider = scripted(ProviderUnavailable())
    made = make(provider, failures=3, rest=1.6, longest_rest=1.6)
    ids = submit(made, 10)
    began = time.monotonic()
    found = [made.finish(analysis_id) for analysis_id in ids]
    assert {(one.provider, one.degraded) for one in found} == {("rules", True)}
    assert {one.error.code for one in found} <= {"provider_resting", "provider_unavailable"}
    assert time.monotonic() - began < 20
    assert len(provider.prompts) <= 3 + 4, "three to open it, and one for each rest"


def test_the_next_provider_answers_at_once_for_one_that_rests(store, make):
    first, second = scripted(ProviderUnavailable(), name="ollama"), scripted(answer(), name="bedrock")
    made = make(first, second, failures=1, rest=60, longest_rest=60)
    made.answered(log=LOG)
    found = made.answered(log=LOG + "more\n")
    assert (found.provider, found.degraded, found.error.code) == ("bedrock", False, "provider_resting")
    assert store.ask(GAVE_BACK, code="provider_resting") == 0


def test_a_wrong_configuration_is_not_waited_for(store, make):
    provider = scripted(ProviderMisconfigured())
    made = make(provider, rest=60, longest_rest=60)
    found = [made.finish(analysis_id) for analysis_id in submit(made, 5)]
    assert {(one.provider, one.error.code) for one in found} == {("rules", "provider_misconfigured")}
    assert len(provider.prompts) == 1
    assert store.ask(GAVE_BACK, code="provider_misconfigured") == 0


def test_one_throttled_analysis_makes_the_others_wait(store, make):
    provider = scripted(ProviderThrottled(retry_after=0.15), answer())
    made = make(provider)
    found = [made.finish(analysis_id) for analysis_id in submit(made, 20)]
    assert {one.provider for one in found} == {"ollama"}
    assert len(provider.prompts) == 21
    assert store.ask("SELECT sum(throttles) FROM analysis_results") == 1


class Counting:
    """A step that takes a moment and knows how many were in it at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __call__(self, *_) -> str:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.05)
        with self._lock:
            self._now -= 1
        return answer()


def test_a_full_provider_is_waited_for_without_a_worker(store, make):
    counting = Counting()
    workers = [make(scripted(counting), limit=2) for _ in range(4)]
    ids = submit(workers[0], 12)

    def work(number: int) -> None:
        for analysis_id in ids[number:] + ids[:number]:
            workers[number % 4].execution.infer(analysis_id, owner=f"w{number}")

    at_once(8, work)
    assert counting.most == 2
    assert store.ask(GAVE_BACK, code="provider_busy") > 0
    for analysis_id in ids:
        workers[0].finish(analysis_id)
    assert {store.status(analysis_id) for analysis_id in ids} == {Status.COMPLETED}
    assert store.ask("SELECT count(*) FROM analysis_results WHERE degraded") == 0
    assert store.ask("SELECT max(attempt) FROM analysis_attempts") == 1


def test_a_full_provider_is_not_waited_for_for_ever(store, make):
    step = Hanging()
    made = make(scripted(step), limit=1, silence=60)
    first, second = submit(made, 2)
    thread = threading.Thread(target=made.execution.infer, args=(first,), kwargs={"owner": "test"})
    thread.start()
    try:
        assert step.began.wait(10)
        found = made.finish(second)
        assert (found.provider, found.error.code) == ("rules", "provider_busy")
        assert 2 < found.duration_seconds < 8
    finally:
        made.execution.shut_down()
        thread.join(10)
    assert store.status(first) is Status.QUEUED


def test_a_deadline_is_met_by_the_rules_rather_than_missed_by_waiting(store, make):
    made = make(scripted(ProviderUnavailable()), failures=1, rest=2.9, longest_rest=2.9)
    [first, second] = [made.submit(log=f"{LOG}{number}", deadline_seconds=2.8) for number in range(2)]
    made.work()
    assert {made.finish(one).provider for one in (first, second)} == {"rules"}


def test_models_that_callers_name_rest_by_themselves(store, make):
    provider = scripted(lambda prompt, _: answer() if prompt.model is None else no_such_model())
    made = make(provider)
    assert made.answered(log=LOG, model="nonsense", source=Source.LOCAL).provider == "rules"
    assert made.answered(log=LOG + "2").provider == "ollama"


def no_such_model() -> str:
    raise ProviderMisconfigured


def test_the_dispatcher_rings_for_no_more_than_a_limited_provider_takes(store, broker):
    limit: dict[str, int | None] = {"infer.ollama": 3}
    policy = DispatchPolicy(window=50, window_infer=50, resend=15, lost=2, max_attempts=3)
    dispatching = Dispatching(store.unit_of_work, broker, policy=policy, limit_of=limit.get)
    ids = [store.added(route=OLLAMA) for _ in range(8)]
    for analysis_id in ids:
        store.store_prepared(store.claimed(analysis_id))
    assert dispatching.ring() == 3
    assert dispatching.holds_back
    running = store.claimed(ids[0], stage="infer")
    store.claimed(ids[1], stage="infer")
    assert dispatching.ring() == 0, "two run and one was rung for"
    store.conclude(running)
    assert dispatching.ring() == 1
    limit["infer.ollama"] = None
    assert dispatching.ring() == 4
    assert not dispatching.holds_back


def test_a_limit_lowered_below_what_runs_rings_for_nothing(store):
    ids = [store.added() for _ in range(4)]
    for analysis_id in ids[:3]:
        store.claimed(analysis_id)
    with store.unit_of_work() as tx:
        assert tx.dispatch.due("prepare", DueOrder(window=9, aging=60, share=1, limit=1)) == []
        assert len(tx.dispatch.due("prepare", DueOrder(window=9, aging=60, share=1, limit=4))) == 1


def test_waiting_is_measured_from_its_beginning_until_it_is_asked(store):
    analysis_id = store.added()
    store.give_back(store.claimed(analysis_id), counted=False, error=ProviderBusy())
    store.set(analysis_id, "waits_since = waits_since - interval '7 seconds'")
    claim = store.claimed(analysis_id)
    assert 7 <= claim.waited < 9
    store.give_back(claim, counted=False, error=ProviderThrottled())
    claim = store.claimed(analysis_id)
    assert claim.waited >= 7
    store.give_back(claim, counted=False, error=ProviderBusy())
    claim = store.claimed(analysis_id)
    assert claim.waited >= 7
    store.give_back(claim, counted=True)
    assert store.claimed(analysis_id).waited == 0


def test_a_guard_that_opens_for_others_holds_for_this_process_too(store, make, redis_url):
    provider = scripted(answer())
    made = make(provider)
    other = guard(redis_url, rest=1.5, longest_rest=1.5)
    fail(other, 3)
    other.close()
    assert made.answered(log=LOG).provider == "ollama"
    assert store.ask(GAVE_BACK, code="provider_resting") >= 1
