"""A log goes in over HTTP, a grounded diagnosis comes out: through the real processes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.client import Client, SubmitOptions
from app.client.errors import ClientError
from app.domain.analyses import Status
from tests.support.sample_logs import OOM, SAMPLES
from tests.support.stacks import Running, assert_adds_up, assert_true_to, environ, processes, running
from tests.support.waiting import until

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "logs").glob("*"))
SECRET = "zanzibar-7319-said-something-private"


@pytest.fixture(scope="module")
def bifrost(everyday) -> Running:
    return everyday


@pytest.mark.parametrize("name", SAMPLES)
def test_the_rules_tell_what_is_wrong_and_prove_it(bifrost, name):
    log, something_is_wrong = SAMPLES[name]
    found = bifrost.answered(log, source="rules")
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", False)
    assert found.diagnosis.issues_found == something_is_wrong
    assert bool(found.diagnosis.evidence) == something_is_wrong
    assert_true_to(log, found)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_each_example_is_diagnosed(bifrost, path):
    log = path.read_text(encoding="utf-8")
    found = bifrost.answered(log, source="rules")
    assert found.status is Status.COMPLETED
    assert_adds_up(found.coverage)
    assert found.coverage.lines_total == len(log.splitlines())
    assert all(evidence.line <= found.coverage.lines_total for evidence in found.diagnosis.evidence)


def test_without_a_model_an_answer_comes_and_says_that_it_is_degraded(bifrost):
    found = bifrost.answered(OOM)
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", True)


def test_a_model_server_that_is_not_there_is_tried_and_the_rules_answer(bifrost):
    found = bifrost.answered(OOM, source="local")
    assert (found.status, found.provider, found.degraded) == (Status.COMPLETED, "rules", True)
    assert found.error.code == "provider_unavailable"


def test_the_same_key_gives_the_same_analysis_from_many_clients(bifrost):
    options = SubmitOptions(source="rules", cache="off")
    with ThreadPoolExecutor(10) as pool:
        accepted = list(
            pool.map(lambda _: bifrost.client.submit(OOM, options, idempotency_key="one-and-the-same"), range(30))
        )
    assert len({one.analysis.id for one in accepted}) == 1
    assert sorted(one.replayed for one in accepted) == [False] + [True] * 29
    with pytest.raises(ClientError) as raised:
        bifrost.client.submit(OOM + "more\n", options, idempotency_key="one-and-the-same")
    assert "idempotency_conflict" in repr(vars(raised.value)) + str(raised.value)


def test_the_same_question_is_answered_from_the_cache(bifrost):
    options = SubmitOptions(source="rules", service_name="cached")
    first = bifrost.client.wait(bifrost.client.submit(OOM, options).analysis.id, timeout=20)
    again = bifrost.client.submit(OOM, options).analysis
    assert (again.status, again.cached, again.diagnosis) == (Status.COMPLETED, True, first.diagnosis)


def test_a_large_log_goes_the_same_way(bifrost):
    log = "".join(
        f"2026-03-01T08:00:00Z INFO request {n} from 10.0.{n % 256}.{n % 99} took {n} ms\n" for n in range(60_000)
    )
    log += "2026-03-01T08:00:01Z ERROR disk /dev/sda1: No space left on device\n"
    found = bifrost.answered(log, source="rules")
    assert_true_to(log, found)
    assert found.diagnosis.issues_found
    assert found.diagnosis.evidence[0].line == 60_001


def test_five_hundred_from_twenty_clients_are_all_completed_none_lost_none_doubled(bifrost):
    def submit(number: int) -> list[int]:
        client = Client(bifrost.stack.state.url, bifrost.stack.state.api_key)
        options = SubmitOptions(source="rules", service_name="crowd", cache="off", tags=(f"client-{number}",))
        return [client.submit(f"{OOM}client {number} log {n}\n", options).analysis.id for n in range(25)]

    with ThreadPoolExecutor(20) as pool:
        accepted = [one for ids in pool.map(submit, range(20)) for one in ids]
    assert len(set(accepted)) == 500
    count = "SELECT count(*) FROM analysis_results WHERE service_name = 'crowd' AND status = 'completed'"
    until(lambda: bifrost.rows(count) == [(500,)], timeout=60, what="500 completed")
    listed = list(bifrost.client.list({"service_name": "crowd", "status": "completed"}))
    assert sorted(item.id for item in listed) == sorted(accepted)
    assert listed == sorted(listed, key=lambda item: (item.created_at, item.id), reverse=True)
    doubled = """SELECT count(*) FROM analysis_results WHERE service_name = 'crowd' AND (epoch <> 1 OR attempt <> 1)"""
    assert bifrost.rows(doubled) == [(0,)], "nothing was worked on twice"


def test_what_is_urgent_overtakes_what_is_not(bifrost):
    with ThreadPoolExecutor(8) as pool:
        low = list(pool.map(lambda n: bifrost.submit(f"{OOM}low {n}\n", source="rules", priority="LOW"), range(150)))
    urgent = bifrost.answered(OOM + "urgent\n", source="rules", priority="CRITICAL")
    for one in low:
        bifrost.client.wait(one, timeout=60)
    overtaken = """SELECT count(*) FROM analysis_results WHERE id = ANY(%s)
        AND finished_at > (SELECT finished_at FROM analysis_results WHERE id = %s)"""
    assert bifrost.rows(overtaken, low, urgent.id)[0][0] > 0


def test_neither_logs_nor_keys_are_written_down(bifrost):
    bifrost.answered(f"{OOM}ERROR {SECRET}\n", source="rules", service_name="quiet")
    with pytest.raises(ClientError):
        bifrost.submit(f" {SECRET}", source=SECRET)
    stranger = "bf_00000000_" + "5ecre7" * 11
    with pytest.raises(ClientError):
        Client(bifrost.stack.state.url, stranger).submit(SECRET)
    written = bifrost.logs()
    assert "analysis_concluded" in written
    assert SECRET not in written
    assert bifrost.stack.state.api_key.split("_")[2] not in written
    assert "5ecre7" not in written
    for address in (bifrost.stack.state.database_url, bifrost.stack.state.redis_url):
        assert address.split(":")[2].split("@")[0] not in written


def test_nothing_is_left_running_and_the_next_start_continues(tmp_path):
    with running(tmp_path) as first:
        kept = first.answered(OOM, source="rules")
        key = first.stack.state.api_key
        directory = first.stack.directory
    until(lambda: not processes(directory), what="every process gone")
    with running(tmp_path) as second:
        assert second.stack.state.api_key == key
        assert second.client.get(kept.id).diagnosis == kept.diagnosis
    assert environ(tmp_path)["BIFROST_DATA_DIR"] == str(directory)
