"""One HTTP call that ends: bounded waits, retries that obey `Retry-After`, problems as errors."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import NoReturn
from urllib.parse import urlsplit

import orjson
import requests

from app import __version__
from app.client.errors import ApiError, ConnectionInvalid, FieldError, ServerUnreachable, UnexpectedAnswer
from app.domain.ports import Clock

#: The server, or something before it, asks to come back.
_BUSY = frozenset({429, 502, 503, 504})
_CONNECT_SECONDS = 5.0
_LONGEST_PAUSE = 60.0
#: Items of one page.
_PAGE = 100
_PIECE_BYTES = 64 * 1024
#: Failures that may pass by themselves; a bad address or certificate does not.
_PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request. `patience`: seconds it may be repeated for while nobody answers; 0: never."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    headers: Mapping[str, str] | None = None
    patience: float = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A response. `retry_after` in seconds."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str]
    retry_after: float | None
    #: The body, where it is no JSON.
    text: str = ""


class Transport:
    """Sends calls to one server, with one key."""

    def __init__(self, url: str, api_key: str | None, *, timeout: float, clock: Clock) -> None:
        self.url = _address(url)
        self._timeout = timeout
        self._clock = clock
        #: Told before each pause: why, and for how many seconds.
        self.on_pause: Callable[[str, float], None] | None = None
        self._session = requests.Session()
        # a machine's own proxy must not stand between it and itself
        self._session.trust_env = urlsplit(self.url).hostname not in {"127.0.0.1", "localhost", "::1"}
        # neither ~/.netrc: the key is the only credential
        self._session.auth = _no_other_credentials
        self._session.headers.update({"User-Agent": f"bifrost-client/{__version__}", "Accept": "application/json"})
        if key := _key(api_key):
            self._session.headers["X-API-Key"] = key

    def listed(
        self, path: str, filters: Mapping[str, str] | None, *, limit: int | None
    ) -> Iterator[Mapping[str, object]]:
        """The items of a list, page after page, at most `limit`. Raises `ClientError`s."""
        left, cursor = limit, ""
        while left is None or left > 0:
            size = _PAGE if left is None else min(left, _PAGE)
            query = {**(filters or {}), "limit": str(size)} | ({"cursor": cursor} if cursor else {})
            page = self.send(Call(method="GET", path=path, query=list(query.items()))).body
            items = self.items(page)
            yield from items
            cursor = str(page.get("next_cursor") or "")
            if not cursor:
                return
            left = None if left is None else left - len(items)

    def items(self, page: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
        """Those of one answer. Raises `UnexpectedAnswer`."""
        items = page.get("items")
        if not isinstance(items, list):
            raise UnexpectedAnswer(f"{self.url} answered with a list that has no items")
        return items

    def send(self, call: Call) -> Answer:
        """The answer when it is a success. Raises `ClientError`s."""
        until = self._clock.monotonic() + call.patience
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._once(call)
            except _PASSING as error:
                pause = min(5.0, 0.2 * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, hides nothing
                if self._clock.monotonic() + pause > until:
                    raise ServerUnreachable(f"{self.url} cannot be reached: {_reason(error)}") from error
                self._pause("no answer", pause)
                continue
            except requests.RequestException as error:
                raise ServerUnreachable(f"{self.url} cannot be used: {_reason(error)}") from error
            if answer.status < 300:
                return answer
            pause = answer.retry_after or min(5.0, 0.2 * 2**attempt)
            if answer.status not in _BUSY or pause > _LONGEST_PAUSE or attempt > 5 or not call.patience:
                self._raise_problem(answer)
            self._pause("the server is busy", pause)

    def stream(self, call: Call) -> Iterator[bytes]:
        """The pieces of a long answer, uncompressed. Raises `ClientError`s, also in the middle; sent only once."""
        try:
            with self._request(call, stream=True) as response:
                if response.status_code >= 300:
                    self._raise_problem(self._answer(response))
                yield from response.iter_content(_PIECE_BYTES)
        except requests.RequestException as error:
            raise ServerUnreachable(f"{self.url} did not finish its answer: {_reason(error)}") from error

    def _once(self, call: Call) -> Answer:
        return self._answer(self._request(call, stream=False))

    def _request(self, call: Call, *, stream: bool) -> requests.Response:
        return self._session.request(
            call.method,
            self.url + call.path,
            params=list(call.query),
            data=call.body,
            headers=call.headers,
            timeout=(min(_CONNECT_SECONDS, self._timeout), self._timeout),
            # a redirected POST becomes a GET, and the key would travel along
            allow_redirects=False,
            stream=stream,
        )

    def _answer(self, response: requests.Response) -> Answer:
        return Answer(
            status=response.status_code,
            body=_object(response),
            headers=response.headers,
            retry_after=self._seconds(response.headers.get("Retry-After")),
            text="" if _is_json(response) else response.content.decode(errors="replace"),
        )

    def _pause(self, reason: str, seconds: float) -> None:
        if self.on_pause:
            self.on_pause(reason, seconds)
        self._clock.sleep(seconds)

    def _seconds(self, hint: str | None) -> float | None:
        """`Retry-After` holds seconds or a date."""
        if not hint:
            return None
        try:
            if hint.strip().isdigit():
                return float(hint)
            return max(0.0, (parsedate_to_datetime(hint) - self._clock.now()).total_seconds())
        except (ValueError, TypeError):
            return None

    def _raise_problem(self, answer: Answer) -> NoReturn:
        if 300 <= answer.status < 400:
            target = answer.headers.get("Location", "elsewhere")
            raise UnexpectedAnswer(f"{self.url} redirects to {target}: use that address")
        if "code" not in answer.body and answer.status < 500:
            raise UnexpectedAnswer(
                f"{self.url} answered {answer.status}, but not as Bifrost does: is the address right?"
            )
        detail = answer.body.get("detail") or answer.body.get("title") or f"the server answered {answer.status}"
        raise ApiError(
            status=answer.status,
            code=str(answer.body.get("code", f"http_{answer.status}")),
            detail=str(detail),
            errors=_field_errors(answer.body.get("errors")),
            retry_after=answer.retry_after,
        )


def _address(url: str) -> str:
    """Without what people paste along with it. Its words name no password."""
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConnectionInvalid("The server's address (BIFROST_URL) is not an address.") from None
    if "@" in text:
        raise ConnectionInvalid("The server's address (BIFROST_URL) must hold no user name: the API key is enough.")
    if parts.scheme not in {"http", "https"}:
        raise ConnectionInvalid(
            f"The server's address (BIFROST_URL) must begin with http:// or https://, not {text!r}."
        )
    if not usable or parts.query or parts.fragment:
        raise ConnectionInvalid(f"The server's address (BIFROST_URL) is not an address: {text!r}.")
    return text


def _key(api_key: str | None) -> str:
    """Without the line break that files and shells leave; never a word of it in a message."""
    key = (api_key or "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConnectionInvalid("The API key (BIFROST_API_KEY) holds characters that no key has.")
    return key


def _no_other_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_json(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith(("application/json", "application/problem+json"))


def _object(response: requests.Response) -> Mapping[str, object]:
    """The JSON object in the body; empty when it holds none."""
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _field_errors(errors: object) -> list[FieldError]:
    found = errors if isinstance(errors, list) else []
    return [
        FieldError(field=str(item.get("field", "")), message=str(item.get("message", "")))
        for item in found
        if isinstance(item, Mapping)
    ]


def _reason(error: requests.RequestException) -> str:
    """What happened, without the stack of wrappers that tells it."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    if isinstance(error, requests.ReadTimeout):
        return "it did not answer in time"
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).lower()
