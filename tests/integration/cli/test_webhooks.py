"""`webhooks` against the real application over the real database."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from app.cli.main import cli
from app.client import Client, Delivery
from app.client.errors import ApiError
from app.container import Container, build
from app.domain.analyses import Submission
from app.settings import Settings
from tests.support.receivers import SECRET, Receiver, say
from tests.support.served_container import commanded

pytestmark = pytest.mark.integration


@pytest.fixture
def container(database_url) -> Iterator[Container]:
    webhooks = {"secret": SECRET, "allowed_hosts": ["127.0.0.1"]}
    made = build(Settings.model_validate({"database": {"url": database_url}, "webhooks": webhooks}))
    yield made
    made.close()


@pytest.fixture
def environ(container, tmp_path) -> Iterator[dict[str, str | None]]:
    """A server, and a key for everything."""
    with commanded(container, tmp_path) as made:
        yield made


@pytest.fixture
def run(environ):
    return lambda *words: CliRunner(env=environ).invoke(cli, [str(word) for word in words])


@pytest.fixture
def client(environ) -> Client:
    return Client(environ["BIFROST_URL"], environ["BIFROST_API_KEY"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def told(container, environ, receiver):
    """Ids of new analyses that ended, after their events were sent once."""

    def some(count: int) -> list[int]:
        project = container.keys.list()[0].project_id
        wanted = [
            Submission(project_id=project, log=f"log {n}", callback={"kind": "webhook", "url": receiver.url})
            for n in range(count)
        ]
        ids = [container.analyses.submit(one).analysis.id for one in wanted]
        for one in ids:
            container.analyses.cancel(project, one)
        send(container)
        return ids

    return some


def send(container: Container) -> None:
    for claim in container.announcing.claim("t", limit=100):
        container.announcing.publish(claim, owner="t")


def test_deliveries_are_listed_latest_first_and_by_their_state(run, told, receiver):
    receiver.script(say(204), say(503))
    ids = told(2)
    rows = [line.split() for line in run("webhooks", "list").stdout.splitlines()]
    assert [int(row[2]) for row in rows] == ids[::-1]
    assert [row[3] for row in rows] == ["waiting", "delivered"]
    assert rows[1][1] == "cancelled"
    waits = run("webhooks", "list", "--status", "waiting").stdout
    assert "503" in waits
    assert len(waits.splitlines()) == 1
    assert len(run("webhooks", "list", "--analysis", ids[0]).stdout.splitlines()) == 1
    assert "No delivery is like that." in run("webhooks", "list", "--since", "0s").stderr


def test_without_any_delivery_that_is_said(run):
    result = run("webhooks", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nobody wanted to be told of anything." in result.stderr


def test_json_is_the_apis_object_on_each_line(run, told):
    ids = told(2)
    lines = [json.loads(line) for line in run("webhooks", "list", "--json").stdout.splitlines()]
    assert [one["analysis_id"] for one in lines] == ids[::-1]
    assert {one["status"] for one in lines} == {"delivered"}


def test_a_delivery_is_sent_again(run, told, receiver, container):
    told(1)
    event = receiver.received[0].event_id
    result = run("webhooks", "redeliver", event)
    assert (result.exit_code, result.stdout) == (0, f"{event} is sent again to http://127.0.0.1:{receiver.port}\n")
    send(container)
    assert [one.event_id for one in receiver.received] == [event, event]
    assert json.loads(run("webhooks", "redeliver", "--json", event).stdout)["status"] == "waiting"


def test_one_that_is_not_there_hides_no_other(run, told, receiver):
    told(1)
    event = receiver.received[0].event_id
    result = run("webhooks", "redeliver", "nothing", event)
    assert result.exit_code == 2
    assert "nothing: There is no such delivery." in result.stderr
    assert event in result.stdout


def test_the_client_pages_through_deliveries_as_objects(client, told):
    ids = told(3)
    found = list(client.webhooks.list({"status": "delivered"}, limit=2))
    assert [one.analysis_id for one in found] == ids[:0:-1]
    assert all(isinstance(one, Delivery) and one.error is None and one.next_attempt_at is None for one in found)
    again = client.webhooks.redeliver(found[0].id)
    assert (again.status, again.attempts, again.type) == ("waiting", 1, "analysis.cancelled")
    assert again.next_attempt_at is not None
    with pytest.raises(ApiError) as raised:
        client.webhooks.redeliver("../analyses")
    assert raised.value.code in {"delivery_not_found", "not_found"}
