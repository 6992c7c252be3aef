"""The catalog of failure signatures: read from `signatures/*.yaml`, validated once, compiled for fast matching."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import re2
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.domain.diagnoses import Severity

DIRECTORY = Path(__file__).parent / "signatures"
#: The DFA of all patterns together may grow to this many bytes before RE2 starts it anew.
MAX_MEMORY = 128 * 1024 * 1024
_BOUND = re.compile(r"\{([01]),\d+\}")
_GROUP = re.compile(r"\(\?P<(\w+)>")
_ENTRIES: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(list[dict[str, Any]])

#: What a signature can be told by besides patterns: the answers of an HTTP server, or a stack trace.
Meter = Literal["5xx", "429", "denied", "404"]
TraceKind = Literal["python", "java", "node", "go", "ruby", "dotnet", "rust", "php"]


class Text(BaseModel):
    """What is said about a signature in one language. `{field|fallback}` is filled in from the match."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str
    cause: str
    steps: tuple[str, ...] = Field(min_length=1)


class Escalation(BaseModel):
    """Worse than usual: this often, this share of the requests, at the end, or in that company."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    count: int = 0
    share: float = 0.0
    #: The log ends with it: what it describes was the end.
    at_end: bool = False
    company: tuple[str, ...] = Field((), alias="with")
    #: Surer than usual, too.
    confidence: float | None = None
    #: A field that must have a value in common with the company's: the same host.
    shares: str = ""
    to: Severity


class Signature(BaseModel):
    """One way to fail."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(pattern=r"^[a-z][a-z0-9_]+$")
    #: How near to a root cause: 90 machine, 80 component, 55 symptom, 40 consequence, 30 generic.
    weight: Annotated[int, Field(ge=1, le=100)]
    severity: Severity
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.85
    patterns: tuple[str, ...] = ()
    #: Lines that tell more about it (and fill fields), but are not counted while the patterns above are found.
    details: tuple[str, ...] = ()
    #: A line that matches one of these is not meant.
    unless: tuple[str, ...] = ()
    meter: Meter | None = None
    trace: TraceKind | None = None
    #: Believed also in a line of level INFO or DEBUG.
    quiet: bool = False
    #: Its decisive line is that of the stack trace in the same record.
    at_trace: bool = False
    #: As long as it is LOW, it is told but no problem: everybody has it, every day.
    remark: bool = False
    #: Seen less often, it is not mentioned.
    min_count: int = 1
    #: Told only in the company of one of these.
    only_with: tuple[str, ...] = ()
    #: Passes by itself: a later sign of recovery makes it harmless.
    transient: bool = False
    escalate: tuple[Escalation, ...] = ()
    groups: tuple[str, ...] = ()
    #: Signatures, or `@group`s of them, that are its consequences.
    explains: tuple[str, ...] = ()
    #: Signatures that show the same event from elsewhere: they add their evidence to this one and are not told apart.
    covers: tuple[str, ...] = ()
    en: Text
    ko: Text

    def text(self, language: str) -> Text:
        """Its words; English for a language we do not have."""
        return self.ko if language == "ko" else self.en

    def explains_signature(self, other: "Signature") -> bool:
        """Is the other one a consequence of this?"""
        if other.id == self.id:
            return False
        return other.id in self.explains or any(f"@{group}" in self.explains for group in other.groups)


class Phrases(BaseModel):
    """Patterns that belong to no signature."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    #: A line that speaks of failure without telling one.
    harmless: tuple[str, ...]
    #: What overrules them: the same line counts something that did fail.
    telling: tuple[str, ...]
    #: A line that tells that something works again.
    recovery: tuple[str, ...]
    #: A line that tells that something was deployed, configured or switched.
    change: tuple[str, ...]


class PatternSet:
    """Many patterns asked at once, case-insensitively."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        """Compile; raises `re2.error` for a pattern RE2 refuses."""
        self.patterns = patterns
        self._single: dict[int, Any] = {}
        self._set = re2.Set.SearchSet(_options())
        for pattern in patterns:
            # counted repetitions unroll into thousands of states: the set asks loosely, `search` exactly
            self._set.Add(_BOUND.sub(lambda found: "*" if found[1] == "0" else "+", pattern))
        if patterns:
            self._set.Compile()

    def hits(self, text: str) -> dict[int, Any]:
        """The first match of each pattern found in the text, by the pattern's index."""
        candidates = sorted(self._set.Match(text) or ()) if self.patterns else []
        return {index: found for index in candidates if (found := self._search(index, text))}

    def _search(self, index: int, text: str) -> Any:
        compiled = self._single.get(index)
        if compiled is None:
            # RE2 reports only one of several groups of the same name, so each gets a name of its own
            numbers = itertools.count()
            unique = _GROUP.sub(lambda found: f"(?P<{found[1]}__{next(numbers)}>", self.patterns[index])
            compiled = self._single[index] = re2.compile(unique, _options())
        return compiled.search(text)


@dataclass(frozen=True, slots=True)
class Match:
    """A line shows a signature. `offset`: where in the line; `detail`: a number if by one of its details, else None."""

    signature: Signature
    detail: int | None
    fields: Mapping[str, str]
    offset: int


class Catalog:
    """All signatures, ready to be asked about lines."""

    def __init__(self, signatures: tuple[Signature, ...], phrases: Phrases) -> None:
        """Compile every pattern into one automaton."""
        self.signatures = signatures
        self.by_id = {signature.id: signature for signature in signatures}
        self.by_meter: dict[str, Signature] = {s.meter: s for s in signatures if s.meter}
        self.by_trace: dict[str, Signature] = {s.trace: s for s in signatures if s.trace}
        owned: list[tuple[str, Signature, int | None]] = [(p, s, None) for s in signatures for p in s.patterns]
        owned += [(p, s, number) for s in signatures for number, p in enumerate(s.details)]
        self._owners: list[tuple[Signature, int | None]] = [(s, detail) for _, s, detail in owned]
        refusals = [(p, s) for s in signatures for p in s.unless]
        self._refused = [s.id for _, s in refusals]
        self._patterns = PatternSet(tuple(p for p, *_ in owned) + tuple(p for p, _ in refusals))
        self._harmless = PatternSet(phrases.harmless)
        self._telling = PatternSet(phrases.telling)
        self._recovery = PatternSet(phrases.recovery)
        self._change = PatternSet(phrases.change)

    def matches(self, text: str) -> list[Match]:
        """Signatures a line shows, the one nearest to a root cause first."""
        hits = self._patterns.hits(text)
        if not hits or self.harmless(text):
            return []
        wanted = len(self._owners)
        refused = {self._refused[index - wanted] for index in hits if index >= wanted}
        found: dict[str, Match] = {}
        for index in (index for index in hits if index < wanted):
            signature, detail = self._owners[index]
            if signature.id not in refused and signature.id not in found:
                found[signature.id] = Match(signature, detail, _fields(hits[index].groupdict()), hits[index].start())
        return sorted(found.values(), key=lambda match: -match.signature.weight)

    def harmless(self, text: str) -> bool:
        """Does the line only speak of failure ("0 errors", "retry on timeout")?"""
        return bool(self._harmless.hits(text)) and not self._telling.hits(text)

    def recovery(self, text: str) -> bool:
        """Does the line tell that something works again?"""
        return bool(self._recovery.hits(text))

    def change(self, text: str) -> bool:
        """Does the line tell that something was deployed, configured or switched?"""
        return bool(self._change.hits(text))


@functools.cache
def load(directory: Path = DIRECTORY) -> Catalog:
    """Read and compile the catalog; once per process. Raises `pydantic.ValidationError` or `yaml.YAMLError`."""
    phrases = Phrases.model_validate(read_yaml(directory / "phrases.yaml"))
    return Catalog(tuple(_signatures(directory)), phrases)


def _fields(groups: Mapping[str, str | None]) -> dict[str, str]:
    """Named groups that matched something, under their own names."""
    return {name.split("__")[0]: value.strip() for name, value in groups.items() if value and value.strip()}


def _signatures(directory: Path) -> Iterator[Signature]:
    adapter = TypeAdapter(tuple[Signature, ...])
    for file in sorted(directory.glob("*.yaml")):
        if file.name != "phrases.yaml":
            # the file's name is a group, so that `explains: ["@database"]` needs no listing
            entries = _ENTRIES.validate_python(read_yaml(file))
            yield from adapter.validate_python([{**e, "groups": [*e.get("groups", ()), file.stem]} for e in entries])


def read_yaml(file: Path) -> object:
    """A YAML file's content. Raises `yaml.YAMLError`."""
    # the C parser is ten times faster and always in PyYAML's wheels; a build without it still works
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    return options
