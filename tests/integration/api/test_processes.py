"""The web server as it really runs: processes, sockets, signals."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
import requests

from app.container import build
from app.domain.keys import UNLIMITED, Scope
from app.settings import Settings
from tests.support.waiting import until
from tests.support.web_server import WebServer

pytestmark = pytest.mark.integration

PATH = "/api/v1/analyses"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nX-API-Key: "


TEXT = {"Content-Type": "text/plain"}
LIMIT = {"BIFROST_LIMITS__MAX_LOG_BYTES": "100000"}


@pytest.fixture
def server(request, database_url, redis_url, tmp_path):
    """One of its own for tests that stop it, or fill it up."""
    environ = {"BIFROST_DATABASE_URL": database_url, "BIFROST_REDIS_URL": redis_url, **LIMIT}
    with WebServer(environ | getattr(request, "param", {}), tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared_url(servers, migrated_template):
    """A database that the tests of this module share."""
    name = f"bifrost_web_{os.getpid()}"
    servers.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    yield servers.url_of(name)
    servers.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def shared(servers, shared_url, tmp_path_factory):
    """One that the tests of this module share."""
    environ = {"BIFROST_DATABASE_URL": shared_url, "BIFROST_REDIS_URL": servers.redis_url, **LIMIT}
    with WebServer(environ, tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture(scope="module")
def narrow(servers, shared_url, tmp_path_factory):
    """Another one that they share, of two threads in all."""
    environ = {"BIFROST_DATABASE_URL": shared_url, "BIFROST_REDIS_URL": servers.redis_url, "BIFROST_WEB__WORKERS": "1"}
    with WebServer(environ, tmp_path_factory.mktemp("narrow")) as running:
        yield running


@pytest.fixture
def session(token):
    """With a key of `server`."""
    with requests.Session() as made:
        made.headers["X-API-Key"] = token
        yield made


@pytest.fixture(scope="module")
def shared_session(shared_url):
    """With a key of `shared`."""
    container = build(Settings.model_validate({"database": {"url": shared_url}}))
    with closing(container), requests.Session() as made:
        made.headers["X-API-Key"] = container.keys.create(
            name="t", project="t", scopes=frozenset(Scope), limits=UNLIMITED
        ).token
        yield made


def chunks(count):
    for _ in range(count):
        yield b"x" * 50_000


def answer_of(connection):
    """Everything until the server closes, or until the problem is complete."""
    got = b""
    while b"request_id" not in got and (piece := connection.recv(65_536)):
        got += piece
    return got


def test_a_chunked_body_over_the_limit_is_refused_not_cut(shared, shared_session):
    assert shared_session.post(shared.url + PATH, data=chunks(2), headers=TEXT, timeout=20).status_code == 202
    for count in (3, 100):
        answer = shared_session.post(shared.url + PATH, data=chunks(count), headers=TEXT, timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (413, "log_too_large")
    # the connection, or a new one, is good for the next
    assert shared_session.get(shared.url + PATH, timeout=20).status_code == 200


def test_a_refused_body_is_answered_before_it_is_sent_whole(shared, shared_session):
    for size in (200_000, 20_000_000):
        answer = shared_session.post(
            shared.url + PATH, data=b"x" * size, headers={"Content-Type": "text/plain"}, timeout=20
        )
        assert answer.status_code == 413
    answer = requests.post(shared.url + PATH, data=b"x" * 20_000_000, timeout=20)
    assert answer.status_code == 401


def test_a_connection_that_ends_early_stores_nothing(shared, shared_session):
    key = shared_session.headers["X-API-Key"]
    before = shared_session.get(shared.url + PATH, timeout=20).json()["items"]
    with shared.connect() as connection:
        connection.sendall(f"{HEAD}{key}\r\nX-Request-ID: half\r\nContent-Length: 100\r\n\r\nhalf of".encode())
    until(lambda: [event for event in shared.said() if event.get("request_id") == "half"])
    with shared.connect() as connection:
        connection.sendall(f"{HEAD}{key}\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n".encode())
        assert b"body_unreadable" in answer_of(connection)
    assert shared_session.get(shared.url + PATH, timeout=20).json()["items"] == before


@pytest.mark.parametrize("server", [{"BIFROST_WEB__WORKERS": "1"}], indirect=True)
def test_slow_clients_are_ended_and_leave_room_for_others(server, session, token):
    """More of them than there are threads."""
    bodies = [server.connect() for _ in range(2)]
    heads = [server.connect() for _ in range(2)]
    try:
        for connection in bodies:
            connection.sendall(f"{HEAD}{token}\r\nContent-Length: 100\r\n\r\nslowly".encode())
        for connection in heads:
            connection.sendall(b"GET /health HTT")
        assert session.get(server.url + PATH, timeout=60).status_code == 200
        with ThreadPoolExecutor(4) as pool:
            for answer in pool.map(answer_of, bodies):
                assert b"body_too_slow" in answer
    finally:
        for connection in (*bodies, *heads):
            connection.close()
    assert session.get(server.url + PATH, timeout=20).json()["items"] == []


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST / HTTP/1.1\r\nHost: local",
        b"POST /api/v1/analyses HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nslowly",
        b"GET /health HTTP/1.0\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /hea",
        b"x" * 5000,
    ],
)
def test_a_crowd_without_a_key_holds_nobody_up(narrow, shared_session, sent):
    """Two threads, twenty connections that never end what they began, nor close."""
    with ExitStack() as crowd:
        for _ in range(20):
            crowd.enter_context(narrow.connect()).sendall(sent)
        answers = [shared_session.get(narrow.url + PATH, timeout=20) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    # one look at a connection in a thread, or one wait for its end in the loop, would take seconds
    assert max(answer.elapsed.total_seconds() for answer in answers) < 1.5


@pytest.mark.parametrize("server", [{"BIFROST_WEB__WORKERS": "1"}], indirect=True)
def test_more_connections_than_there_is_room_for_push_the_oldest_out(server, session):
    with ExitStack() as crowd:
        waiting = [crowd.enter_context(server.connect()) for _ in range(600)]
        assert session.get(server.url + PATH, timeout=20).status_code == 200
        waiting[0].settimeout(20)
        assert waiting[0].recv(1) == b""


def test_a_request_in_small_pieces_and_one_right_behind_another_are_answered(shared):
    request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with shared.connect() as connection:
        for byte in request:
            connection.sendall(bytes([byte]))
        connection.sendall(request * 2 + request[:20])
        connection.sendall(request[20:].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        got = b""
        while piece := connection.recv(65_536):
            got += piece
    assert got.count(b"HTTP/1.1 200 OK") == 4


def test_a_client_that_does_not_take_its_answers_is_left(shared):
    request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    with shared.connect() as connection:
        connection.setblocking(False)
        try:
            while True:
                connection.send(request * 100)
        except OSError:  # it takes no more
            pass
        until(lambda: [event for event in shared.said() if event["event"] == "answer_not_taken"], timeout=40)
    assert requests.get(f"{shared.url}/health", timeout=20).status_code == 200


def test_a_compressed_transfer_is_refused_not_stored(shared, shared_session):
    key = shared_session.headers["X-API-Key"]
    before = shared_session.get(shared.url + PATH, timeout=20).json()["items"]
    with shared.connect() as connection:
        connection.sendall(f"{HEAD}{key}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nlog\r\n0\r\n\r\n".encode())
        assert b"transfer_coding_unsupported" in answer_of(connection)
    assert shared_session.get(shared.url + PATH, timeout=20).json()["items"] == before


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"x" * 5000, b"address_too_long"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 6000, b"headers_too_large"),
        (b"GET / HTTP/1.1\nHost: x\n\n", b"bad_request"),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", b"address_too_long"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100 + b"\r\n", b"headers_too_large"),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 9000 + b"\r\n\r\n", b"headers_too_large"),
        (b"a secret line of a log\r\n\r\n", b"bad_request"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: rot13, chunked\r\n\r\n", b"transfer_coding_unsupported"),
    ],
)
def test_what_is_not_http_gets_a_problem_and_is_not_logged(shared, sent, code):
    with shared.connect() as connection:
        connection.sendall(sent)
        answer = answer_of(connection)
    assert b"application/problem+json" in answer
    assert code in answer
    assert "secret" not in str(shared.said())


def test_one_scrape_tells_of_all_processes(shared, shared_session):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: requests.get(f"{shared.url}/nowhere", timeout=20), range(80)))
    told = shared_session.get(f"{shared.url}/metrics/prometheus", timeout=20).text
    assert 'errors_total{code="not_found",where="api"} 80.0' in told
    assert 'flask_http_request_total{method="GET",status="404"} 80.0' in told


def test_its_log_is_json_with_the_requests_id_on_every_line_of_it(shared, shared_session):
    shared_session.post(
        shared.url + PATH, json={"log_content": "hunter2 failed"}, headers={"X-Request-ID": "r-77"}, timeout=20
    )
    until(lambda: [event for event in shared.said() if event.get("request_id") == "r-77"])
    events = [event for event in shared.said() if event.get("request_id") == "r-77"]
    assert {"analysis_accepted", "request_finished"} <= {event["event"] for event in events}
    assert "hunter2" not in str(shared.said())
    assert shared_session.headers["X-API-Key"] not in str(shared.said())


def test_a_revoked_key_is_refused_by_every_process_within_seconds(shared, shared_session):
    made = shared_session.post(f"{shared.url}/api/v1/api-keys", json={"name": "short"}, timeout=20).json()

    def statuses() -> set[int]:
        # each on a connection of its own, so that both processes are asked
        with ThreadPoolExecutor(8) as pool:
            asked = pool.map(
                lambda _: requests.get(shared.url + PATH, headers=headers, timeout=20).status_code, range(24)
            )
            return set(asked)

    headers = {"X-API-Key": made["token"]}
    assert statuses() == {200}
    revoked = shared_session.post(f"{shared.url}/api/v1/api-keys/{made['prefix']}/revoke", timeout=20)
    assert revoked.status_code == 200
    until(lambda: statuses() == {401}, timeout=5, what="every process has forgotten the key")


def test_nothing_of_it_is_left_when_it_stops(server, tmp_path):
    workers = _workers(server)
    server.stop()
    assert server.process.returncode == 0
    assert not [pid for pid in workers if _alive(pid)]
    assert not list(tmp_path.glob("bifrost-metrics-*"))


def test_its_processes_end_when_their_master_is_killed(server):
    workers = _workers(server)
    assert len(workers) == 2
    server.stop(signal.SIGKILL)
    until(lambda: not [pid for pid in workers if _alive(pid)], timeout=5)


def test_a_killed_process_is_replaced(server, session):
    before = _workers(server)
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(_workers(server)) == 2 and before[0] not in _workers(server))
    assert session.get(server.url + PATH, timeout=20).status_code == 200


def _workers(server) -> list[int]:
    path = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
    if not os.path.exists(path):  # noqa: PTH110 - the plain question
        pytest.skip("needs /proc")
    with open(path, encoding="ascii") as file:  # noqa: PTH123 - as above
        return [int(pid) for pid in file.read().split()]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_whoever_waits_for_an_analysis_is_answered_before_the_server_ends(server, database_url, redis_url):
    container = build(Settings.model_validate({"database": {"url": database_url}, "redis": {"url": redis_url}}))
    with closing(container):
        key = container.keys.create(name="test", project="default", scopes=frozenset(Scope)).token
    headers = {"X-API-Key": key}
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(
            requests.post, f"{server.url}/analyze?wait=40", data=b"log", headers=headers | TEXT, timeout=30
        )
        listed = f"{server.url}{PATH}"
        until(lambda: requests.get(listed, headers=headers, timeout=5).json()["items"])
        server.process.terminate()
        answer = waiting.result(timeout=15)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    server.process.wait(timeout=15)
    assert "Traceback" not in str(server.said())
