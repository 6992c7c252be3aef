"""Records of a log, how it is made up, and what submitting it would do."""

import threading

import pytest

from app.domain.analyses import Status
from tests.support.parts import READER, STRANGER, SUBMITTER

pytestmark = pytest.mark.unit

URL = "/api/v1/analyses"
LOG = (
    "2026-01-31T09:00:00Z INFO started with password=swordfish\n"
    "2026-01-31T09:00:05Z ERROR cannot read orders\n"
    "  at app.read(Orders.java:1)\n"
    "2026-01-31T09:01:00Z WARN pool is at 90%\n"
)


def lines(answer) -> list[int]:
    assert answer.status_code == 200, answer.json
    return [record["line"] for record in answer.json["items"]]


def refused(answer) -> list[str]:
    assert answer.status_code == 422
    return [found["field"] for found in answer.json["errors"]]


def test_a_log_is_filtered_by_what_stands_beside_it(keyed, parts):
    answer = keyed.post("/api/v1/logs/filter", json={"log_content": LOG, "severity": "ERROR"})
    assert answer.json == {
        "items": [
            {
                "line": 2,
                "level": "ERROR",
                "at": "2026-01-31T09:00:05+00:00",
                "text": "2026-01-31T09:00:05Z ERROR cannot read orders\n  at app.read(Orders.java:1)",
            }
        ],
        "total": 3,
        "matched": 1,
        "next_after": None,
    }
    assert parts.analyses.submissions == []


def test_a_log_as_text_has_its_question_in_the_query(keyed):
    def ask(**query):
        return lines(keyed.post("/api/v1/logs/filter", data=LOG, content_type="text/plain", query_string=query))

    assert ask(keyword="ORDERS") == [2]
    assert ask(keyword="p..l", regex="true") == [4]
    assert ask(since="2026-01-31T18:01:00+09:00") == [4]
    assert ask(since="2026-01-31T09:00:05Z", until="2026-01-31T09:01:00Z") == [2]


def test_secrets_come_as_they_were_unless_they_shall_be_hidden(keyed):
    for redact, shown in ((False, True), (True, False)):
        answer = keyed.post("/api/v1/logs/filter", json={"log_content": LOG, "keyword": "started", "redact": redact})
        assert ("swordfish" in answer.json["items"][0]["text"]) is shown


def test_pages_of_records_follow_each_other(keyed):
    first = keyed.post("/api/v1/logs/filter", json={"log_content": LOG, "limit": 2})
    assert (lines(first), first.json["next_after"], first.json["matched"]) == ([1, 2], 2, 3)
    second = keyed.post("/api/v1/logs/filter", json={"log_content": LOG, "limit": 2, "after": 2})
    assert (lines(second), second.json["next_after"]) == ([4], None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("severity", "loud"),
        ("keyword", ""),
        ("keyword", "x" * 201),
        ("keyword", "a\nb"),
        ("regex", "perhaps"),
        ("since", "yesterday"),
        ("zone", "KST"),
        ("zone", "+99:00"),
        ("limit", 0),
        ("limit", 501),
        ("after", -1),
        ("after", 2**31),
        ("surprise", 1),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_its_field(keyed, name, value):
    assert refused(keyed.post("/api/v1/logs/filter", json={"log_content": LOG, name: value})) == [name]


def test_a_pattern_that_is_none_is_a_problem(keyed):
    answer = keyed.post("/api/v1/logs/filter", json={"log_content": LOG, "keyword": "(", "regex": True})
    assert (answer.status_code, answer.json["code"]) == (422, "pattern_invalid")


@pytest.mark.parametrize("path", ["filter", "statistics"])
def test_a_log_of_nothing_and_one_of_too_much_are_refused(keyed, path):
    assert keyed.post(f"/api/v1/logs/{path}", json={"log_content": " \n"}).json["code"] == "log_empty"
    assert keyed.post(f"/api/v1/logs/{path}", json={"log_content": "x" * 1001}).json["code"] == "log_too_large"
    assert refused(keyed.post(f"/api/v1/logs/{path}", json={})) == ["log_content"]


def test_a_log_is_counted_by_level_and_template(keyed):
    answer = keyed.post("/api/v1/logs/statistics", json={"log_content": LOG, "limit": 1})
    found = answer.json
    assert (found["levels"], list(found["levels"])) == (
        {"ERROR": 1, "WARNING": 1, "INFO": 1},
        ["ERROR", "WARNING", "INFO"],
    )
    assert (found["lines"], found["records"], found["first_error"], found["redactions"]) == (4, 3, 2, {"SECRET": 1})
    assert [one["level"] for one in found["templates"]] == ["ERROR"]
    assert "swordfish" not in answer.text


def test_the_log_of_an_analysis_is_asked_the_same(keyed):
    keyed.post(URL, json={"log_content": LOG})
    assert lines(keyed.get(f"{URL}/1/log?severity=WARNING&keyword=POOL")) == [4]
    assert keyed.get(f"{URL}/1/log/statistics").json["levels"]["ERROR"] == 1
    assert refused(keyed.get(f"{URL}/1/log?severity=loud")) == ["severity"]
    assert refused(keyed.get(f"{URL}/1/log?log_content=x")) == ["log_content"]


@pytest.mark.parametrize("path", ["log", "log/statistics"])
def test_the_log_of_another_project_or_of_nothing_is_not_found(keyed, client, path, parts):
    keyed.post(URL, json={"log_content": LOG})
    assert client.get(f"{URL}/1/{path}", headers={"X-API-Key": STRANGER}).status_code == 404
    assert keyed.get(f"{URL}/2/{path}").status_code == 404
    assert client.get(f"{URL}/1/{path}", headers={"X-API-Key": SUBMITTER}).status_code == 403
    parts.analyses.put(1, log_content=None)
    assert keyed.get(f"{URL}/1/{path}").json["code"] == "log_deleted"


@pytest.mark.parametrize("path", ["logs/filter", "logs/statistics", "analyses?dry_run=true"])
def test_who_may_only_read_sends_no_logs(client, path):
    answer = client.post(f"/api/v1/{path}", json={"log_content": LOG}, headers={"X-API-Key": READER})
    assert answer.status_code == 403


def test_a_dry_run_tells_the_plan_and_stores_nothing(keyed, parts):
    answer = keyed.post(f"{URL}?dry_run=true", json={"log_content": LOG, "service_name": "api"})
    plan = answer.json
    assert answer.status_code == 200
    assert (plan["provider"], plan["model"], plan["chain"]) == ("ollama", "tiny", ["ollama", "rules"])
    assert plan["coverage"]["redactions"] == {"SECRET": 1}
    assert (plan["coverage"]["lines_sent"], plan["coverage"]["templates"]) == (4, 3)
    assert plan["calls"] == 1
    assert 0 < plan["prompt_tokens"] <= 8000
    assert plan["max_cost_usd"] == (plan["prompt_tokens"] + plan["max_completion_tokens"]) / 1e6
    assert parts.analyses.submissions == []


def test_a_dry_run_without_a_model_costs_nothing(keyed):
    plan = keyed.post(f"{URL}?dry_run=true", json={"log_content": LOG, "source": "rules", "model": "x"}).json
    assert (plan["provider"], plan["model"], plan["chain"]) == ("rules", "bifrost-rules", ["rules"])
    assert (plan["prompt_tokens"], plan["max_completion_tokens"], plan["max_cost_usd"]) == (0, 0, 0)


def test_a_dry_run_says_when_nobody_knows_the_price(keyed):
    plan = keyed.post(f"{URL}?dry_run=true", json={"log_content": LOG, "model": "unpriced"}).json
    assert (plan["model"], plan["max_cost_usd"]) == ("unpriced", None)


def test_a_dry_run_of_text_keeps_the_rest_of_its_query(keyed, parts):
    query = {"dry_run": "true", "source": "rules"}
    answer = keyed.post(URL, data=LOG, content_type="text/plain", query_string=query)
    assert (answer.status_code, answer.json["provider"]) == (200, "rules")
    answer = keyed.post(URL, data=LOG, content_type="text/plain", query_string=query | {"dry_run": "false"})
    assert (answer.status_code, len(parts.analyses.submissions)) == (202, 1)


@pytest.mark.parametrize("query", ["dry_run=perhaps", "dry_run=", "dry_run=true&dry_run=false"])
def test_a_dry_run_is_true_or_false(keyed, query, parts):
    assert refused(keyed.post(f"{URL}?{query}", json={"log_content": LOG})) == ["dry_run"]
    assert parts.analyses.submissions == []


def test_a_dry_run_of_what_nobody_would_take_is_refused_the_same(keyed):
    assert keyed.post(f"{URL}?dry_run=true", json={"log_content": " "}).json["code"] == "log_empty"
    assert keyed.post(f"{URL}?dry_run=true", json={"log_content": "x" * 1001}).json["code"] == "log_too_large"
    cloud = keyed.post(f"{URL}?dry_run=true", json={"log_content": LOG, "source": "cloud"})
    assert cloud.json["code"] == "provider_not_configured"


def test_only_a_few_logs_are_read_at_a_time_and_the_others_are_told_to_come_back(keyed, parts):
    entered, leave = threading.Event(), threading.Event()

    class Slow:
        """Reading takes as long as somebody holds the slot: the clock is asked inside of it."""

        def now(self):
            entered.set()
            assert leave.wait(30)
            raise RuntimeError

    parts.previews._clock = Slow()
    holder = threading.Thread(target=lambda: keyed.post("/api/v1/logs/filter", json={"log_content": LOG}))
    holder.start()
    try:
        assert entered.wait(30)
        answer = keyed.post(f"{URL}?dry_run=true", json={"log_content": LOG})
        assert (answer.status_code, answer.json["code"]) == (503, "previews_busy")
        assert answer.headers["Retry-After"] == "1"
    finally:
        leave.set()
        holder.join()
    # whoever failed has given its place back
    assert keyed.post(f"{URL}?dry_run=true", json={"log_content": LOG}).status_code == 200


def test_a_report_is_refused_until_there_is_a_diagnosis(keyed, parts):
    keyed.post(URL, json={"log_content": LOG})
    assert keyed.get(f"{URL}/1/report").json["code"] == "analysis_unfinished"
    parts.analyses.put(1, status=Status.CANCELLED)
    assert keyed.get(f"{URL}/1/report").json["code"] == "diagnosis_missing"
