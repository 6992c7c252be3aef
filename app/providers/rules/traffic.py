"""What an HTTP server answered: requests by status, as far as the lines of the log tell."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import re2

from app.domain.logs import Line, Template

#: Where access logs and frameworks put the status. The first that is found counts.
_STATUS = re2.compile(
    r'(?i)" (?P<a>[1-5]\d\d) (?:\d+|-)'  # common and combined log format
    r'|HTTP/\d(?:\.\d)?"? (?P<b>[1-5]\d\d)\b'
    r'|"?(?:http_?)?status(?:_?code)?"?\s?[=:]\s?"?(?P<c>[1-5]\d\d)\b'
    r"|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S*/\S*\"? (?:-> |=> |- )?\"?(?P<d>[1-5]\d\d)\b"
    r"|\b(?:responded|returned|completed)(?: with)?(?: HTTP)? (?P<e>[1-5]\d\d)\b",
)
_REQUEST = re2.compile(r"\b(?P<method>GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (?P<path>/[^\s?\"]*)")

METERS: dict[str, frozenset[int]] = {
    "5xx": frozenset(range(500, 600)),
    "429": frozenset({429}),
    "denied": frozenset({401, 403}),
    "404": frozenset({404, 410}),
}


@dataclass(slots=True)
class Answers:
    """Requests that were answered with one kind of status."""

    count: int = 0
    #: False: the count is a lower bound.
    exact: bool = True
    first: int = 0
    last: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[Template, tuple[Line, ...]]] = field(default_factory=list)

    def add(self, template: Template, statuses: Counter[int], records: Sequence[tuple[Line, ...]]) -> None:
        """Count a template's part."""
        self.count += statuses.total()
        self.statuses += statuses
        whole = statuses.total() >= template.count
        self.exact = self.exact and whole
        first = template.first if whole else records[0][0].number
        self.first = min(self.first or first, first)
        self.last = max(self.last, template.last if whole else records[-1][-1].number)
        for record in records:
            if found := _REQUEST.search(record[0].text):
                self.paths[found["path"]] += max(1, statuses.total() // len(records))
        self.samples += [(template, record) for record in records]


@dataclass(slots=True)
class Traffic:
    """All requests of a log, and those that matter by meter."""

    requests: int = 0
    #: Indices of the templates that are answers.
    answers: set[int] = field(default_factory=set)
    by_meter: dict[str, Answers] = field(default_factory=dict)

    def share(self, meter: str) -> float:
        """Part of the requests that a meter counts, 0 to 1."""
        return self.by_meter[meter].count / self.requests if self.requests and meter in self.by_meter else 0.0


def measure(templates: Sequence[Template]) -> Traffic:
    """Count the answers of a log's templates.

    A template that masks the status stands for several: then only its exemplars are counted, as a lower bound.
    """
    traffic = Traffic()
    for index, template in enumerate(templates):
        told = [(record, code) for record in template.exemplars if (code := _status(record)) is not None]
        if not told:
            continue
        traffic.requests += template.count
        traffic.answers.add(index)
        for meter, codes in METERS.items():
            chosen = [(record, code) for record, code in told if code in codes]
            if chosen:
                kept = _STATUS.search(template.pattern) is not None and len(chosen) == len(told)
                statuses = Counter({chosen[0][1]: template.count}) if kept else Counter(code for _, code in chosen)
                traffic.by_meter.setdefault(meter, Answers()).add(template, statuses, [record for record, _ in chosen])
    return traffic


def _status(record: tuple[Line, ...]) -> int | None:
    found = _STATUS.search(record[0].text)
    return int(next(value for value in found.groups() if value)) if found else None
