"""AWS Bedrock, over real HTTP and its real event stream."""

import json
from urllib.parse import unquote

import pytest

from app import settings
from app.domain.errors import (
    AnswerMalformed,
    AnswerRefused,
    PromptTooLong,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.providers.bedrock import Bedrock
from tests.support.model_behaviors import DIAGNOSIS, answer, error, error_inside, refused
from tests.support.model_calls import Watching, prompt
from tests.support.model_protocols import Usage, event

pytestmark = pytest.mark.integration


@pytest.fixture
def bedrock(make):
    return make("bedrock")


def test_the_request_is_signed_and_names_the_schema(bedrock, server):
    bedrock.complete(prompt(), Watching())
    asked = server.requests[0]
    assert unquote(asked.path) == f"/model/{bedrock.model}/converse-stream"
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/")
    assert asked.body["system"] == [{"text": "You read logs."}]
    assert asked.body["inferenceConfig"] == {"maxTokens": 300, "temperature": 0.0}
    schema = json.loads(asked.body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])
    assert schema["required"] == ["summary", "confidence", "evidence"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["confidence"] == {"type": "number"}
    assert schema["properties"]["evidence"]["items"]["additionalProperties"] is False


def test_an_inference_profile_by_arn_keeps_its_name(bedrock, server):
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    bedrock.complete(prompt(model=arn), Watching())
    assert unquote(server.requests[0].path) == f"/model/{arn}/converse-stream" or "%2F" in server.requests[0].path


def test_a_listed_model_costs_its_price(bedrock, server):
    server.script(answer(usage=Usage(prompt=1_000_000, completion=100_000)))
    usage = bedrock.complete(prompt(), Watching()).usage
    assert (usage.cost_micro_usd, usage.estimated) == (1_500_000, False)


def test_an_unlisted_model_costs_an_unknown_amount(bedrock):
    usage = bedrock.complete(prompt(model="somebody.something-v1:0"), Watching()).usage
    assert (usage.cost_micro_usd, usage.estimated) == (None, False)


def test_a_model_without_schemas_is_given_a_tool_and_remembered(bedrock, server):
    server.script(error("no_schema"))
    assert bedrock.complete(prompt(), Watching()).text == DIAGNOSIS
    assert bedrock.complete(prompt(), Watching()).text == DIAGNOSIS
    assert len(server.requests) == 3
    for asked in server.requests[1:]:
        assert "outputConfig" not in asked.body
        assert asked.body["toolConfig"]["toolChoice"] == {"tool": {"name": "diagnosis"}}


def test_a_model_without_tools_either_is_asked_plainly(bedrock, server):
    server.script(error("no_schema"), error("no_tool"))
    assert bedrock.complete(prompt(), Watching()).text == DIAGNOSIS
    assert not server.requests[2].body.keys() & {"outputConfig", "toolConfig"}
    assert len(server.requests) == 3


def test_a_concession_is_made_for_one_model_only(bedrock, server):
    server.script(error("no_schema"))
    bedrock.complete(prompt(), Watching())
    bedrock.complete(prompt(model="another.model"), Watching())
    assert "outputConfig" in server.requests[-1].body


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        (error("not_ready"), ProviderUnavailable),
        (error("model_error"), ProviderUnavailable),
        (error("model_timeout"), ProviderTimeout),
        (error("quota"), ProviderThrottled),
        (error_inside("throttled"), ProviderThrottled),
        (error_inside("unavailable"), ProviderUnavailable),
        (error_inside("invalid"), ProviderMisconfigured),
        (answer(reason="guardrail_intervened"), AnswerRefused),
        (answer(reason="content_filtered"), AnswerRefused),
        (answer(reason="model_context_window_exceeded"), PromptTooLong),
        (answer(reason="malformed_model_output"), AnswerMalformed),
    ],
)
def test_each_signal_has_its_error(bedrock, server, behavior, expected):
    server.script(behavior)
    with pytest.raises(expected) as caught:
        bedrock.complete(prompt(), Watching())
    assert type(caught.value) is expected
    assert len(server.requests) == 1


def test_no_credentials_is_a_configuration_that_health_explains(server, aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    bedrock = Bedrock(settings.Bedrock(endpoint_url=server.url, region="us-east-1"), model="m", max_output_tokens=300)
    with pytest.raises(ProviderMisconfigured, match="NoCredentials"):
        bedrock.complete(prompt(), Watching())
    health = bedrock.health()
    assert not health.ok
    assert "AWS_PROFILE" in health.detail


def test_no_region_is_a_configuration_error(server, aws):
    bedrock = Bedrock(settings.Bedrock(), model="m", max_output_tokens=300)
    with pytest.raises(ProviderMisconfigured, match="NoRegion"):
        bedrock.complete(prompt(), Watching())
    assert not bedrock.health().ok


def test_an_api_key_takes_the_place_of_credentials(server, aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key")
    bedrock = Bedrock(settings.Bedrock(endpoint_url=server.url, region="us-east-1"), model="m", max_output_tokens=300)
    assert bedrock.health().ok
    with pytest.raises(ProviderMisconfigured, match="InvalidEndpoint"):  # boto3 sends it over TLS only
        bedrock.complete(prompt(), Watching())


def test_an_endpoint_that_is_no_address_is_a_configuration_error(aws):
    bedrock = Bedrock(settings.Bedrock(endpoint_url="nowhere", region="us-east-1"), model="m", max_output_tokens=300)
    with pytest.raises(ProviderMisconfigured):
        bedrock.complete(prompt(), Watching())


@pytest.mark.parametrize("body", [b"[]", b"[" * 20_000, b"null", b'{"message": {"a": 1}}', b"\x00"])
def test_an_error_that_is_no_error_document_is_still_one(bedrock, server, body):
    server.script(refused(500, body))
    with pytest.raises(ProviderUnavailable):
        bedrock.complete(prompt(), Watching())


@pytest.mark.parametrize("payload", [[], 7, {"delta": "text"}, {"delta": {"text": 7}}, {"delta": None}])
def test_an_event_of_another_shape_is_not_the_protocol(bedrock, server, payload):
    content = event("messageStart", {"role": "assistant"}) + event("contentBlockDelta", payload)
    server.script(refused(200, content, "application/vnd.amazon.eventstream"))
    with pytest.raises(ProviderUnavailable):
        bedrock.complete(prompt(), Watching())
