"""What the chaos suite says of a Heimdall: nothing when all is well, and what is wrong when something is."""

import json
from dataclasses import replace

import pytest
from confluent_kafka import Producer

from app.domain.records import Spelling
from tests.chaos.asking import ASKED, HEARD
from tests.chaos.heimdalls import Asker
from tests.chaos.invariants import Verdict, rows_of
from tests.support.heimdall import request

pytestmark = pytest.mark.integration
CASE = "case-1"
ASKED_OF = {"request_id": "7f0c", "log_id": 7, "correlation_id": f"{CASE}-1"}
RESULT = {
    "request_id": "7f0c",
    "correlation_id": f"{CASE}-1",
    "timestamp": request()["timestamp"],
    "log_id": 7,
    "analysis_result": {"severity": "HIGH", "confidence": 0.5},
    "bifrost_analysis_id": 1,
    "model": "m",
    "duration_seconds": 1,
}
HEADERS = [("bifrost.error.stage", b"decode"), ("bifrost.error.class", b"record_unreadable")]
LETTER = """INSERT INTO dead_letters (project_id, topic, partition, position, content_hash, key, value, stage, error)
    SELECT id, 't', 0, :at, '', :key, 'x', 'decode', '{}' FROM projects LIMIT 1"""


@pytest.fixture
def site(store, mocked_heimdall, tmp_path):
    """One request and one poison, both as they should be in the end."""
    return _Site(store, mocked_heimdall, tmp_path)


class _Site:
    def __init__(self, store, heimdall, directory) -> None:
        self.store, self.heimdall = store, heimdall
        self.asker = Asker(directory, heimdall, CASE, patience=1)
        self.asker.arrived = True
        (directory / CASE).mkdir()
        asked = [
            {"at": 1.0, "fields": ASKED_OF, "spelling": Spelling.SNAKE.value},
            {"at": 1.0, "key": f"{CASE}-2", "poison": "eA==", "kind": "not JSON"},
        ]
        (directory / CASE / ASKED).write_text("".join(f"{json.dumps(one)}\n" for one in asked))
        (directory / CASE / HEARD).write_text(f"{json.dumps({'request_id': '7f0c', 'at': 2.0})}\n")

    def tell(self, topic: str, key: str, value: bytes, headers: object = None) -> None:
        producer = Producer({"bootstrap.servers": self.heimdall.bootstrap_servers, "log_level": 0})
        producer.produce(topic, key=key, value=value, headers=headers or [])
        assert producer.flush(10) == 0

    def judge(self, *, rows: int = 1, result: dict | None = None, letters: int = 1) -> tuple[Verdict, list[str]]:
        """With so many rows and stored letters."""
        self.store.added(idempotency_key=f"{CASE}-1")
        row = replace(rows_of(self.store.url, CASE)[0], request_id="7f0c")
        verdict = Verdict(rows=[row] * rows)
        self.tell(self.heimdall.results, "7", json.dumps(RESULT | (result or {})).encode())
        for number in range(letters):
            self.store.run(LETTER, at=number, key=f"{CASE}-2".encode())
            self.tell(self.heimdall.dead, f"{CASE}-2", b"x", HEADERS)
        return verdict, self.asker.judge(self.store.url, verdict)


def test_a_heimdall_that_was_served_does_not_complain(site):
    assert site.judge()[1] == []


@pytest.mark.parametrize(("rows", "lost", "doubled"), [(0, 1, 0), (2, 0, 1)])
def test_a_request_without_a_row_or_with_two_is_noticed(site, rows, lost, doubled):
    verdict, broken = site.judge(rows=rows)
    assert (verdict.lost, verdict.doubled) == (lost, doubled)
    assert broken == [f"7f0c has {rows} rows"]


@pytest.mark.parametrize(
    "result",
    [{"requestId": "7f0c"}, {"model": None}, {"correlation_id": "another"}, {"request_id": "nobody's"}],
    ids=lambda one: next(iter(one)),
)
def test_a_result_that_is_wrong_or_missing_is_noticed(site, result):
    assert len(site.judge(result=result)[1]) == 1


@pytest.mark.parametrize(("letters", "complaints"), [(0, 2), (2, 1)])
def test_poison_that_was_not_kept_or_kept_twice_is_noticed(site, letters, complaints):
    assert len(site.judge(letters=letters)[1]) == complaints


def test_offsets_that_stay_behind_are_noticed(site):
    site.tell(site.heimdall.requests, "7", b"never read")
    (broken,) = site.judge()[1]
    assert broken.startswith("offsets")
