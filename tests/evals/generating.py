"""A case's script to its log: hand-written lines among seeded noise, with times that fit each other.

Directives, each on a line of its own:

    @start 2025-03-18T01:59:00   the time from here on                @step 0.5       mean seconds between lines
    @noise spring 120            that many lines of a pool            @wait 90        seconds pass
    @x12 text                    that line 12 times, other values     @mix spring 3   up to 3 noise lines after each
    @mix off                     no more of them

Everything else is a line as it is written, except for times (`@iso`, `@clf`, …: see `_FORMS`).
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from string import Template

_FORMS: Mapping[str, Callable[[datetime], str]] = {
    "iso": lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "isoms": lambda t: _ms(t, "%Y-%m-%dT%H:%M:%S.") + "Z",
    "micro": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.%f"),
    "nano": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.%f") + f"{t.microsecond % 997:03d}Z",
    "mongo": lambda t: _ms(t, "%Y-%m-%dT%H:%M:%S.") + "+00:00",
    "spring": lambda t: _ms(t, "%Y-%m-%d %H:%M:%S."),
    "comma": lambda t: _ms(t, "%Y-%m-%d %H:%M:%S,"),
    "sec": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "slash": lambda t: t.strftime("%Y/%m/%d %H:%M:%S"),
    "clf": lambda t: t.strftime("%d/%b/%Y:%H:%M:%S +0000"),
    "syslog": lambda t: t.strftime("%b %d %H:%M:%S"),
    "klog": lambda t: t.strftime("%m%d %H:%M:%S.%f"),
    "clock": lambda t: t.strftime("%H:%M:%S"),
    "redis": lambda t: _ms(t, "%d %b %Y %H:%M:%S."),
    "epochms": lambda t: str(int(t.timestamp() * 1000)),
    "epoch": lambda t: str(int(t.timestamp())),
}
_TIME = re.compile(rf"@({'|'.join(sorted(_FORMS, key=len, reverse=True))})(?![a-z])")
_DIRECTIVE = re.compile(r"@(start|step|noise|wait|mix|x\d+) ?(.*)")
_WRAPPERS: Mapping[str, Callable[[str, datetime], str]] = {
    "cri": lambda line, t: f"{_FORMS['nano'](t)} {'stderr' if len(line) % 3 else 'stdout'} F {line}",
    "docker": lambda line, t: f'{{"log":{_quoted(line)},"stream":"stdout","time":"{_FORMS["nano"](t)}"}}',
    "journald": lambda line, t: f"{_FORMS['syslog'](t)} app-1 shop[4711]: {line}",
    "compose": lambda line, t: f"api-1  | {line}",
    "gha": lambda line, t: f"{t.strftime('%Y-%m-%dT%H:%M:%S.%f')}7Z {line}",
}
_WORDS = ("products/17", "api/products", "cart", "search?q=tea", "api/orders", "account", "api/stock/summary")


@dataclass(kw_only=True, slots=True)
class _Scribe:
    dice: random.Random
    pools: Mapping[str, Sequence[str]]
    now: datetime = datetime(2025, 3, 18, 1, 0, tzinfo=UTC)
    step: float = 0.8
    mixed: tuple[str, int] | None = None
    written: list[tuple[datetime, str]] = field(default_factory=list)

    def write(self, line: str) -> None:
        if not _TIME.search(line):
            self.written.append((self.now, line))
            return
        self.now += timedelta(seconds=self.dice.uniform(0.1, 1.9) * self.step)
        self.written.append((self.now, _TIME.sub(lambda match: _FORMS[match[1]](self.now), line)))

    def noise(self, pool: str, count: int) -> None:
        for _ in range(count):
            self.write(Template(self.dice.choice(self.pools[pool])).substitute(_values(self.dice)))

    def obey(self, verb: str, rest: str) -> None:
        words = rest.split()
        if verb == "start":
            self.now = datetime.fromisoformat(rest).replace(tzinfo=UTC)
        elif verb == "step":
            self.step = float(rest)
        elif verb == "wait":
            self.now += timedelta(seconds=float(rest))
        elif verb == "noise":
            self.noise(words[0], int(words[1]))
        elif verb == "mix":
            self.mixed = None if rest == "off" else (words[0], int(words[1]))
        else:
            for _ in range(int(verb[1:])):
                self.write(Template(rest).safe_substitute(_values(self.dice)))
                self.stir()

    def stir(self) -> None:
        if self.mixed is not None:
            self.noise(self.mixed[0], self.dice.randint(0, self.mixed[1]))


def generate(script: str, *, seed: str, pools: Mapping[str, Sequence[str]], wrap: str | None = None) -> str:
    """The log of a script; the same for the same seed, always."""
    scribe = _Scribe(dice=random.Random(seed), pools=pools)
    lines = script.strip("\n").split("\n")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        directive = _DIRECTIVE.fullmatch(line)
        if directive:
            scribe.obey(directive[1], directive[2])
            continue
        scribe.write(line)
        # noise never falls between the lines of a stack trace
        if _TIME.search(line) and (_TIME.search(following) or _DIRECTIVE.match(following)):
            scribe.stir()
    return "\n".join(_wrapped(scribe.written, wrap)) + "\n"


def _wrapped(written: Sequence[tuple[datetime, str]], wrap: str | None) -> Iterator[str]:
    for moment, line in written:
        yield line if wrap is None else _WRAPPERS[wrap](line, moment)


def _values(dice: random.Random) -> Mapping[str, str]:
    bits = f"{dice.getrandbits(128):032x}"
    return {
        "ip": f"203.0.113.{dice.randint(1, 254)}",
        "port": str(dice.randint(32768, 60999)),
        "id": str(dice.randint(100_000, 999_999)),
        "n": str(dice.randint(10, 999)),
        "d": str(dice.randint(1, 9)),
        "ms": str(dice.randint(2, 180)),
        "hex": bits[:8],
        "uuid": f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}",
        "path": dice.choice(_WORDS),
    }


def _quoted(line: str) -> str:
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"'


def _ms(moment: datetime, form: str) -> str:
    return moment.strftime(form) + f"{moment.microsecond // 1000:03d}"
