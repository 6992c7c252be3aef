"""boto3 at arm's length: its client, its events and its errors, each met once.

boto3 finds credentials, signs requests and reads event streams. The bytes travel over our own `Http`, through
botocore's `before-send` event, so that deadlines, cutting and bounds are the same as for every other provider.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from app import settings
from app.domain.errors import ProviderMisconfigured, ProviderUnavailable
from app.providers.calls import Call
from app.providers.http import Http, Reply
from app.providers.refusals import Refusal, retry_after

_ADVICE = "Check AWS's own configuration (`AWS_PROFILE`, `AWS_REGION`, credentials) and `bedrock.region`."


class Refused(Exception):
    """AWS answered with an error, before or inside the stream. Its provider makes one of our errors of it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Client(Protocol):
    """What we use of boto3's client, which has no types of its own."""

    def converse_stream(self, **arguments: object) -> Mapping[str, Any]:
        """Ask; the answer's events are under `stream`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A client, and the way its bytes go."""

    client: Client
    http: Http
    has_credentials: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sending:
    call: Call
    http: Http
    replies: ExitStack


#: What this thread is about to send, for `before-send`.
_sending: ContextVar[_Sending | None] = ContextVar("sending", default=None)


class Aws:
    """The Bedrock client of this process: made at its first use, and anew after a fork."""

    def __init__(self, section: settings.Bedrock) -> None:
        self._section = section
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._process = os.getpid()

    def line(self) -> Line:
        """The client. Raises `ProviderMisconfigured` when AWS's configuration is incomplete."""
        if self._process != os.getpid():
            # the parent's lock may have been held when we were forked; its client is not ours
            self._lock, self._line, self._process = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._line is None:
                with border("AWS"):
                    self._line = _connect(self._section)
            return self._line

    @contextmanager
    def events(self, call: Call, arguments: Mapping[str, object]) -> Iterator[Iterator[Mapping[str, Any]]]:
        """The events of one ConverseStream. Raises `Refused`, `ProviderError` and `Interrupted`; closes the stream."""
        line = self.line()
        with ExitStack() as replies:
            token = _sending.set(_Sending(call=call, http=line.http, replies=replies))
            try:
                with border(line.http.place), _reading(line.http.place):
                    stream = line.client.converse_stream(**arguments)["stream"]
            finally:
                _sending.reset(token)
            yield _translated(stream, line.http.place)


def _translated(stream: Iterator[Mapping[str, Any]], place: str) -> Iterator[Mapping[str, Any]]:
    with border(place), _reading(place):
        yield from stream


def _connect(section: settings.Bedrock) -> Line:
    import boto3
    import botocore.session
    from botocore.config import Config

    core = botocore.session.get_session()
    session = boto3.session.Session(region_name=section.region, botocore_session=core)
    client = session.client(
        "bedrock-runtime",
        endpoint_url=section.endpoint_url,
        # one retry layer only, and it is not this one
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )
    client.meta.events.register("before-send.bedrock-runtime.*", _send)
    http = Http("Bedrock", client.meta.endpoint_url, verify=core.get_config_variable("ca_bundle"))
    # an API key (bearer token) takes the place of credentials
    known = core.get_credentials() is not None or core.get_auth_token(signing_name="bedrock") is not None
    return Line(client=client, http=http, has_credentials=known)


def _send(request: Any, **_: object) -> object:
    """Handler of `before-send`: the signed request goes out over our own connection, and its response comes back."""
    from botocore.awsrequest import AWSResponse

    sending = _sending.get()
    if sending is None:
        return None
    headers = {
        name: value.decode() if isinstance(value, bytes) else str(value) for name, value in request.headers.items()
    }
    reply = sending.http.send(sending.call, request.method, request.url, headers=headers, body=_bytes(request.body))
    sending.replies.callback(reply.close)
    return AWSResponse(request.url, reply.status, dict(reply.headers), _Raw(reply))


def _bytes(body: bytes | str | None) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


class _Raw:
    """A reply as botocore reads one."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def stream(self) -> Iterator[bytes]:
        """As it arrives; of an error only as much as an error needs."""
        if self._reply.status < 300:
            yield from self._reply.chunks()
            return
        yield self._reply.body()

    def close(self) -> None:
        """Break it off."""
        self._reply.close()


@contextmanager
def border(place: str) -> Iterator[None]:
    """Inside, errors of boto3 and botocore become ours; what AWS itself said becomes `Refused`."""
    from botocore import eventstream, exceptions, parsers

    try:
        yield
    except exceptions.ClientError as error:
        raise Refused(_refusal(error, streaming=isinstance(error, exceptions.EventStreamError))) from error
    except (exceptions.HTTPClientError, exceptions.CredentialRetrievalError) as error:
        raise ProviderUnavailable(f"{place} cannot be asked: {_kind(error)}.") from error
    except (eventstream.ParserError, parsers.ResponseParserError) as error:
        raise ProviderUnavailable(f"{place} sent something that is not Bedrock's protocol.") from error
    except (exceptions.BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise ProviderMisconfigured(f"{place} cannot be asked: {_kind(error)}. {_ADVICE}") from error


@contextmanager
def _reading(place: str) -> Iterator[None]:
    """Inside, what botocore's parsers trip over when they are given something else becomes ours."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ProviderUnavailable(f"{place} sent something that is not Bedrock's protocol.") from error


def _kind(error: Exception) -> str:
    """Its class only: the text of some repeats the arguments."""
    return type(error).__name__


def _refusal(error: Any, *, streaming: bool) -> Refusal:
    response = error.response
    metadata = response.get("ResponseMetadata") or {}
    said = response.get("Error") or {}
    return Refusal(
        status=0 if streaming else int(metadata.get("HTTPStatusCode") or 0),
        code=str(said.get("Code") or ""),
        message=str(said.get("Message") or ""),
        retry_after=retry_after(metadata.get("HTTPHeaders") or {}),
    )
