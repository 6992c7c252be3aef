import json
import os
import signal
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis

from app.domain.errors import ConfigurationInvalid
from app.embedded import EmbeddedServers
from app.embedded.binaries import find_postgres
from app.embedded.privileges import as_user, in_namespace, postgres_identity
from app.supervisor import AlreadyRunning, Child, Supervisor
from tests.support.waiting import until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "data with a space"


def start(directory, **more) -> EmbeddedServers:
    return EmbeddedServers(directory, durable=False, **more)


def ask(url: str, statement: str):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def test_both_servers_answer_and_keep_their_data_ports_and_passwords(directory):
    with EmbeddedServers(directory) as servers:
        urls = (servers.database_url, servers.redis_url)
        ask(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(servers.redis_url) as client:
            client.set("kept", "yes")
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with EmbeddedServers(directory) as servers:
        assert (servers.database_url, servers.redis_url) == urls
        assert ask(servers.database_url, "SELECT answer FROM kept") == 42
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.get("kept") == b"yes"


def test_nobody_gets_in_without_the_password(directory):
    with start(directory) as servers:
        database, broker = urlsplit(servers.database_url), urlsplit(servers.redis_url)
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(f"postgresql://postgres:guess@127.0.0.1:{database.port}/postgres")
        with redis.Redis(port=broker.port, retry=None) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_secrets_are_in_no_command_line_and_in_no_file_others_can_read(directory):
    with start(directory) as servers:
        passwords = [urlsplit(url).password for url in (servers.database_url, servers.redis_url)]
        for record in (directory / "run").glob("*.pid"):
            assert not any(password in record.read_text() for password in passwords)
        assert directory.stat().st_mode & 0o077 == 0
        for name in ("servers.json", "redis.conf"):
            assert (directory / name).stat().st_mode & 0o077 == 0
        assert not list(directory.glob("postgres.new.*"))


def test_a_server_that_dies_comes_back_on_the_same_port(tmp_path, directory):
    with Supervisor(directory=directory) as supervisor, start(directory, supervisor=supervisor) as servers:
        ask(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
        before = dict(supervisor.pids())
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: all(supervisor.pids().get(name, pid) != pid for name, pid in before.items()))
        until(lambda: _answers(servers), timeout=30)


def test_a_port_that_is_taken_meanwhile_is_replaced(directory):
    with start(directory, postgres=False) as servers:
        first = urlsplit(servers.redis_url)
    with socket.create_server(("127.0.0.1", first.port)), start(directory, postgres=False) as servers:
        second = urlsplit(servers.redis_url)
        assert second.port != first.port
        assert second.password == first.password
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_one_server_can_be_left_out(directory):
    with start(directory, postgres=False) as servers:
        assert servers.database_url is None
        assert servers.redis_url
        assert not (directory / "postgres").exists()


def test_a_second_start_in_the_same_directory_is_refused(directory):
    with start(directory, postgres=False), pytest.raises(AlreadyRunning), start(directory, postgres=False):
        pass


def test_data_of_a_postgresql_that_is_not_installed_is_refused(directory):
    (directory / "postgres").mkdir(parents=True)
    (directory / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigurationInvalid, match=r"made by PostgreSQL 9, and only .* is installed"), start(directory):
        pass
    assert [path.name for path in (directory / "postgres").iterdir()] == ["PG_VERSION"]


def test_a_foreign_directory_is_not_touched(directory):
    (directory / "postgres").mkdir(parents=True)
    with pytest.raises(ConfigurationInvalid, match="not PostgreSQL's"), start(directory):
        pass


def test_the_newest_postgresql_is_chosen():
    assert find_postgres().major >= 14


@needs_root
@pytest.mark.parametrize("way", [in_namespace, as_user])
def test_root_starts_postgresql_as_somebody_else(way, tmp_path):
    """Where a container refuses the namespace, `as_user` does it; below a directory that only root may enter."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "note").write_text("readable")
    (private / "note").chmod(0o600)
    with Supervisor(directory=tmp_path / "data") as supervisor:
        argv = ("/bin/sh", "-c", f"id -u; cat '{private}/note'")
        code = supervisor.run(Child(name="who", argv=argv, env={}, become=way(65534)), timeout=10)
        assert (code, supervisor.last_lines("who").split()) == (0, ["65534", "readable"])


def test_whoever_runs_this_can_run_postgresql():
    assert postgres_identity().uid in (os.geteuid(), 65534)


def test_ports_and_passwords_of_an_unreadable_file_are_a_clear_error(directory):
    directory.mkdir(mode=0o700)
    (directory / "servers.json").write_text("{")
    with pytest.raises(ConfigurationInvalid, match=r"servers\.json"), start(directory):
        pass
    (directory / "servers.json").write_text(json.dumps({"redis": {"port": 1}}))
    with pytest.raises(ConfigurationInvalid, match=r"servers\.json"), start(directory, postgres=False):
        pass


def _answers(servers: EmbeddedServers) -> bool:
    try:
        with redis.Redis.from_url(servers.redis_url) as client:
            return client.ping() and ask(servers.database_url, "SELECT answer FROM kept") == 42
    except (psycopg2.OperationalError, redis.ConnectionError):
        return False
