"""HTTP to a model's server: one pooled session a process, streamed and bounded reading, foreign errors ended here."""

import contextlib
import http.client
import ipaddress
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
import urllib3
from requests import exceptions as foreign

from app.domain.errors import (
    AnswerMalformed,
    ProviderError,
    ProviderMisconfigured,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.providers.calls import Call, CuttableAdapter

#: Of the whole stream with its framing, which can be a hundred times the answer.
MAX_STREAM_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
MAX_REFUSAL_BYTES = 64 * 1024
_CHUNK = 64 * 1024
#: As many as one process has waiting calls; more would be opened and thrown away.
_POOL = 512

_ADDRESS = (
    foreign.InvalidURL,
    foreign.MissingSchema,
    foreign.InvalidSchema,
    foreign.InvalidProxyURL,
    urllib3.exceptions.LocationParseError,
)
_SILENCE = (foreign.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)
_ANY = (
    foreign.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,  # a read of a response that was closed
)
#: Foreign error -> ours and what it says, first match wins.
_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], type[ProviderError], str], ...] = (
    ((foreign.ConnectTimeout,), ProviderUnavailable, "did not accept a connection in time"),
    (_SILENCE, ProviderTimeout, "was silent for too long"),
    (_ADDRESS, ProviderMisconfigured, "has an address that is not a valid URL"),
    (_ANY, ProviderUnavailable, "refused or lost the connection"),
)


@contextmanager
def border(call: Call, place: str) -> Iterator[None]:
    """Inside, errors of requests, urllib3 and sockets become ours.

    An error that our own cut or deadline caused surfaces as what caused it (`Interrupted`, `ProviderTimeout`).
    """
    try:
        yield
    except _ANY as error:
        call.check()
        raise _translated(place, error) from error


def _translated(place: str, error: Exception) -> ProviderError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ProviderMisconfigured(f"{place} has a TLS certificate that is not trusted here.")
    wanted, says = next((ours, says) for types, ours, says in _TRANSLATIONS if isinstance(error, types))
    return wanted(f"{place} {says}.")


class Reply:
    """A response whose body was not read yet. Close it: what was not read to its end breaks the connection."""

    def __init__(self, call: Call, place: str, response: requests.Response) -> None:
        self._call = call
        self.place = place
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> Iterator[bytes]:
        """As they arrive, the watch asked before and after each. Raises `ProviderError` and `Interrupted`."""
        total = 0
        while True:
            self._call.check()
            with border(self._call, self.place):
                self._call.be_patient()
                chunk = self._response.raw.read1(_CHUNK, decode_content=True)
            if not chunk:
                self._call.check()  # a cut can look like an end
                return
            total += len(chunk)
            if total > MAX_STREAM_BYTES:
                raise AnswerMalformed(f"{self.place} sent more than {MAX_STREAM_BYTES // 1024 // 1024} MB.")
            yield chunk

    def lines(self) -> Iterator[bytes]:
        """Without their ends; the last one may have had none."""
        buffer = bytearray()
        for chunk in self.chunks():
            start = len(buffer)
            buffer += chunk
            while (end := buffer.find(b"\n", start)) >= 0:
                yield bytes(buffer[:end]).rstrip(b"\r")
                del buffer[: end + 1]
                start = 0
            if len(buffer) > MAX_LINE_BYTES:
                raise AnswerMalformed(f"{self.place} sent a line that does not end.")
        if buffer:
            yield bytes(buffer)

    def body(self, limit: int = MAX_REFUSAL_BYTES) -> bytes:
        """At most `limit` bytes of it."""
        read = bytearray()
        for chunk in self.chunks():
            read += chunk
            if len(read) >= limit:
                break
        return bytes(read[:limit])

    def document(self, limit: int = MAX_DOCUMENT_BYTES) -> dict[str, object]:
        """The body as a JSON object; empty when it is none."""
        return json_object(self.body(limit))

    def drain(self) -> None:
        """The answer is whole: wait a moment for the end of the transfer, so that the connection can be used again."""
        with contextlib.suppress(*_ANY):
            self._call.be_patient(at_most=0.2)
            for _ in range(4):  # a few bytes at most; whoever sends more loses the connection
                if not self._response.raw.read1(_CHUNK, decode_content=True):
                    return

    def close(self) -> None:
        """Give the connection back, or break it."""
        self._response.close()


class Http:
    """The way to one server. Cheap to make; opens nothing before the first call, and anew after a fork."""

    def __init__(self, provider: str, url: str, *, verify: str | None = None) -> None:
        """`verify` is a file of trusted certificates; None: the usual ones."""
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        #: For people: no credentials of the URL, no path.
        self.place = f"{provider} at {parts.netloc.rpartition('@')[2] or self.url}"
        self._verify = verify
        # A proxy of the environment is for the world outside, and asking the environment costs half a call.
        self._looks_around = not _is_loopback(parts.hostname)
        self._made_in = 0
        self._session: requests.Session | None = None
        self._environment: dict[str, object] = {}

    def send(self, call: Call, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Exactly this request: no redirects, no cookies, no retries, no `.netrc`. Any status is a reply.

        A `url` that starts with `/` continues the server's own.
        """
        request = requests.PreparedRequest()
        request.method = method
        request.url = self.url + url if url.startswith("/") else url
        request.headers = requests.structures.CaseInsensitiveDict({**headers, "Content-Length": str(len(body))})
        request.body = body
        request.hooks = {}
        call.check()
        with border(call, self.place):
            response = self._ready().send(
                request,
                stream=True,
                allow_redirects=False,
                timeout=call.patience(),
                **self._environment,  # type: ignore[arg-type]  # what requests itself merged
            )
        return Reply(call, self.place, response)

    def _ready(self) -> requests.Session:
        # two threads may both make one at the very start: harmless, and cheaper than a lock held over a fork
        session = self._session
        if session is None or self._made_in != os.getpid():
            session = requests.Session()
            session.trust_env = self._looks_around
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            adapter = CuttableAdapter(pool_connections=8, pool_maxsize=_POOL, max_retries=0)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            merged = session.merge_environment_settings(self.url, {}, True, self._verify, None)
            self._environment = {name: merged[name] for name in ("proxies", "verify", "cert")}
            self._session, self._made_in = session, os.getpid()
        return session


def json_object(data: bytes) -> dict[str, object]:
    """A JSON object, or an empty one when `data` is anything else."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
