import os
from pathlib import Path

import pytest

from app.domain.errors import ConfigurationInvalid
from app.settings import WELL_KNOWN, Settings, load


@pytest.fixture(autouse=True)
def _somewhere_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def problems(environ: dict[str, str], file: Path | None = None) -> str:
    with pytest.raises(ConfigurationInvalid) as raised:
        load(environ, file)
    return raised.value.detail


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_at_all_is_a_valid_configuration():
    settings = load({})
    assert settings.web.port == 8000
    assert settings.database.url is None
    assert settings.ai.chain == ()


def test_the_data_directory_is_absolute_and_at_home():
    assert load({}).data_dir == Path("~/.local/state/bifrost").expanduser()
    assert load({"BIFROST_DATA_DIR": "here"}).data_dir == Path.cwd() / "here"
    assert load({"BIFROST_DATA_DIR": "~/there"}).data_dir == Path("~/there").expanduser()


def test_a_nested_setting_is_named_by_its_section():
    settings = load({"BIFROST_WEB__PORT": "9000", "BIFROST_WORKER__LEASE_SECONDS": "2.5"})
    assert (settings.web.port, settings.worker.lease_seconds) == (9000, 2.5)


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_each_well_known_name_is_understood(name):
    section, key = WELL_KNOWN[name]
    value = {"url": "redis://h", "level": "DEBUG"}.get(key, "value")
    found = getattr(getattr(load({name: value}), section), key)
    assert value in str(found.get_secret_value() if hasattr(found, "get_secret_value") else found)


def test_the_exact_name_wins_over_a_well_known_one():
    names = {"REDIS_URL": "redis://a", "BIFROST_REDIS_URL": "redis://b", "BIFROST_REDIS__URL": "redis://c"}
    assert load(names).redis.url.get_secret_value() == "redis://c"
    del names["BIFROST_REDIS__URL"]
    assert load(names).redis.url.get_secret_value() == "redis://b"


def test_delays_are_numbers_separated_by_commas():
    assert load({"BIFROST_WEBHOOKS__SCHEDULE": "1, 2.5,60"}).webhooks.schedule == (1, 2.5, 60)
    assert load({}).webhooks.schedule[0] == 5
    assert "webhooks.schedule" in problems({"BIFROST_WEBHOOKS__SCHEDULE": "1,-1"})
    assert "webhooks.schedule" in problems({"BIFROST_WEBHOOKS__SCHEDULE": "1,soon"})


def test_a_signing_secret_has_its_form_and_is_not_repeated():
    good = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    assert load({"BIFROST_WEBHOOKS__SECRET": good}).webhooks.secret.get_secret_value() == good
    assert load({"BIFROST_WEBHOOKS__SECRET": f"{good} {good}"}).webhooks.secret
    for wrong in ("hunter2", "whsec_", "whsec_aHVudGVyMg==", f"{good} hunter2", good.removeprefix("whsec_")):
        said = problems({"BIFROST_WEBHOOKS__SECRET": wrong})
        assert "webhooks.secret" in said
        assert "openssl rand" in said
        assert "hunter2" not in said


def test_an_empty_variable_is_as_good_as_none():
    assert load({"DATABASE_URL": "", "BIFROST_WEB__PORT": "", "BIFROST_AI__CHAIN": ""}) == load({})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"),
        ("postgresql://u:p@h/d", "postgresql+psycopg2://u:p@h/d"),
        ("postgresql+psycopg2://u:p@h/d", "postgresql+psycopg2://u:p@h/d"),
    ],
)
def test_every_address_of_postgresql_names_the_driver_we_ship(given, meant):
    assert load({"DATABASE_URL": given}).database.url.get_secret_value() == meant


def test_a_list_is_written_with_commas_or_as_a_list(tmp_path):
    assert load({"BIFROST_AI__CHAIN": "ollama, bedrock ,"}).ai.chain == ("ollama", "bedrock")
    assert load({}, written(tmp_path, "ai: {chain: [ollama, bedrock]}")).ai.chain == ("ollama", "bedrock")


def test_all_problems_are_told_at_once_each_with_its_variable():
    told = problems({"BIFROST_WEB__PORT": "x", "BIFROST_WORKER__MAX_ATTEMPTS": "0", "LOG_LEVEL": "LOUD"})
    for part in ("web.port (BIFROST_WEB__PORT)", "worker.max_attempts", "log.level (BIFROST_LOG__LEVEL)"):
        assert part in told


@pytest.mark.parametrize("name", ["BIFROST_WEB__PROT", "BIFROST_WEBB__PORT", "BIFROST_PORT", "BIFROST_WEB__PORT__X"])
def test_an_unknown_name_is_refused(name):
    assert name.removeprefix("BIFROST_").split("__", maxsplit=1)[0].lower() in problems({name: "1"})


@pytest.mark.parametrize("name", ["BIFROST_TEST_DATABASE_URL", "PATH", "WEB__PORT", "PORT"])
def test_other_peoples_names_are_left_alone(name):
    assert load({name: "x"}) == load({})


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e400", "soon"])
def test_a_duration_is_a_positive_number_of_seconds(value):
    assert "lease_seconds" in problems({"BIFROST_WORKER__LEASE_SECONDS": value})


def test_secrets_are_in_no_picture_and_no_problem():
    environ = {
        "DATABASE_URL": "postgres://u:sesame@h/d",
        "AI_API_KEY": "sesame",
        "BIFROST_OPENAI_COMPATIBLE__API_KEY": "sesame",
        "REDIS_URL": "redis://:sesame@h",
        "BIFROST_API_KEY": "sesame",
    }
    settings = load(environ)
    assert "sesame" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert "sesame" not in problems({**environ, "BIFROST_DATABASE__URL__X": "sesame", "BIFROST_WEB__PORT": "sesame"})


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load({}).web.port = 1


def test_the_environment_wins_over_the_file(tmp_path):
    file = written(tmp_path, "web: {port: 1234, host: example}\nlog: {level: DEBUG}\n")
    settings = load({"BIFROST_WEB__PORT": "4321"}, file)
    assert (settings.web.port, settings.web.host, settings.log.level) == (4321, "example", "DEBUG")


def test_the_file_is_named_by_a_variable_or_lies_here(tmp_path):
    named = written(tmp_path, "web: {port: 1}")
    assert load({"BIFROST_CONFIG": str(named)}).web.port == 1
    Path("bifrost.yaml").write_text("web: {port: 2}", encoding="utf-8")
    assert load({}).web.port == 2


def test_the_file_may_use_variables_and_defaults(tmp_path):
    file = written(tmp_path, "web: {port: '${PORT:7}', host: '${HOST}'}\nai: {model: '${MODEL:}'}\n")
    settings = load({"HOST": "h"}, file)
    assert (settings.web.port, settings.web.host, settings.ai.model) == (7, "h", "")
    assert load({"HOST": "h", "PORT": "8"}, file).web.port == 8
    assert "${HOST}" in problems({}, file)


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "---\n"])
def test_an_empty_file_says_nothing(tmp_path, text):
    assert load({}, written(tmp_path, text)) == load({})


@pytest.mark.parametrize("text", ["- a list", "word", "a: [", "\tx: 1", "web: 5", "webb: {}", "web: {prot: 1}"])
def test_a_file_of_another_form_is_a_problem_not_a_crash(tmp_path, text):
    assert "configuration" in problems({}, written(tmp_path, text)).lower()


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path):
    assert "does not exist" in problems({}, tmp_path / "none.yaml")
    assert "does not exist" in problems({"BIFROST_CONFIG": str(tmp_path / "none.yaml")})
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in problems({}, binary)
    assert "cannot be read" in problems({}, tmp_path)


@pytest.mark.parametrize("name", ["bifrost.yaml", "BIFROST_CONFIG"])
def test_a_section_that_is_no_section_gives_way_to_the_environment(tmp_path, name):
    file = written(tmp_path, "web: 5\n")
    assert load({"BIFROST_WEB__PORT": "1"}, file).web.port == 1


def test_every_setting_explains_itself():
    for section_name, section in Settings.model_fields.items():
        fields = getattr(section.annotation, "model_fields", {})
        assert fields or section.description, section_name
        for name, field in fields.items():
            assert field.description, f"{section_name}.{name}"


def test_without_an_argument_the_processes_own_environment_is_read():
    assert "BIFROST_WEB__PORT" not in os.environ  # noqa: TID251 - what the tests were started with
    assert load().web.port == 8000


def test_properties_of_the_kafka_client_are_named_as_it_names_them():
    environ = {
        "BIFROST_KAFKA__PROPERTIES__SECURITY_PROTOCOL": "SASL_SSL",
        "BIFROST_KAFKA__PROPERTIES__SASL_PASSWORD": "hunter2",
    }
    kafka = load(environ).kafka
    assert set(kafka.properties) == {"security.protocol", "sasl.password"}
    assert kafka.properties["sasl.password"].get_secret_value() == "hunter2"
    assert "hunter2" not in repr(kafka)


def test_what_the_bridge_promises_cannot_be_set_away():
    with pytest.raises(ConfigurationInvalid, match="set by the bridge itself: acks"):
        load({"BIFROST_KAFKA__PROPERTIES__ACKS": "0"})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("request_topic", "result_topic"),
        ("request_topic", "dead_letter_topic"),
        ("request_topic", "callback_topics"),
        ("dead_letter_topic", "result_topic"),
        ("dead_letter_topic", "callback_topics"),
    ],
)
def test_the_bridge_does_not_read_what_it_writes(first, second):
    said = problems({f"BIFROST_KAFKA__{first.upper()}": "one", f"BIFROST_KAFKA__{second.upper()}": "one"})
    assert f"kafka.{first} and kafka.{second} must not name the same topic" in said


def test_the_topic_of_the_results_may_stand_among_those_of_callbacks():
    assert load({"BIFROST_KAFKA__CALLBACK_TOPICS": "analysis.result,team.result"}).kafka.callback_topics


@pytest.mark.parametrize("name", ["request_topic", "result_topic", "dead_letter_topic", "group_id", "project"])
@pytest.mark.parametrize("value", ["", " "])
def test_what_names_something_in_kafka_is_not_empty(tmp_path, name, value):
    assert f"kafka.{name}" in problems({f"BIFROST_KAFKA__{name.upper()}": value})
    assert f"kafka.{name}" in problems({}, written(tmp_path, f"kafka: {{{name}: '{value}'}}"))


def test_a_topic_has_a_name_that_kafka_takes():
    assert "kafka.result_topic" in problems({"BIFROST_KAFKA__RESULT_TOPIC": ".."})


def test_own_patterns_of_redaction_come_from_the_file_or_a_variable_each(tmp_path):
    file = written(tmp_path, "redaction: {patterns: {EMPLOYEE: 'EMP-\\d{6}'}}")
    settings = load({"BIFROST_REDACTION__PATTERNS__CASE": r"case=(\w+)"}, file)
    assert settings.redaction.patterns == {"EMPLOYEE": r"EMP-\d{6}", "CASE": r"case=(\w+)"}
    assert settings.redaction.mask == "public"


@pytest.mark.parametrize(
    ("kind", "pattern", "problem"),
    [
        ("EMPLOYEE", "EMP-(", "missing"),
        ("EMPLOYEE", "(?<=x)y", "invalid"),
        ("EMPLOYEE", ".*", "must not match"),
        ("EMPLOYEE", r"\s", "must not match"),
        ("EMPLOYEE", "(a)(b)", "one group"),
        ("X", "abc", "2 to 31"),
        ("EMP-NO", "abc", "2 to 31"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_found_at_the_start(tmp_path, kind, pattern, problem):
    found = problems({}, written(tmp_path, f"redaction: {{patterns: {{{kind}: '{pattern}'}}}}"))
    assert "redaction.patterns" in found
    assert problem in found
