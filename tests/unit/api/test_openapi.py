import re

import pytest

from app.api import BLUEPRINTS
from app.api.schemas import AnalysisSchema
from app.web import create_app

pytestmark = pytest.mark.unit


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


def references(node):
    """Every $ref below a node."""
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from [inner] if name == "$ref" else references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_the_document_is_openapi_3_1_and_every_reference_leads_somewhere(document):
    assert document["openapi"] == "3.1.0"
    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_every_documented_resource_is_in_the_document(document):
    assert {tag["name"] for tag in document["tags"]} == {blueprint.name for blueprint in BLUEPRINTS}
    assert {
        "/api/v1/analyses",
        "/api/v1/analyses/{analysis_id}",
        "/api/v1/analyses/{analysis_id}/cancel",
        "/api/v1/analyses/{analysis_id}/retry",
        "/api/v1/analyses/{analysis_id}/log",
        "/api/v1/analyses/{analysis_id}/log/statistics",
        "/api/v1/analyses/{analysis_id}/report",
        "/api/v1/logs/filter",
        "/api/v1/logs/statistics",
        "/api/v1/analyses/{analysis_id}/feedback",
        "/api/v1/api-keys",
        "/api/v1/api-keys/{prefix}",
        "/api/v1/api-keys/{prefix}/revoke",
        "/api/v1/api-keys/{prefix}/rotate",
        "/api-keys",
        "/api/v1/audit-log",
        "/api/v1/budget",
        "/api/v1/prompts",
        "/api/v1/prompts/{name}",
        "/api/v1/prompts/{name}/versions",
        "/api/v1/prompts/{name}/versions/{version}",
        "/api/v1/prompts/{name}/labels/{label}",
        "/api/v1/prompts/{name}/split",
        "/api/v1/prompts/{name}/stats",
        "/api/v1/dead-letters",
        "/api/v1/dead-letters/replay",
        "/api/v1/dead-letters/{letter_id}",
        "/api/v1/dead-letters/{letter_id}/replay",
        "/api/v1/analyses/export",
        "/api/v1/batches",
        "/api/v1/batches/{batch_id}",
        "/api/v1/batches/{batch_id}/results",
        "/api/v1/batches/{batch_id}/cancel",
        "/analyze",
        "/history",
        "/history/{analysis_id}",
        "/api/v1/analysis/request",
        "/api/v1/analysis/result/{analysis_id}",
        "/api/v1/models",
        "/api/v1/webhooks",
        "/api/v1/webhooks/{delivery_id}/redeliver",
        "/api/v1/heimdall/status",
        "/api/v1/stats",
        "/metrics",
        "/health",
        "/health/live",
        "/health/ready",
        "/ready",
    } == document["paths"].keys()


def test_errors_are_documented_as_the_problems_they_are(document):
    for response in document["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]
    for path in document["paths"].values():
        for method, operation in path.items():
            if method != "parameters":
                assert operation["responses"]["default"] == {"$ref": "#/components/responses/PROBLEM"}


def test_every_call_says_which_scope_it_needs(document):
    submit = document["paths"]["/api/v1/analyses"]["post"]
    assert submit["security"] == [{"apiKey": ["submit"]}, {"bearer": ["submit"]}]
    assert document["paths"]["/ready"]["get"]["security"] == []


def test_unknown_fields_are_documented_as_refused(document):
    assert document["components"]["schemas"]["Submission"]["additionalProperties"] is False


def test_what_is_answered_is_what_is_documented(keyed, document):
    answer = keyed.post("/api/v1/analyses", json={"log_content": "log"}).json
    assert answer.keys() == document["components"]["schemas"]["Analysis"]["properties"].keys()
    assert answer.keys() == AnalysisSchema().fields.keys()


def test_a_second_application_has_the_same_document(parts, document):
    assert create_app(parts).test_client().get("/openapi.json").json == document


def test_the_page_takes_everything_from_this_server(client):
    page = client.get("/docs")
    assert page.content_type == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for source in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert client.get(source).status_code == 200, source
    for name in ("docs", "docs/docs.js", "docs/docs.css"):
        text = client.get(f"/{name}").text
        assert not re.search(r"https?://|//cdn|@import", text.replace("// ", ""))
        assert "innerHTML" not in text


def test_the_page_names_every_problem(client, document):
    codes = {problem["code"] for problem in document["x-problems"]}
    kind = client.get("/nowhere").json["type"]
    assert kind.removeprefix("/docs#problem-") in codes
