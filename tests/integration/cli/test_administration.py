"""`db`, `keys`, `config`, `doctor` against a real PostgreSQL and Redis."""

import json

import pytest

from app.supervisor import Supervisor

pytestmark = pytest.mark.integration


@pytest.fixture
def administer(run, environ, redis_url):
    """The command line with a database of one's own."""

    def call(database, *arguments):
        environ["BIFROST_DATABASE_URL"] = database
        environ["BIFROST_REDIS_URL"] = redis_url
        return run(*arguments)

    return call


def test_the_schema_goes_forward_and_back(administer, empty_database_url):
    before = administer(empty_database_url, "db", "current")
    assert (before.exit_code, before.stdout) == (1, "none\n")
    assert "bifrost-cli db upgrade" in before.stderr
    up = administer(empty_database_url, "db", "upgrade", "--json")
    assert up.exit_code == 0, up.stderr
    head = json.loads(up.stdout)["current"]
    assert administer(empty_database_url, "db", "current").stdout == f"{head}\n"
    assert "nothing to do" in administer(empty_database_url, "db", "upgrade").stdout
    assert administer(empty_database_url, "db", "downgrade", "base").exit_code == 2
    unknown = administer(empty_database_url, "db", "downgrade", "9999", "--yes")
    assert (unknown.exit_code, "one of base, 0001, 0002, 0003" in unknown.stderr) == (2, True)
    assert administer(empty_database_url, "db", "downgrade", "base", "--yes").stdout == f"{head} → none\n"


def test_a_key_is_shown_once_listed_and_revoked(administer, database_url):
    made = administer(database_url, "keys", "create", "ci", "--project", "shop", "--scope", "read", "--expires", "90d")
    assert made.exit_code == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("bf_")
    assert made.stdout.count("\n") == 1
    listed = administer(database_url, "keys", "list", "--json")
    key = json.loads(listed.stdout)
    assert (key["name"], key["project"], key["scopes"], key["state"]) == ("ci", "shop", ["read"], "valid")
    assert token.rpartition("_")[2] not in listed.output
    assert administer(database_url, "keys", "revoke", token).exit_code == 0
    assert "revoked" in administer(database_url, "keys", "list").stdout
    again = administer(database_url, "keys", "revoke", key["prefix"])
    assert again.exit_code == 2
    assert "Traceback" not in again.output


def test_a_key_is_limited_and_rotated(administer, database_url):
    token = administer(database_url, "keys", "create", "ci", "--submits-per-hour", "5").stdout.strip()
    prefix = token.split("_")[1]
    limited = administer(database_url, "keys", "limit", token, "--reads-per-hour", "0", "--json")
    assert limited.exit_code == 0, limited.stderr
    assert (json.loads(limited.stdout)["submits_per_hour"], json.loads(limited.stdout)["reads_per_hour"]) == (5, 0)
    assert "5/any" in administer(database_url, "keys", "list").stdout
    assert "default/default" in administer(database_url, "keys", "limit", prefix, "--default").stderr
    nothing = administer(database_url, "keys", "limit", prefix)
    assert (nothing.exit_code, "--default" in nothing.stderr) == (2, True)

    rotated = administer(database_url, "keys", "rotate", prefix, "--overlap", "7d")
    assert rotated.exit_code == 0, rotated.stderr
    assert rotated.stdout.startswith("bf_")
    assert f"{prefix} is valid until" in rotated.stderr
    again = administer(database_url, "keys", "rotate", prefix)
    assert (again.exit_code, "which replaced it" in again.stderr) == (2, True)
    new = rotated.stdout.split("_")[1]
    at_once = administer(database_url, "keys", "rotate", new, "--at-once", "--json")
    told = json.loads(at_once.stdout)
    assert (told["replaced"]["prefix"], told["replaced"]["state"]) == (new, "expired")
    assert told["created"]["token"].startswith(f"bf_{told['created']['prefix']}_")
    assert administer(database_url, "keys", "rotate", "x", "--at-once", "--overlap", "1d").exit_code == 2


def test_budgets_are_set_shown_and_ended(administer, database_url):
    administer(database_url, "keys", "create", "ci", "--project", "shop")
    assert "No project has a budget" in administer(database_url, "budgets", "list").stderr
    made = administer(database_url, "budgets", "set", "shop", "--tokens", "2000000", "--cost", "25")
    assert made.exit_code == 0, made.stderr
    assert "0 of 2,000,000" in made.stdout
    assert "0.0 of 25.0" in made.stdout
    shown = json.loads(administer(database_url, "budgets", "show", "shop", "--json").stdout)
    assert shown["budget"] == {"requests": None, "tokens": 2_000_000, "cost_usd": 25.0}
    assert shown["used"] == {"requests": 0, "tokens": 0, "cost_usd": 0.0}
    assert "shop" in administer(database_url, "budgets", "list").stdout
    assert administer(database_url, "budgets", "set", "shop").exit_code == 2
    assert administer(database_url, "budgets", "set", "shop", "--none", "--tokens", "1").exit_code == 2
    assert administer(database_url, "budgets", "set", "shop", "--none").exit_code == 0
    assert administer(database_url, "budgets", "list", "--json").stdout == ""
    unknown = administer(database_url, "budgets", "show", "nobody")
    assert (unknown.exit_code, "There is no project nobody" in unknown.stderr) == (2, True)


def test_acts_are_listed_latest_first(administer, database_url):
    prefix = administer(database_url, "keys", "create", "ci", "--project", "shop").stdout.split("_")[1]
    administer(database_url, "budgets", "set", "shop", "--tokens", "5")
    administer(database_url, "keys", "create", "other", "--project", "other")
    administer(database_url, "keys", "revoke", prefix)
    listed = administer(database_url, "audit", "--project", "shop", "--json")
    assert listed.exit_code == 0, listed.stderr
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(one["actor"], one["act"], one["subject"]) for one in found] == [
        ("operator", "key.revoke", prefix),
        ("operator", "budget.set", "shop"),
        ("operator", "key.create", prefix),
    ]
    table = administer(database_url, "audit", "--act", "budget.set", "--since", "1h").stdout
    assert '{"tokens":5}' in table
    assert len(administer(database_url, "audit", "--limit", "2").stdout.splitlines()) == 2
    assert "No act is like that" in administer(database_url, "audit", "--until", "1h").stderr


def test_a_key_needs_a_scope_that_exists(administer, database_url):
    assert administer(database_url, "keys", "create", "x", "--scope", "everything").exit_code == 2


def test_doctor_finds_everything_in_order(administer, database_url):
    result = administer(database_url, "doctor", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["ok"] is True
    assert {"api", "clock", "database", "migrations", "broker", "guards", "queues"} <= {
        one["name"] for one in found["checks"]
    }


def test_doctor_says_what_is_broken_and_what_to_do(administer, environ, empty_database_url):
    environ["BIFROST_URL"] = "http://127.0.0.1:9"
    result = administer(empty_database_url, "doctor")
    assert result.exit_code == 1
    assert "bifrost-cli up" in result.stdout
    assert "bifrost-cli db upgrade" in result.stdout


def test_a_database_that_is_away_is_unreachable_not_a_stack_trace(administer):
    result = administer("postgresql://nobody:secret@127.0.0.1:9/x", "db", "current")
    assert result.exit_code == 6
    assert "secret" not in result.output
    assert "Traceback" not in result.output


def test_config_masks_what_is_secret(administer):
    result = administer("postgresql://me:topsecret@db.example/bifrost", "config", "show")
    assert result.exit_code == 0
    assert "postgresql+psycopg2://me:***@db.example/bifrost" in result.stdout
    assert "topsecret" not in result.output
    assert "bf_test_secret" not in result.output
    as_json = json.loads(administer("postgresql://x/y", "config", "show", "--json").stdout)
    assert as_json["client.api_key"] == "***"
    assert as_json["web.port"] == 8000


def test_without_any_database_it_says_how_to_get_one(run):
    for command in (("db", "current"), ("keys", "list"), ("dispatcher",), ("worker", "prepare")):
        result = run(*command)
        assert result.exit_code == 2, command
        assert "BIFROST_DATABASE_URL" in result.stderr


@pytest.mark.parametrize("span", ["0s", "999999w"])
def test_a_key_that_would_never_expire_is_not_made(administer, database_url, span):
    assert administer(database_url, "keys", "create", "x", "--expires", span).exit_code == 2
    assert administer(database_url, "keys", "list").stdout == ""


def test_a_second_up_in_the_same_directory_is_bad_input(run, tmp_path):
    with Supervisor(directory=tmp_path / "data"):
        result = run("up", "--port", 0)
    assert result.exit_code == 2
    assert "already runs" in result.stderr
