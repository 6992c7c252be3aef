"""The Python client administers a project over the real web server."""

import itertools

import pytest

from app.client import ApiError, Client, NewItem, SubmitOptions
from tests.support.web_server import WebServer


@pytest.fixture
def client(database_url, redis_url, token, tmp_path):
    environ = {"BIFROST_DATABASE_URL": database_url, "BIFROST_REDIS_URL": redis_url, "BIFROST_WEB__WORKERS": "1"}
    with WebServer(environ, tmp_path) as server:
        yield Client(server.url, token)


def test_keys_budget_and_audit_log_are_in_the_client(client):
    remote = client.administration
    made = remote.create_key("ci", ["submit", "read"], submits_per_hour=2)
    assert [key["name"] for key in remote.list_keys()] == ["ci", "test"]
    assert remote.limit_key(str(made["prefix"]), reads_per_hour=1)["submits_per_hour"] == 2
    limited = Client(client.url, str(made["token"]))
    assert list(limited.list()) == []
    with pytest.raises(ApiError) as refused:
        list(limited.list())
    assert (refused.value.status, refused.value.code) == (429, "rate_limited")
    assert refused.value.retry_after > 3000
    # three items are three submissions, and two are allowed
    three = [NewItem(custom_id=str(number), log="ERROR log") for number in range(3)]
    with pytest.raises(ApiError) as crowd:
        limited.batches.submit(three)
    assert crowd.value.code == "rate_limited"

    rotated = remote.rotate_key(str(made["prefix"]), overlap_seconds=5)
    assert rotated["replaced"]["replaced_by"] == rotated["created"]["prefix"]
    assert remote.revoke_key(rotated["created"]["prefix"])["state"] == "revoked"

    assert remote.set_budget(tokens=0)["left"] == {"requests": None, "tokens": 0, "cost_usd": None}
    assert remote.budget()["used"] == {"requests": 0, "tokens": 0, "cost_usd": 0.0}
    with pytest.raises(ApiError) as broke:
        client.submit("ERROR log", SubmitOptions(source="local"))
    assert (broke.value.status, broke.value.code) == (402, "budget_exhausted")

    acts = ["budget.set", "key.revoke", "key.rotate", "key.limit", "key.create", "key.create"]
    assert [entry["act"] for entry in remote.audit_log()] == acts
    assert [entry["act"] for entry in remote.audit_log(limit=2)] == acts[:2]
    assert len(list(itertools.islice(remote.audit_log({"act": "key.create"}), 5))) == 2
