"""The bridge between a real PostgreSQL and Kafka's protocol: nothing is lost, doubled, skipped or out of order."""

import json
from collections import Counter
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from confluent_kafka import Consumer

from app.container import build
from app.domain.records import Spelling
from tests.integration.bridge.conftest import settings_of
from tests.support.heimdall import fields_of, header, request
from tests.support.proxy import Mode, Proxy
from tests.support.stores import COMPLETED
from tests.support.waiting import until

pytestmark = pytest.mark.integration

ROWS = "SELECT count(*) FROM analysis_results"
DEAD = "SELECT count(*) FROM dead_letters"


def completed(store, request_id: str) -> int:
    """As if a worker had answered it."""
    until(lambda: store.ask("SELECT count(*) FROM analysis_results WHERE request_id = :id", id=request_id))
    number = store.ask("SELECT id FROM analysis_results WHERE request_id = :id", id=request_id)
    assert store.conclude(store.claimed(number), COMPLETED)
    return number


def test_a_request_becomes_a_row_and_its_end_a_result_in_its_spelling(store, heimdall, bridge):
    running = bridge(heimdall)
    asked = request(12345, service_name=None, correlation_id=None)
    heimdall.ask(asked, spelling=Spelling.CAMEL)
    number = completed(store, asked["request_id"])
    [found] = heimdall.hear(heimdall.results, len)
    fields = fields_of(found)
    assert fields["logId"] == 12345
    assert fields["correlationId"] == fields["requestId"] == asked["request_id"]
    assert fields["bifrostAnalysisId"] == number
    assert found.key() == b"12345"
    assert header(found, "bifrost-attempts") == "1"
    row = "SELECT service_name, environment, priority, source, metadata FROM analysis_results"
    assert store.rows(row) == [("unknown", "prod", 2, "rules", {"host": "a-1"})]
    until(heimdall.all_committed, what="offsets at the end")
    until(lambda: running.tally.published == 1)
    until(lambda: [one.accepted for one in running.parts.bridges.states()] == [1], what="its report")


def test_poison_goes_to_the_dead_letters_with_bytes_and_headers_and_the_others_go_on(store, heimdall, bridge):
    good = request(1)
    heimdall.send([("k", b"\xff\x00")], headers=[("trace", b"\x01"), ("empty", None)])
    heimdall.ask(good)
    bridge(heimdall)
    [letter] = heimdall.hear(heimdall.dead, len)
    assert (letter.key(), letter.value()) == (b"k", b"\xff\x00")
    assert letter.headers()[:2] == [("trace", b"\x01"), ("empty", None)]
    assert header(letter, "bifrost.error.stage") == "decode"
    assert header(letter, "bifrost.error.class") == "record_unreadable"
    assert header(letter, "bifrost.error.topic") == heimdall.requests
    until(lambda: store.ask(ROWS) == 1)
    until(heimdall.all_committed)


def test_a_redelivered_request_changes_nothing_and_hears_a_published_answer_again(store, heimdall, bridge):
    running = bridge(heimdall)
    asked = request(5)
    heimdall.ask(asked)
    completed(store, asked["request_id"])
    heimdall.hear(heimdall.results, len)
    until(lambda: running.tally.published == 1)
    heimdall.ask(asked, spelling=Spelling.SNAKE)
    first, again = heimdall.hear(heimdall.results, lambda found: len(found) == 2)
    assert fields_of(first)["bifrostAnalysisId"] == fields_of(again)["bifrost_analysis_id"]
    assert store.ask(ROWS) == 1
    assert running.tally.known == 1


def test_one_id_for_two_requests_is_a_dead_letter(store, heimdall, bridge):
    asked = request(5)
    bridge(heimdall)
    heimdall.ask(asked, asked | {"log_content": "ERROR something else\n"})
    [letter] = heimdall.hear(heimdall.dead, len)
    assert header(letter, "bifrost.error.stage") == "submit"
    assert header(letter, "bifrost.error.class") == "request_conflict"
    assert header(letter, "bifrost.error.correlation_id") == "c-5"
    assert store.ask(ROWS) == 1


def test_what_ends_without_an_answer_is_a_dead_letter_of_the_request(store, heimdall, bridge):
    bridge(heimdall)
    asked = request(9)
    heimdall.ask(asked)
    until(lambda: store.ask(ROWS))
    store.cancel(store.ask("SELECT id FROM analysis_results"))
    [letter] = heimdall.hear(heimdall.dead, len)
    assert header(letter, "bifrost.error.stage") == "publish"
    assert header(letter, "bifrost.error.class") == "cancelled"
    told = fields_of(letter)
    assert told["requestId"] == asked["request_id"]
    assert told["logContent"] == asked["log_content"]


def test_what_the_database_refuses_holds_up_nobody(store, heimdall, bridge):
    """Ids that no column takes, by a constraint of this test's; all of them in one batch."""
    store.run("ALTER TABLE analysis_results ADD CONSTRAINT test_no_13 CHECK (callback->>'log_id' <> '13')")
    try:
        heimdall.ask(*(request(number) for number in range(20)))
        running = bridge(heimdall)
        [letter] = heimdall.hear(heimdall.dead, len)
        assert (letter.key(), header(letter, "bifrost.error.class")) == (b"13", "record_refused")
        until(lambda: store.ask(ROWS) == 19)
        until(heimdall.all_committed)
        assert running.tally.dead == 1
    finally:
        running.stop()
        store.run("ALTER TABLE analysis_results DROP CONSTRAINT test_no_13")


def test_dead_records_are_listed_replayed_and_capped(store, heimdall, bridge):
    running = bridge(heimdall, max_replays=2)
    heimdall.ask(request(3, callback_topic="team.result"))
    until(lambda: store.ask(DEAD) == 1)
    letters, project = running.parts.dead_letters, store.ask("SELECT id FROM projects WHERE name = 'default'")
    from app.domain.dead_letters import DeadLetterFilter, Origin
    from app.domain.errors import DeadLetterNotFound, ReplaysUsedUp

    [letter] = letters.list(DeadLetterFilter(project_id=project)).items
    assert (letter.origin, letter.error.code, letter.service_name) == (
        Origin.RECORD,
        "callback_topic_refused",
        "checkout",
    )
    for attempt in (2, 3):
        letters.replay_record(project, letter.id)
        until(lambda attempt=attempt: store.ask("SELECT attempts FROM dead_letters") == attempt)
    with pytest.raises(ReplaysUsedUp, match=r"2 times, and kafka\.max_replays is 2: discard it, or raise that setting"):
        letters.replay_record(project, letter.id)
    found = heimdall.hear(heimdall.dead, lambda found: len(found) == 3)
    assert [header(one, "bifrost.error.attempt") for one in found] == ["1", "2", "3"]
    assert letters.get(project, letter.id, origin=Origin.RECORD).record.key == b"3"
    letters.discard(project, letter.id, origin=Origin.RECORD)
    with pytest.raises(DeadLetterNotFound):
        letters.get(project, letter.id, origin=Origin.RECORD)


def test_a_dead_record_rises_when_what_was_wrong_is_mended(store, heimdall, bridge):
    first = bridge(heimdall)
    heimdall.ask(request(3, callback_topic=heimdall.results + ".team"))
    until(lambda: store.ask(DEAD) == 1)
    project = store.ask("SELECT id FROM projects WHERE name = 'default'")
    first.stop()
    with closing(build(settings_of(heimdall, store.url))) as parts:
        parts.dead_letters.replay_record(project, store.ask("SELECT id FROM dead_letters"))
        waiting = parts.bridges.status()
        assert (waiting.ok, waiting.replays) == (False, 1)
    mended = bridge(heimdall, callback_topics=(heimdall.results + ".team",))
    until(lambda: store.ask(ROWS) == 1)
    until(lambda: store.ask("SELECT analysis_id FROM dead_letters WHERE risen_at IS NOT NULL"))
    assert mended.parts.bridges.status().replays == 0


def test_the_brokers_go_and_come_back_and_every_result_arrives_in_order(store, mock_kafka, mocked_heimdall, bridge):
    heimdall = mocked_heimdall
    running = bridge(heimdall)
    requests = [request(number % 3) for number in range(30)]
    heimdall.ask(*requests)
    until(lambda: store.ask(ROWS) == 30)
    mock_kafka.down()
    try:
        until(lambda: not running.tally.connected, what="not ready")
        until(lambda: not running.parts.bridges.health().ok)
        assert not running.parts.bridges.status().ok
        order = [completed(store, one["request_id"]) for one in requests]
        # longer than a delivery may take: they went back into the outbox
        until(lambda: store.ask("SELECT count(*) FROM outbox WHERE claimed_until IS NULL") == 30, timeout=20)
    finally:
        mock_kafka.up()
    found = heimdall.hear(heimdall.results, lambda found: len(found) >= 30, timeout=60)
    numbers = {number: [] for number in range(3)}
    for one in found:
        told = fields_of(one)
        if told["bifrostAnalysisId"] not in numbers[told["logId"]]:
            numbers[told["logId"]].append(told["bifrostAnalysisId"])
    assert numbers == {number: order[number::3] for number in range(3)}
    # the bridge says so every two seconds
    until(lambda: running.parts.bridges.health().ok, what="ready again")


def test_while_the_database_is_away_nothing_is_committed_and_the_group_is_kept(store, heimdall, bridge):
    address = urlsplit(store.url)
    with Proxy(address.port) as proxy:
        through = address._replace(netloc=address.netloc.replace(f":{address.port}", f":{proxy.port}"))
        running = bridge(heimdall, url=through.geturl())
        until(running.tally.places)
        proxy.mode = Mode.RESET
        proxy.reset()
        heimdall.ask(*(request(number) for number in range(50)))
        until(lambda: running.tally.pause)
        assert sum(offset for offset, _ in heimdall.committed().values()) == 0
        proxy.mode = Mode.PASS
        until(lambda: store.ask(ROWS) == 50, timeout=30)
        until(heimdall.all_committed)
        assert running.tally.places()
        running.stop()


def test_with_enough_open_work_it_pauses_and_reads_on_below_half(store, heimdall, bridge):
    running = bridge(heimdall, pause_above=100, batch_records=20, poll_records=20)
    heimdall.ask(*(request(number) for number in range(1000)))
    until(lambda: running.tally.pause == "enough is waiting", timeout=20)
    taken = store.ask(ROWS)
    assert 100 < taken <= 120 + 20, "a batch above the bound"
    store.run("UPDATE analysis_results SET status = 'cancelled', finished_at = now()")
    until(lambda: store.ask(ROWS) > taken, timeout=20, what="reading on")


def test_two_bridges_share_the_partitions_and_nothing_is_doubled(store, heimdall, bridge):
    requests = [request(number) for number in range(600)]
    first = bridge(heimdall, batch_records=20)
    heimdall.ask(*requests[:300])
    second = bridge(heimdall, batch_records=20)
    until(lambda: first.tally.places() and second.tally.places(), timeout=30, what="both have partitions")
    heimdall.ask(*requests[300:])
    until(lambda: store.ask(ROWS) == 600, timeout=30)
    first.stop()
    heimdall.ask(*requests[:50])
    until(lambda: len(second.tally.places()) == 3, timeout=30)
    until(heimdall.all_committed, timeout=30)
    assert store.ask(ROWS) == 600
    assert store.rows("SELECT request_id FROM analysis_results GROUP BY 1 HAVING count(*) > 1") == []


def test_the_same_log_twice_in_a_batch_asks_once(store, heimdall, bridge):
    """With a model: one leads, the others follow; later ones get the answer from the cache."""
    same = [request(number, log_content="ERROR the same\n") for number in range(4)]
    heimdall.ask(*same[:3])
    running = bridge(heimdall, source="local")
    until(lambda: store.ask(ROWS) == 3)
    kinds = Counter(leader is None for (leader,) in store.rows("SELECT leader_id FROM analysis_results"))
    assert kinds == {True: 1, False: 2}
    leader = store.ask("SELECT id FROM analysis_results WHERE leader_id IS NULL")
    store.conclude(store.claimed(leader), COMPLETED)
    heimdall.ask(same[3])
    found = heimdall.hear(heimdall.results, lambda found: len(found) == 4)
    assert Counter(header(one, "bifrost-cached") for one in found) == {"false": 1, "true": 3}
    until(lambda: running.tally.published == 4)


def test_a_log_of_any_size_comes_back_whole(store, heimdall, bridge):
    log = "".join(f'2026-03-01 ERROR é {number} \\ " \t\n' for number in range(3000))
    bridge(heimdall)
    heimdall.ask(request(1, log_content=log))
    until(lambda: store.ask(ROWS) == 1)
    assert store.get(store.ask("SELECT id FROM analysis_results"), with_log=True).log_content == log


def test_an_event_that_a_topic_refuses_waits_and_the_others_go_on(store, mock_kafka, mocked_heimdall, bridge):
    heimdall = mocked_heimdall
    mock_kafka.create("forbidden", 1)
    mock_kafka.refuse("forbidden", 29)
    running = bridge(heimdall)
    heimdall.ask(request(1), request(2))
    until(lambda: store.ask(ROWS) == 2)
    lost, other = (row[0] for row in store.rows("SELECT id FROM analysis_results ORDER BY id"))
    wrong = json.dumps({"topic": "forbidden"})
    store.run(
        "UPDATE analysis_results SET callback = callback || CAST(:wrong AS jsonb) WHERE id = :id", wrong=wrong, id=lost
    )
    for number in (lost, other):
        store.conclude(store.claimed(number), COMPLETED)
    [found] = heimdall.hear(heimdall.results, len)
    assert fields_of(found)["bifrostAnalysisId"] == other
    until(
        lambda: store.ask("SELECT count(*) FROM outbox WHERE error IS NOT NULL AND published_at IS NULL") == 1,
        timeout=20,
    )
    assert running.tally.published == 1
    mock_kafka.refuse("forbidden", 0)
    until(lambda: running.tally.published == 2, timeout=20)


def test_a_bridge_without_partitions_says_so_and_joins_anew_while_no_bridge_holds_them(store, heimdall, bridge):
    """Somebody else of the same group, who is no bridge, sits on all of them."""
    others = [
        Consumer(
            {
                "bootstrap.servers": heimdall.bootstrap_servers,
                "group.id": heimdall.group,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 200,
            }
        )
        for _ in range(3)
    ]
    try:
        for one in others:
            one.subscribe([heimdall.requests])

        def all_taken() -> bool:
            for one in others:
                one.poll(0.05)
            return all(one.assignment() for one in others)

        until(all_taken, timeout=40, what="each of the others has a partition")
        running = bridge(heimdall)
        states = running.parts.bridges.states

        def without() -> bool:
            for one in others:
                one.poll(0.05)
            return not running.parts.bridges.health().ok and any(one.unheld for one in states())

        until(without, timeout=40, what="it says that it has none")
        [state] = states()
        assert (state.connected, state.reading) == (True, False)
        assert {part.topic for part in state.unheld} == {heimdall.requests}
        assert len(state.unheld) == 3

        def again() -> bool:
            for one in others:
                one.poll(0.05)
            return running.tally.joins > 1

        until(again, timeout=40, what="another client asks to join")
    finally:
        for one in others:
            one.close()
    heimdall.ask(request(1))
    until(lambda: store.ask(ROWS) == 1, timeout=60)
    until(lambda: running.parts.bridges.health().ok, timeout=30)
