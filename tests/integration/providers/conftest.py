"""A model server for each test, and the three providers pointed at it."""

import pytest

from app import settings
from app.providers.bedrock import Bedrock
from app.providers.ollama import Ollama
from app.providers.openai_compatible import OpenaiCompatible
from tests.support.model_server import ModelServer

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
KEY = "sk-very-secret-key"


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def aws(monkeypatch, tmp_path):
    """Credentials that are nobody's, and nothing of this machine's own."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make(server, aws):
    """Makes a provider by name; `url` and any setting of its section may be given."""

    def making(name, url=server.url, **options):
        if name == "ollama":
            return Ollama(settings.Ollama(url=url, **options), model="m", max_output_tokens=300)
        if name == "bedrock":
            section = settings.Bedrock(endpoint_url=url, region="us-east-1", **options)
            return Bedrock(section, model=CLAUDE, max_output_tokens=300)
        section = settings.OpenaiCompatible(url=f"{url}/v1", **options)
        return OpenaiCompatible(section, model="m", api_key=KEY, max_output_tokens=300)

    return making


@pytest.fixture(params=["ollama", "bedrock", "openai_compatible"])
def each(request):
    """The name of every provider, one after the other."""
    return request.param
