"""What a log shows: signatures with their counts and lines, and errors that no signature knows."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from app.domain.logs import Level, Line, PreparedLog, Template
from app.pipeline.wrappers import unwrap
from app.providers.rules.catalog import Catalog, Signature
from app.providers.rules.grading import Scene, graded
from app.providers.rules.nouns import Finding, Hit
from app.providers.rules.traces import parse, spoken
from app.providers.rules.traffic import Traffic, measure

#: Lines of one record that are asked for signatures, at its head and as many at its end.
RECORD_LINES = 60
#: A generic signature (a stack trace, an exit code) is not told when the same record shows one above this weight.
GENERIC_WEIGHT = 35
#: Fields that one line of a record lends to what another line of it shows.
SHARED_FIELDS = frozenset({"path"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Everything that was found."""

    known: tuple[Finding, ...]
    #: Templates of level ERROR and above that show no signature, most telling first; and those of level WARNING.
    errors: tuple[Template, ...]
    warnings: tuple[Template, ...]
    #: Lines below ERROR that tell of a deployment or another change, ascending.
    changes: tuple[Line, ...] = ()


@dataclass(slots=True)
class _Tally:
    """A finding in the making. `detail_counts`: records seen by each of its details."""

    signature: Signature
    count: int = 0
    exact: bool = True
    first: int = 0
    last: int = 0
    hits: list[Hit] = field(default_factory=list)
    details: list[Hit] = field(default_factory=list)
    detail_counts: Counter[int] = field(default_factory=Counter)
    fields: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Records; when only details were seen, those of the most frequent one: several may tell of one event."""
        return self.count or max(self.detail_counts.values(), default=0)

    def add_span(self, first: int, last: int, *, exact: bool) -> None:
        self.exact = self.exact and exact
        self.first = min(self.first or first, first)
        self.last = max(self.last, last)

    def add_fields(self, fields: Mapping[str, str], weight: int) -> None:
        for name, value in fields.items():
            self.fields.setdefault(name, Counter())[value] += weight

    def finding(self) -> Finding:
        decisive = sorted(self.hits or self.details, key=lambda hit: hit.line.number)
        more = sorted(self.details, key=lambda hit: hit.line.number) if self.hits else []
        return Finding(
            signature=self.signature,
            count=self.total,
            exact=self.exact,
            first=self.first,
            last=self.last,
            hits=tuple(decisive),
            details=tuple(more),
            fields={name: tuple(v for v, _ in values.most_common()) for name, values in self.fields.items()},
            severity=self.signature.severity,
            confidence=self.signature.confidence,
        )


def find(log: PreparedLog, catalog: Catalog, check: Callable[[], None]) -> Findings:
    """Read every exemplar. `check` is called between templates and may raise to end it."""
    tallies: dict[str, _Tally] = {}
    unknown: list[Template] = []
    recoveries: list[int] = []
    traffic = measure(log.templates)
    for index, template in enumerate(log.templates):
        check()
        if any(catalog.recovery(record[0].text) for record in template.exemplars):
            recoveries.append(template.last)
        elif not _tally(template, catalog, tallies) and not (index in traffic.answers or _harmless(template, catalog)):
            unknown.append(template)
    _tally_traffic(traffic, catalog, tallies)
    found = {name: tally.finding() for name, tally in tallies.items() if tally.total >= tally.signature.min_count}
    known = {n: f for n, f in found.items() if not f.signature.only_with or found.keys() & set(f.signature.only_with)}
    scene = Scene(known=known, traffic=traffic, recoveries=tuple(recoveries), lines=log.coverage.lines_total)
    weighed = (graded(finding, scene) for finding in known.values())
    return Findings(
        known=tuple(sorted(weighed, key=lambda finding: finding.first)),
        errors=tuple(t for t in unknown if t.level >= Level.ERROR),
        warnings=tuple(t for t in unknown if t.level == Level.WARNING),
        changes=tuple(_changes(log, catalog)),
    )


def _changes(log: PreparedLog, catalog: Catalog) -> Iterator[Line]:
    """Only shown lines: those before the first error always are."""
    for line in log.shown:
        if line.level < Level.ERROR and catalog.change(line.text):
            yield line


def _harmless(template: Template, catalog: Catalog) -> bool:
    return all(catalog.harmless(record[0].text) for record in template.exemplars)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A signature in one record."""

    signature: Signature
    hit: Hit
    fields: Mapping[str, str]
    detail: int | None = None


def _tally(template: Template, catalog: Catalog, tallies: dict[str, _Tally]) -> bool:
    """Count a template's records under the signatures they show. False: they show none."""
    by_signature: dict[str, list[_Shown]] = {}
    for record in template.exemplars:
        for shown in _read(template, record, catalog):
            by_signature.setdefault(shown.signature.id, []).append(shown)
    for name, records in by_signature.items():
        tally = tallies.setdefault(name, _Tally(catalog.by_id[name]))
        # every exemplar shows it: so does every record of the template
        whole = len(records) == len(template.exemplars)
        count = template.count if whole else len(records)
        numbers = [shown.hit.line.number for shown in records]
        tally.add_span(min(numbers), max(template.last, *numbers) if whole else max(numbers), exact=whole)
        counted = [shown for shown in records if shown.detail is None]
        if counted:
            tally.count += count
        else:
            tally.detail_counts[records[0].detail or 0] += count
        tally.hits += [shown.hit for shown in counted]
        tally.details += [shown.hit for shown in records if shown.detail is not None]
        for shown in records:
            tally.add_fields(shown.fields, max(1, count // len(records)))
    return bool(by_signature)


def _read(template: Template, record: tuple[Line, ...], catalog: Catalog) -> Iterator[_Shown]:
    """What one record shows, each signature once, at its decisive line."""
    quiet_only = Level.DEBUG <= template.level <= Level.INFO
    trace = parse(record) if len(record) > 1 or "panic" in record[0].text else None
    found: dict[str, _Shown] = {}
    lines = record if len(record) <= 2 * RECORD_LINES else (*record[:RECORD_LINES], *record[-RECORD_LINES:])
    for line in spoken(lines) if trace else lines:
        for match in catalog.matches(_told(line.text))[:1]:
            known = found.get(match.signature.id)
            if known is not None:
                known = found[match.signature.id] = replace(known, fields={**match.fields, **known.fields})
            better = known is None or (known.detail is not None and match.detail is None)
            if better and (match.signature.quiet or not quiet_only):
                at_trace = trace is not None and match.signature.at_trace
                hit = Hit(
                    line=trace.decisive if trace and at_trace else line,
                    record=record,
                    offset=0 if at_trace else match.offset,
                    trace=trace,
                )
                found[match.signature.id] = _Shown(match.signature, hit, match.fields, match.detail)
    if trace and not quiet_only and trace.kind in catalog.by_trace:
        signature = catalog.by_trace[trace.kind]
        fields = {"type": trace.type, "message": trace.message, "where": trace.where or ""}
        hit = Hit(line=trace.decisive, record=record, trace=trace)
        found.setdefault(signature.id, _Shown(signature, hit, {k: v for k, v in fields.items() if v}))
    if template.level == Level.WARNING:
        # it has handled what it calls a warning: an exit code or an exception alone is none of ours
        found = {name: shown for name, shown in found.items() if shown.signature.weight > GENERIC_WEIGHT}
    heaviest = max((shown.signature.weight for shown in found.values()), default=0)
    common = {n: v for shown in found.values() for n, v in shown.fields.items() if n in SHARED_FIELDS}
    for shown in found.values():
        if shown.signature.weight == heaviest or shown.signature.weight > GENERIC_WEIGHT:
            yield replace(shown, fields={**common, **shown.fields})


def _told(text: str) -> str:
    """What the program wrote, when it stands in JSON as a string: its quotes and brackets are not what they were."""
    return unwrap(text).payload if text.startswith('{"log":') else text


def _tally_traffic(traffic: Traffic, catalog: Catalog, tallies: dict[str, _Tally]) -> None:
    for meter, answers in traffic.by_meter.items():
        signature = catalog.by_meter.get(meter)
        if signature is None:
            continue
        tally = tallies.setdefault(signature.id, _Tally(signature))
        tally.count += answers.count
        tally.add_span(answers.first, answers.last, exact=answers.exact)
        tally.hits += [Hit(line=record[0], record=record) for _, record in answers.samples]
        statuses = ", ".join(f"{n} × {code}" for code, n in answers.statuses.most_common())
        tally.add_fields(
            {"statuses": statuses, "share": _percent(traffic.share(meter)), "requests": str(traffic.requests)}, 1
        )
        for path, count in answers.paths.items():
            tally.add_fields({"path": path}, count)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"
