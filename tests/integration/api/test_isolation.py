"""Two projects: each route of the OpenAPI document, asked with the key of one, tells and changes nothing of the other.

The proof is one of silence: a project asks everything once while it is alone, another one asks the same after a
neighbor has filled the database, naming what the neighbor has. Both must hear the same.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from flask.testing import FlaskClient

from app.container import Container
from app.domain.analyses import Failure, Stage, Status
from app.domain.errors import ProviderTimeout
from app.domain.keys import UNLIMITED, Scope
from app.web import create_app
from tests.support.stores import COMPLETED, Store

NEIGHBOR, LOG = "acme", "started\nOOMKilled\n"
WORDS = {"name": "acme-prompt", "label": "acme-label", "version": "1"}
#: What each route is asked with; a route that is not here gets nothing but its path.
BODIES = {
    ("post", "/api/v1/analyses"): {"log_content": LOG, "source": "rules"},
    ("post", "/api/v1/batches"): {"items": [{"custom_id": "one", "log_content": LOG, "source": "rules"}]},
    ("post", "/analyze"): {"log_content": LOG, "source": "rules"},
    ("post", "/history"): {},
    ("post", "/api/v1/analysis/request"): {"log_content": LOG, "service_name": "shop", "environment": "prod"},
    ("post", "/api/v1/logs/filter"): {"log_content": LOG},
    ("post", "/api/v1/logs/statistics"): {"log_content": LOG},
    ("put", "/api/v1/analyses/{analysis_id}/feedback"): {"rating": "down"},
    ("post", "/api/v1/prompts"): {"name": WORDS["name"], "texts": {"en": "Read it carefully."}},
    ("put", "/api/v1/prompts/{name}/labels/{label}"): {"version": 1},
    ("put", "/api/v1/prompts/{name}/split"): {"labels": {"production": 1, "acme-label": 1}},
    ("post", "/api/v1/dead-letters/replay"): {},
    ("post", "/api/v1/api-keys"): {"name": "k"},
    ("post", "/api-keys"): {"name": "k"},
    ("patch", "/api/v1/api-keys/{prefix}"): {"submits_per_hour": 1},
    ("post", "/api/v1/api-keys/{prefix}/rotate"): {},
    ("put", "/api/v1/budget"): {"tokens": 5},
}
#: They make something of the caller's own under the name that the neighbor uses, so they come last.
_MAKERS = {
    ("post", "/api/v1/prompts"),
    ("post", "/api/v1/batches"),
    ("post", "/analyze"),
    ("post", "/api/v1/analysis/request"),
}
#: Nobody works here: whoever waited would wait for nothing.
_QUERIES = {"/analyze": "?wait=0"}
#: Names and times of the caller's own.
_OWN = re.compile(
    r'"(?:request_id|instance|prefix|subject|token|name|project|actor)": ?"[^"]*"'
    r'|"(?:(?:analysis_)?id|duration_seconds)": ?[\d.]+'
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)|/(?:analyses|batches|analysis/result)/\d+"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A call of the document, with the names that the neighbor will have."""

    method: str
    path: str
    url: str
    body: dict | None = field(default=None)


@pytest.fixture
def client(container) -> FlaskClient:
    return create_app(container).test_client()


@pytest.fixture
def store(database_url) -> Iterator[Store]:
    with Store(database_url.replace("postgresql://", "postgresql+psycopg2://", 1)) as made:
        yield made


def key_of(container: Container, project: str) -> dict[str, str]:
    made = container.keys.create(name="k", project=project, scopes=frozenset(Scope), limits=UNLIMITED)
    return {"X-API-Key": made.token}


def filled(container: Container, client: FlaskClient, store: Store, key: dict[str, str]) -> dict[str, str]:
    """The neighbor has one of everything; the names of it, for paths."""

    def post(path: str, body: dict, method: str = "post") -> dict:
        answer = client.open(path, method=method, json=body, headers=key)
        assert answer.status_code < 300, answer.json
        return answer.json

    store.project = store.ask("SELECT id FROM projects WHERE name = :name", name=NEIGHBOR)
    ids = [post("/api/v1/analyses", {"log_content": LOG, "cache": "off", "service_name": "acme-shop"})["id"]]
    told = {"log_content": LOG, "cache": "off", "webhook_url": "https://example.com/acme"}
    ids += [post("/api/v1/analyses", told)["id"] for _ in range(2)]
    store.conclude(store.claimed(ids[1], stage=Stage.PREPARE), replace(COMPLETED, provider="rules"))
    failed = replace(COMPLETED, status=Status.FAILED, diagnosis=None, error=Failure.of(ProviderTimeout()))
    store.conclude(store.claimed(ids[2], stage=Stage.PREPARE), failed)
    post(f"/api/v1/analyses/{ids[1]}/feedback", {"rating": "up"}, "put")
    post("/api/v1/prompts", {"name": WORDS["name"], "texts": {"en": "acme secret"}, "labels": ["production"]})
    post(f"/api/v1/prompts/{WORDS['name']}/labels/{WORDS['label']}", {"version": 1}, "put")
    post("/api/v1/budget", {"requests": 1000}, "put")
    batch = post("/api/v1/batches", {"items": [{"custom_id": "one", "log_content": LOG, "source": "rules"}]})
    assert client.get(f"/api/v1/dead-letters/analysis-{ids[2]}", headers=key).status_code == 200
    [delivery] = client.get(f"/api/v1/webhooks?analysis_id={ids[1]}", headers=key).json["items"]
    post(f"/api/v1/webhooks/{delivery['id']}/redeliver", {})
    return {
        "delivery_id": delivery["id"],
        "analysis_id": str(ids[1]),
        "letter_id": f"analysis-{ids[2]}",
        "batch_id": str(batch["id"]),
        "prefix": key["X-API-Key"].split("_")[1],
    }


def asks(client: FlaskClient, names: dict[str, str]) -> list[Ask]:
    """Every call that needs a key; those that make something last."""
    found = []
    for path, operations in client.get("/openapi.json").json["paths"].items():
        unknown = set(re.findall(r"{(\w+)}", path)) - names.keys()
        assert not unknown, f"{path}: tell this test what {unknown} of the neighbor is"
        for method in operations.keys() & {"get", "post", "put", "patch", "delete"}:
            url = re.sub(r"{(\w+)}", lambda match: names[match[1]], path) + _QUERIES.get(path, "")
            if client.open(url, method=method).status_code == 401:
                found.append(Ask(method=method, path=path, url=url, body=BODIES.get((method, path))))
    return sorted(found, key=lambda ask: ((ask.method, ask.path) in _MAKERS, ask.method != "get", ask.path, ask.method))


def heard(client: FlaskClient, ask: Ask, key: dict[str, str]) -> tuple[str, int, str]:
    answer = client.open(ask.url, method=ask.method, json=ask.body, headers=key)
    assert answer.status_code not in {400, 415, 422, 500}, f"{ask}: tell this test how to ask it: {answer.json}"
    told = answer.get_data(as_text=True)
    # what was asked for may be repeated
    named = ask.url.removeprefix(ask.path.partition("{")[0]).partition("/")[0]
    told = told.replace(named, "…") if named else told
    return f"{ask.method} {ask.path}", answer.status_code, _OWN.sub("…", told)


def rows_of(store: Store, name: str) -> dict[str, list]:
    """Everything that belongs to a project, whatever the tables are."""
    project = store.ask("SELECT id FROM projects WHERE name = :name", name=name)
    tables = store.rows("SELECT table_name FROM information_schema.columns WHERE column_name = 'project_id' ORDER BY 1")
    return {
        table: store.rows(
            f"SELECT to_jsonb(t) - 'last_used_at' FROM {table} t WHERE project_id = :project ORDER BY 1",  # noqa: S608 - the catalog's own
            project=project,
        )
        for (table,) in tables
    }


def test_a_project_hears_the_same_of_every_route_whether_it_has_a_neighbor_or_not(container, client, store):
    neighbor = key_of(container, NEIGHBOR)
    # ids are given out in order: what the neighbor will have is not there yet
    nobody = {
        **WORDS,
        "delivery_id": str(uuid.uuid4()),
        "analysis_id": "2",
        "letter_id": "analysis-3",
        "batch_id": "1",
        "prefix": neighbor["X-API-Key"].split("_")[1],
    }
    alone = key_of(container, "alone")
    before = [heard(client, ask, alone) for ask in asks(client, nobody)]
    names = {**WORDS, **filled(container, client, store, neighbor)}
    everything = rows_of(store, NEIGHBOR)
    assert sum(map(bool, everything.values())) >= 7, "the neighbor has something nearly everywhere"
    curious = key_of(container, "curious")
    after = [heard(client, ask, curious) for ask in asks(client, names)]
    assert after == before
    assert len(after) >= 25
    assert rows_of(store, NEIGHBOR) == everything


def test_what_one_project_has_is_there_for_its_own_key(container, client, store):
    key = key_of(container, NEIGHBOR)
    names = {**WORDS, **filled(container, client, store, key)}
    missing = [
        ask.path
        for ask in asks(client, names)
        if ask.method == "get" and client.open(ask.url, headers=key).status_code != 200
    ]
    acts = {entry["act"] for entry in client.get("/api/v1/audit-log", headers=key).json["items"]}
    assert acts == {"key.create", "prompt.create", "prompt.label", "budget.set", "webhook.redeliver"}
    # the bridges answer for one project only
    assert missing == ["/api/v1/heimdall/status"]


def test_the_same_log_of_two_projects_is_answered_twice(container, client, store):
    neighbor, curious = key_of(container, NEIGHBOR), key_of(container, "curious")
    body = {"log_content": LOG, "source": "rules"}
    headers = {"Idempotency-Key": "the-same"}
    first = client.post("/api/v1/analyses", json=body, headers={**neighbor, **headers}).json
    store.project = store.ask("SELECT id FROM projects WHERE name = :name", name=NEIGHBOR)
    store.conclude(store.claimed(first["id"]))
    second = client.post("/api/v1/analyses", json=body, headers={**curious, **headers})
    assert second.json["id"] != first["id"]
    assert (second.json["status"], second.json["cached"]) == ("queued", False)
    assert "Idempotency-Replayed" not in second.headers
