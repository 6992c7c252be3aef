"""What a log shows: signatures with their counts and lines, and errors that no signature knows."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from app.domain.diagnoses import Severity
from app.domain.logs import Level, Line, PreparedLog, Template
from app.providers.rules.catalog import Catalog, Signature
from app.providers.rules.traces import Trace, parse
from app.providers.rules.traffic import Traffic, measure

#: Lines of one record that are asked for signatures, at its head and as many at its end.
RECORD_LINES = 60
#: A generic signature (a stack trace, an exit code) is not told when the same record shows one above this weight.
GENERIC_WEIGHT = 35
#: Passing troubles seen at least this often are not forgiven when they end.
LASTING_COUNT = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A line that shows something, within its record. `offset`: where in the line."""

    line: Line
    record: tuple[Line, ...]
    offset: int = 0
    trace: Trace | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One signature in this log."""

    signature: Signature
    #: Records that show it; a lower bound when not `exact`.
    count: int
    exact: bool
    #: Line numbers of the first and the last record that show it.
    first: int
    last: int
    hits: tuple[Hit, ...]
    #: Values of the match's named groups, the most frequent first.
    fields: Mapping[str, tuple[str, ...]]
    severity: Severity
    #: Line number after which it works again; None when nothing tells so.
    recovered: int | None = None

    @property
    def trace(self) -> Trace | None:
        """The first stack trace among its records that reaches the reader's own code, else the first one."""
        traces = [hit.trace for hit in self.hits if hit.trace]
        return next((trace for trace in traces if trace.where), traces[0] if traces else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Everything that was found."""

    known: tuple[Finding, ...]
    #: Templates of level ERROR and above that show no signature, most telling first; and those of level WARNING.
    errors: tuple[Template, ...]
    warnings: tuple[Template, ...]


@dataclass(slots=True)
class _Tally:
    """A finding in the making."""

    signature: Signature
    count: int = 0
    exact: bool = True
    first: int = 0
    last: int = 0
    hits: list[Hit] = field(default_factory=list)
    fields: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, *, count: int, exact: bool, first: int, last: int) -> None:
        self.count += count
        self.exact = self.exact and exact
        self.first = min(self.first or first, first)
        self.last = max(self.last, last)

    def add_fields(self, fields: Mapping[str, str], weight: int) -> None:
        for name, value in fields.items():
            self.fields.setdefault(name, Counter())[value] += weight

    def finding(self) -> Finding:
        return Finding(
            signature=self.signature,
            count=self.count,
            exact=self.exact,
            first=self.first,
            last=self.last,
            hits=tuple(sorted(self.hits, key=lambda hit: hit.line.number)),
            fields={name: tuple(v for v, _ in values.most_common()) for name, values in self.fields.items()},
            severity=self.signature.severity,
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
    found = {name: tally.finding() for name, tally in tallies.items() if tally.count >= tally.signature.min_count}
    known = {n: f for n, f in found.items() if not f.signature.only_with or found.keys() & set(f.signature.only_with)}
    weighed = (_graded(finding, known.keys(), traffic, recoveries) for finding in known.values())
    return Findings(
        known=tuple(sorted(weighed, key=lambda finding: finding.first)),
        errors=tuple(t for t in unknown if t.level >= Level.ERROR),
        warnings=tuple(t for t in unknown if t.level == Level.WARNING),
    )


def _harmless(template: Template, catalog: Catalog) -> bool:
    return all(catalog.harmless(record[0].text) for record in template.exemplars)


def _tally(template: Template, catalog: Catalog, tallies: dict[str, _Tally]) -> bool:
    """Count a template's records under the signatures they show. False: they show none."""
    by_signature: dict[str, list[tuple[Hit, Mapping[str, str]]]] = {}
    for record in template.exemplars:
        for signature, hit, fields in _read(template, record, catalog):
            by_signature.setdefault(signature.id, []).append((hit, fields))
    for name, shown in by_signature.items():
        tally = tallies.setdefault(name, _Tally(catalog.by_id[name]))
        # every exemplar shows it: so does every record of the template
        whole = len(shown) == len(template.exemplars)
        count = template.count if whole else len(shown)
        numbers = [hit.line.number for hit, _ in shown]
        first, last = (numbers[0], template.last) if whole else (min(numbers), max(numbers))
        tally.add(count=count, exact=whole, first=first, last=last)
        tally.hits += [hit for hit, _ in shown]
        for _, fields in shown:
            tally.add_fields(fields, max(1, count // len(shown)))
    return bool(by_signature)


def _read(
    template: Template, record: tuple[Line, ...], catalog: Catalog
) -> Iterator[tuple[Signature, Hit, Mapping[str, str]]]:
    """What one record shows, each signature once, at its decisive line."""
    quiet_only = Level.DEBUG <= template.level <= Level.INFO
    trace = parse(record) if len(record) > 1 or "panic" in record[0].text else None
    found: dict[str, tuple[Signature, Hit, Mapping[str, str]]] = {}
    lines = record if len(record) <= 2 * RECORD_LINES else (*record[:RECORD_LINES], *record[-RECORD_LINES:])
    for line in lines:
        for match in catalog.matches(line.text)[:1]:
            if match.signature.id not in found and (match.signature.quiet or not quiet_only):
                hit = Hit(line=line, record=record, offset=match.offset, trace=trace)
                found[match.signature.id] = (match.signature, hit, match.fields)
    if trace and not quiet_only and trace.kind in catalog.by_trace:
        signature = catalog.by_trace[trace.kind]
        fields = {"type": trace.type, "message": trace.message, "where": trace.where or ""}
        hit = Hit(line=trace.decisive, record=record, trace=trace)
        found.setdefault(signature.id, (signature, hit, {k: v for k, v in fields.items() if v}))
    heaviest = max((signature.weight for signature, _, _ in found.values()), default=0)
    for signature, hit, fields in found.values():
        if signature.weight == heaviest or signature.weight > GENERIC_WEIGHT:
            yield signature, hit, fields


def _tally_traffic(traffic: Traffic, catalog: Catalog, tallies: dict[str, _Tally]) -> None:
    for meter, answers in traffic.by_meter.items():
        signature = catalog.by_meter.get(meter)
        if signature is None:
            continue
        tally = tallies.setdefault(signature.id, _Tally(signature))
        tally.add(count=answers.count, exact=True, first=answers.first, last=answers.last)
        tally.hits += [Hit(line=record[0], record=record) for _, record in answers.samples]
        statuses = ", ".join(f"{n} × {code}" for code, n in answers.statuses.most_common())
        tally.add_fields({"statuses": statuses, "share": _percent(traffic.share(meter)), "requests": str(traffic.requests)}, 1)
        for path, count in answers.paths.items():
            tally.add_fields({"path": path}, count)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _graded(finding: Finding, present: Collection[str], traffic: Traffic, recoveries: list[int]) -> Finding:
    """With the severity that its count and its company give it."""
    signature = finding.signature
    share = traffic.share(signature.meter) if signature.meter else 1.0
    severity = signature.severity
    for step in signature.escalate:
        together = not step.company or any(name in present for name in step.company)
        if finding.count >= step.count and share >= step.share and together and step.to.rank > severity.rank:
            severity = step.to
    after = [line for line in recoveries if line > finding.last]
    if not (signature.transient and after):
        return replace(finding, severity=severity)
    passed = Severity.LOW if finding.count < LASTING_COUNT else Severity.MEDIUM
    return replace(finding, recovered=min(after), severity=min(severity, passed, key=lambda s: s.rank))

