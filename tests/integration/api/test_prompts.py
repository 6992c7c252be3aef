"""Stored prompts and feedback over HTTP, on the real database."""

import pytest

from app.container import build
from app.domain.keys import Scope
from app.settings import Settings
from app.web import create_app

pytestmark = pytest.mark.integration

URL = "/api/v1/prompts"
ANALYSES = "/api/v1/analyses"
TEXT = "You diagnose logs of {{service_name}}."


@pytest.fixture
def container(database_url, redis_url):
    """With a model configured that nobody asks here."""
    settings = {
        "database": {"url": database_url},
        "redis": {"url": redis_url},
        "openai_compatible": {"url": "http://127.0.0.1:1/v1", "model": "m"},
        "ai": {"chain": ["openai_compatible"]},
        "prompts": {"max_prompts": 3, "max_versions": 4, "max_text_chars": 500, "max_comment_chars": 20},
    }
    made = build(Settings.model_validate(settings))
    yield made
    made.close()


@pytest.fixture
def create(api):
    def one(text: str = TEXT, name: str = "triage", **more):
        return api.post(URL, json={"name": name, "texts": {"en": text}} | more)

    return one


@pytest.fixture
def used(api):
    """The version that a submission uses."""

    def by(prompt: str | None = None, **more) -> tuple[str, int]:
        fields = {"log_content": "ERROR log", "cache": "off"} | ({"prompt": prompt} if prompt else {}) | more
        answer = api.post(ANALYSES, json=fields)
        assert answer.status_code == 202, answer.json
        found = answer.json["prompt"]
        return found["name"], found["version"]

    return by


def test_the_built_in_is_there_without_a_row(api, used):
    [built_in] = api.get(URL).json["items"]
    assert (built_in["name"], built_in["newest"], built_in["labels"]) == ("default", 0, {"latest": 0, "production": 0})
    shown = api.get(f"{URL}/default/versions/production").json
    assert set(shown["texts"]) == {"en", "ko"}
    assert (shown["version"], shown["created_at"]) == (0, None)
    assert used() == ("default", 0)
    assert used("default@0") == ("default", 0)


def test_a_version_is_stored_and_read_again(api, create):
    answer = create(description="first", max_output_tokens=500)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{URL}/triage/versions/1"
    found = api.get(answer.headers["Location"]).json
    assert found == answer.json
    assert (found["texts"], found["description"], found["max_output_tokens"]) == ({"en": TEXT}, "first", 500)
    assert found["created_by"] == "test"


def test_the_same_again_is_no_new_version(create):
    create()
    again = create(TEXT + "\r\n")
    assert (again.status_code, again.json["version"]) == (200, 1)
    assert create("Other.").json["version"] == 2


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"texts": {"en": "{{secret}}"}}, "analysis_type, service_name, environment, language"),
        ({"texts": {"en": "{{service_name.__class__}}"}}, "begins a field that is none"),
        ({"texts": {"en": "{{service_name"}}, "begins a field that is none"),
        ({"texts": {"en": "x" * 501}}, "at most 500"),
        ({"texts": {"en": " \n"}}, "must not be blank"),
        ({"texts": {}}, "one language at least"),
        ({"texts": {"en": "a\0b"}}, "U+0000"),
        ({"max_output_tokens": 4001}, "100 to 4000"),
        ({"description": "x" * 501}, "more than 500"),
        ({"description": "two\nlines"}, "on one line"),
        ({"labels": ["latest"]}, "moves by itself"),
    ],
)
def test_what_cannot_be_stored_is_a_problem_that_says_why(create, fields, told):
    answer = create(**({"text": TEXT} | fields) if "texts" not in fields else fields)
    assert (answer.status_code, answer.json["code"]) == (422, "prompt_invalid")
    assert told in answer.json["detail"]


@pytest.mark.parametrize(
    "fields", [{"name": "Triage"}, {"name": "a b"}, {"texts": {"fr": "x"}}, {"texts": []}, {"version": 3}]
)
def test_wrong_fields_are_named(create, fields):
    answer = create(**fields)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_input")
    assert answer.json["errors"]


def test_a_field_in_braces_of_json_is_text(create):
    assert create('Such as {"a": {"b": 1}} or {x}.').status_code == 201


def test_labels_say_what_a_name_means(api, create, used):
    create("one")
    create("two")
    assert used("triage") == ("triage", 2)  # nothing is in production: the newest
    moved = api.put(f"{URL}/triage/labels/production", json={"version": 1})
    assert moved.json["labels"] == {"latest": 2, "production": 1}
    assert used("triage") == ("triage", 1)
    assert used("triage@latest") == ("triage", 2)
    assert used("triage@2") == ("triage", 2)
    create("three", labels=["production"])
    assert used("triage@production") == ("triage", 3)
    assert api.delete(f"{URL}/triage/labels/production").status_code == 204
    assert api.delete(f"{URL}/triage/labels/production").json["code"] == "prompt_not_found"


@pytest.mark.parametrize("prompt", ["nobody", "triage@nothing", "triage@9", "triage@0", "default@1"])
def test_an_unknown_prompt_is_a_problem(api, create, prompt):
    create()
    answer = api.post(ANALYSES, json={"log_content": "log", "prompt": prompt})
    assert (answer.status_code, answer.json["code"]) == (422, "prompt_unknown")


@pytest.mark.parametrize("prompt", ["", "A", "a@", "a@B", "a@1@2", "a" * 51, "a@1234567890"])
def test_what_is_no_name_of_a_prompt_is_a_problem(api, prompt):
    answer = api.post(ANALYSES, json={"log_content": "log", "prompt": prompt})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "prompt")


def test_the_rules_use_no_prompt(api):
    answer = api.post(ANALYSES, json={"log_content": "log", "source": "rules", "prompt": "default"})
    assert (answer.status_code, answer.json["prompt"]) == (202, None)
    answer = api.post(ANALYSES, json={"log_content": "log", "source": "rules", "prompt": "nobody"})
    assert answer.json["code"] == "prompt_unknown"


def test_the_built_in_stays_in_production_until_somebody_says_otherwise(api, create, used):
    create(name="default")
    assert used() == ("default", 0)
    api.put(f"{URL}/default/labels/production", json={"version": 1})
    assert used() == ("default", 1)
    api.put(f"{URL}/default/labels/production", json={"version": 0})
    assert used() == ("default", 0)
    api.put(f"{URL}/default/labels/production", json={"version": 1})
    assert api.delete(f"{URL}/default").status_code == 204
    assert used() == ("default", 0)
    assert create("Other.", name="default").json["version"] == 2


def test_a_split_sends_a_service_to_the_same_label_each_time(api, create, used):
    create("one", labels=["production"])
    create("two", labels=["candidate"])
    shared = api.put(f"{URL}/triage/split", json={"labels": {"production": 1, "candidate": 1}})
    assert shared.json["split"] == {"candidate": 1, "production": 1}
    first = {service: used("triage", service_name=service)[1] for service in map(str, range(20))}
    assert set(first.values()) == {1, 2}
    assert {service: used("triage", service_name=service)[1] for service in first} == first
    api.put(f"{URL}/triage/split", json={"labels": {"production": 1, "candidate": 0}})
    assert {used("triage", service_name=service)[1] for service in first} == {1}
    assert api.delete(f"{URL}/triage/labels/candidate").json["code"] == "prompt_label_in_use"
    assert used("triage@candidate", service_name="3") == ("triage", 2)
    assert api.delete(f"{URL}/triage/split").status_code == 204
    assert api.delete(f"{URL}/triage/labels/candidate").status_code == 204


def test_a_split_without_a_service_goes_by_the_log(api, create, used):
    create("one", labels=["production"])
    create("two", labels=["candidate"])
    api.put(f"{URL}/triage/split", json={"labels": {"production": 1, "candidate": 1}})
    first = {log: used("triage", log_content=log)[1] for log in map("log {}".format, range(20))}
    assert set(first.values()) == {1, 2}
    assert {log: used("triage", log_content=log)[1] for log in first} == first


@pytest.mark.parametrize(
    "labels",
    [{"production": 1}, {"production": 0, "latest": 0}, {"production": 1, "nothing": 1}, {"a": 1, "b": 1, "c": 1}],
)
def test_a_split_is_between_two_labels_that_are_there(api, create, labels):
    create(labels=["production"])
    answer = api.put(f"{URL}/triage/split", json={"labels": labels})
    assert (answer.status_code, answer.json["code"]) == (422, "prompt_invalid")


@pytest.mark.parametrize(
    "labels", [{"production": -1, "latest": 1}, {"production": True, "latest": 1}, {"P": 1, "l": 1}]
)
def test_weights_are_whole_numbers_of_labels(api, create, labels):
    create(labels=["production"])
    assert api.put(f"{URL}/triage/split", json={"labels": labels}).json["code"] == "invalid_input"


def test_what_is_not_there_is_not_found(api, create):
    create()
    for place in ("nobody", "nobody/versions", "nobody/versions/1", "triage/versions/2", "triage/versions/x", "A",
                  "nobody/stats"):  # fmt: skip
        answer = api.get(f"{URL}/{place}")
        assert (answer.status_code, answer.json["code"]) == (404, "prompt_not_found"), place
    assert api.put(f"{URL}/nobody/labels/production", json={"version": 1}).status_code == 404
    assert api.put(f"{URL}/triage/labels/production", json={"version": 2}).status_code == 404
    assert api.delete(f"{URL}/default").status_code == 404


def test_there_are_limits(create):
    for number in range(3):
        create(name=f"n{number}")
    assert create(name="n3").json["code"] == "prompts_full"
    for number in range(3):
        assert create(f"text {number}", name="n0").status_code == 201
    assert create("one more", name="n0").json["code"] == "prompts_full"


def test_prompts_are_of_a_project_and_written_by_administrators(api, container, create):
    create()
    other = create_app(container).test_client()
    token = container.keys.create(name="o", project="other", scopes=frozenset({Scope.READ, Scope.SUBMIT})).token
    other.environ_base["HTTP_X_API_KEY"] = token
    assert [one["name"] for one in other.get(URL).json["items"]] == ["default"]
    assert other.get(f"{URL}/triage").status_code == 404
    assert other.post(ANALYSES, json={"log_content": "log", "prompt": "triage"}).json["code"] == "prompt_unknown"
    for call in (
        other.post(URL, json={"name": "a", "texts": {"en": "x"}}),
        other.put(f"{URL}/default/labels/x", json={"version": 0}),
        other.delete(f"{URL}/default/labels/x"),
        other.put(f"{URL}/default/split", json={"labels": {"production": 1, "latest": 1}}),
        other.delete(f"{URL}/default/split"),
        other.delete(f"{URL}/default"),
    ):
        assert (call.status_code, call.json["code"]) == (403, "scope_missing")


def test_a_moved_label_is_another_question_but_no_other_request(api, create):
    create("one", labels=["production"])
    headers = {"Idempotency-Key": "k"}
    fields = {"log_content": "ERROR log", "prompt": "triage"}
    first = api.post(ANALYSES, json=fields, headers=headers)
    create("two", labels=["production"])
    again = api.post(ANALYSES, json=fields, headers=headers)
    assert (again.json["id"], again.json["prompt"]["version"]) == (first.json["id"], 1)
    # it neither follows nor is answered from the cache
    other = api.post(ANALYSES, json=fields)
    assert (other.json["prompt"]["version"], other.json["cached_from"]) == (2, None)
    assert api.post(ANALYSES, json=fields).json["cached_from"] == other.json["id"]


def test_only_a_completed_analysis_is_rated(api, container):
    place = api.post(ANALYSES, json={"log_content": "ERROR log", "source": "rules"}).headers["Location"]
    assert api.put(f"{place}/feedback", json={"rating": "up"}).json["code"] == "nothing_to_rate"
    assert api.put(f"{ANALYSES}/999/feedback", json={"rating": "up"}).json["code"] == "analysis_not_found"
    assert api.get(f"{place}/feedback").json["code"] == "not_found"
    assert api.get(f"{ANALYSES}/999/feedback").json["code"] == "analysis_not_found"
    container.execution.prepare(int(place.rpartition("/")[2]), owner="test")
    answer = api.put(f"{place}/feedback", json={"rating": "up", "comment": "right\nindeed"})
    assert (answer.status_code, answer.json["rating"], answer.json["comment"]) == (200, "up", "right\nindeed")
    assert api.get(f"{place}/feedback").json == answer.json
    assert api.put(f"{place}/feedback", json={"rating": "down"}).json["comment"] is None


@pytest.mark.parametrize(
    "fields", [{}, {"rating": "so-so"}, {"rating": "up", "comment": "x" * 21}, {"rating": "up", "comment": "a\0"}]
)
def test_a_wrong_rating_is_a_problem(api, fields):
    answer = api.put(f"{ANALYSES}/1/feedback", json=fields)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_input")
