"""What the model server can do with a request: each a function of the exchange, all of them in one table."""

import json
from collections.abc import Callable
from typing import Any

from tests.support.model_protocols import ERRORS, Bedrock, Usage

TOLD = Usage()
Behavior = Callable[[Any], None]

DIAGNOSIS = json.dumps(
    {
        "summary": "The database refuses connections.",
        "root_cause": "PostgreSQL is not running.",
        "recommendation": "Start PostgreSQL.",
        "severity": "HIGH",
        "confidence": 0.9,
        "issues_found": True,
        "evidence": [],
    }
)


def answer(text: str = DIAGNOSIS, *, reason: str = "stop", usage: Usage = TOLD, pause: float = 0) -> Behavior:
    """The whole text in pieces of 20 characters, ended by `reason`, pausing between them."""

    def play(exchange) -> None:
        exchange.begin()
        exchange.say(exchange.protocol.start())
        for at in range(0, len(text), 20):
            exchange.say(exchange.protocol.piece(text[at : at + 20]))
            if pause and not exchange.wait(pause):
                return
        exchange.say(exchange.protocol.end(reason, usage))
        exchange.finish()

    return play


def slow(pause: float = 0.05) -> Behavior:
    return answer(pause=pause)


def prose() -> Behavior:
    return answer(f"Here is what I found:\n\n```json\n{DIAGNOSIS}\n```\nI hope it helps.")


def wrong_schema() -> Behavior:
    return answer('{"verdict": "bad", "lines": 3}')


def no_json() -> Behavior:
    return answer("I am sorry, I cannot read that.")


def length_limited() -> Behavior:
    return answer(DIAGNOSIS[:60], reason="length")


def filtered() -> Behavior:
    return answer("", reason="filtered")


def huge(megabytes: float = 10) -> Behavior:
    """One long answer that ends."""

    def play(exchange) -> None:
        exchange.begin()
        for _ in range(int(megabytes * 16)):
            exchange.say(exchange.protocol.piece("x" * 65536))
        exchange.say(exchange.protocol.end("stop", Usage()))
        exchange.finish()

    return play


def endless(pause: float = 0.02) -> Behavior:
    """Pieces for ever."""

    def play(exchange) -> None:
        exchange.begin()
        exchange.say(exchange.protocol.start())
        while exchange.wait(pause):
            exchange.say(exchange.protocol.piece("more "))

    return play


def error(kind: str = "internal", **headers: str) -> Behavior:
    """An error response; `headers` with `_` for `-`."""

    def play(exchange) -> None:
        more, body = exchange.protocol.error(kind)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange.respond(ERRORS[kind][0], more | given, body)

    return play


def throttle(seconds: float = 1) -> Behavior:
    return error("throttled", Retry_After=f"{seconds:g}")


def refused(status: int, body: bytes, content_type: str = "application/json") -> Behavior:
    """Any response at all."""
    return lambda exchange: exchange.respond(status, {"Content-Type": content_type}, body)


def error_inside(kind: str = "internal") -> Behavior:
    """200, a piece, and then an error line or event."""

    def play(exchange) -> None:
        exchange.begin()
        exchange.say(exchange.protocol.start() + exchange.protocol.piece(DIAGNOSIS[:20]))
        exchange.say(exchange.protocol.error_inside(kind))
        exchange.finish()

    return play


def hang(seconds: float = 600) -> Behavior:
    """Not a byte."""
    return lambda exchange: exchange.wait(seconds)


def hang_inside(seconds: float = 600) -> Behavior:
    """A piece, and then not a byte."""

    def play(exchange) -> None:
        exchange.begin()
        exchange.say(exchange.protocol.start() + exchange.protocol.piece(DIAGNOSIS[:20]))
        exchange.wait(seconds)

    return play


def reset() -> Behavior:
    """The connection breaks before the first byte."""
    return lambda exchange: exchange.drop(reset=True)


def truncated() -> Behavior:
    """The connection ends in the middle of the stream."""

    def play(exchange) -> None:
        exchange.begin()
        exchange.say(exchange.protocol.start() + exchange.protocol.piece(DIAGNOSIS[:20]))
        exchange.drop()

    return play


def unfinished() -> Behavior:
    """A proper end of the transfer, but the protocol's own end mark never comes."""

    def play(exchange) -> None:
        exchange.begin()
        exchange.say(exchange.protocol.start() + exchange.protocol.piece(DIAGNOSIS[:20]))
        exchange.finish()

    return play


def garbage() -> Behavior:
    """200 and bytes that are no protocol."""
    return refused(200, b"\x00\x01\xfe\xffnot a protocol\n" * 40, "application/octet-stream")


def web_page() -> Behavior:
    return refused(200, b"<html><body>Log in</body></html>", "text/html")


def corrupt() -> Behavior:
    """A piece whose bytes were changed on the way."""

    def play(exchange) -> None:
        exchange.begin()
        data = bytearray(exchange.protocol.start() + exchange.protocol.piece("abc"))
        at = len(data) - 6 if isinstance(exchange.protocol, Bedrock) else 0
        data[at] ^= 0xFF
        exchange.say(bytes(data))
        exchange.finish()

    return play


def silent_cut(read: float = 16_384) -> Behavior:
    """An answer to a prompt of which only `read` tokens were read."""
    return answer(usage=Usage(prompt=int(read), completion=1))


#: Name -> behavior, for the command line and for other processes: `name` or `name:argument`.
BEHAVIORS: dict[str, Callable[..., Behavior]] = {
    "answer": answer,
    "slow": slow,
    "prose": prose,
    "wrong_schema": wrong_schema,
    "no_json": no_json,
    "length_limited": length_limited,
    "filtered": filtered,
    "huge": huge,
    "endless": endless,
    "throttle": throttle,
    "hang": hang,
    "hang_inside": hang_inside,
    "reset": reset,
    "truncated": truncated,
    "unfinished": unfinished,
    "garbage": garbage,
    "web_page": web_page,
    "corrupt": corrupt,
    "silent_cut": silent_cut,
    **{kind: (lambda kind=kind: error(kind)) for kind in ERRORS},
    **{f"inside_{kind}": (lambda kind=kind: error_inside(kind)) for kind in ERRORS},
}


def behavior(text: str) -> Behavior:
    """`"throttle:2"` -> `throttle(2.0)`."""
    name, _, number = text.partition(":")
    return BEHAVIORS[name](*([float(number)] if number else []))
