"""Where the command line finds the server."""

from pathlib import Path

import pytest

from app.cli.connection import kafka
from app.settings import load
from app.state import State, write_state
from tests.support.api_server import KEY

pytestmark = pytest.mark.integration


@pytest.fixture
def remembered(server, environ):
    """What `up` left in the data directory."""
    directory = Path(environ["BIFROST_DATA_DIR"])
    directory.mkdir()
    write_state(directory, State(url=server.url, api_key=KEY, database_url="postgresql://db/x", redis_url="redis://r"))


@pytest.mark.usefixtures("remembered")
def test_what_up_remembered_is_enough(run, environ, logs):
    environ["BIFROST_URL"] = environ["BIFROST_API_KEY"] = None
    assert run("submit", logs / "b.log").stdout == "1\n"


@pytest.mark.usefixtures("remembered")
def test_the_remembered_key_is_told_to_no_other_server(run, environ, server, logs):
    environ["BIFROST_URL"] = server.url.replace("127.0.0.1", "localhost")
    environ["BIFROST_API_KEY"] = None
    result = run("submit", logs / "b.log")
    assert result.exit_code == 2
    assert "x-api-key" not in server.seen[0].headers


def test_an_address_without_a_scheme_is_explained(run, environ):
    environ["BIFROST_URL"] = "bifrost.example:8000"
    result = run("status", 1)
    assert result.exit_code == 2
    assert "http://" in result.stderr


def test_a_misspelt_setting_is_named(run, environ):
    environ["BIFROST_DATABSE_URL"] = "x"
    result = run("status", 1)
    assert result.exit_code == 2
    assert "BIFROST_DATABSE_URL" in result.stderr


@pytest.mark.parametrize(("before", "after"), [("", "\n"), (" ", ""), ("", "\r\n")])
def test_whitespace_around_the_key_is_dropped(run, environ, server, before, after):
    environ["BIFROST_API_KEY"] = f"{before}{KEY}{after}"
    assert run("list").exit_code == 0
    assert server.seen[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize("name", ["BIFROST_API_KEY", "BIFROST_URL"])
def test_what_cannot_be_used_is_bad_input_in_our_own_words(run, environ, name):
    environ[name] = {"BIFROST_API_KEY": "bf_top\nsecret", "BIFROST_URL": "ftp://x"}[name]
    result = run("list")
    assert result.exit_code == 2
    assert name in result.stderr
    assert "secret" not in result.output
    assert "unexpected" not in result.output


def test_the_remembered_kafka_is_asked_unless_another_one_is_configured(tmp_path):
    known = State(url="http://a", api_key=KEY, database_url="postgresql://", redis_url="redis://", kafka="b:1")
    write_state(tmp_path, known)
    here = {"BIFROST_DATA_DIR": str(tmp_path)}
    assert kafka(load(here)).bootstrap_servers == "b:1"
    assert kafka(load(here | {"BIFROST_KAFKA__BOOTSTRAP_SERVERS": "c:2"})).bootstrap_servers == "c:2"
