"""The calls about logs themselves: what a submission would do, some records of a log, how a log is made up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.client.answers import Reader, moment, read_coverage
from app.client.bodies import load
from app.client.errors import UnexpectedAnswer
from app.client.transport import Call, Transport
from app.domain.diagnoses import Coverage

_PATH = "/api/v1/analyses"
#: Records of one page.
_PAGE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class RemotePlan:
    """What would become of a log. `raw` is the API's object."""

    provider: str
    model: str
    chain: tuple[str, ...]
    coverage: Coverage | None
    calls: int
    prompt_tokens: int
    max_completion_tokens: int
    #: None: the model has no price.
    max_cost_usd: float | None
    raw: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Which records of a log; what is None is no condition. `severity`: DEBUG, INFO, WARNING, ERROR or CRITICAL."""

    severity: str | None = None
    keyword: str | None = None
    regex: bool = False
    #: ISO 8601 with an offset.
    since: str | None = None
    until: str | None = None
    #: `+09:00`: of times in the log that name none.
    zone: str | None = None
    redact: bool = False

    def query(self) -> dict[str, str]:
        """As parameters."""
        texts = {name: getattr(self, name) for name in ("severity", "keyword", "since", "until", "zone")}
        flags = {name: "true" for name in ("regex", "redact") if getattr(self, name)}
        return {**{name: text for name, text in texts.items() if text}, **flags}


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteRecord:
    """A record of a log. `line`: the 1-based number of its first one."""

    line: int
    level: str
    at: datetime | None
    text: str
    raw: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemotePage:
    """Some records. `total`: of the log; `matched`: of those that were wanted; `next_after`: None on the last page."""

    records: tuple[RemoteRecord, ...]
    total: int
    matched: int
    next_after: int | None


class RemoteLogs:
    """Plans, records, statistics. All raise `ClientError`s."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def plan(self, log: str | bytes, fields: Mapping[str, object]) -> RemotePlan:
        """What `submit` would do with it."""
        found = Reader(self._post(_PATH, log, fields, query=[("dry_run", "true")]))
        return RemotePlan(
            provider=found.text("provider") or "",
            model=found.text("model") or "",
            chain=tuple(map(str, found.items("chain"))),
            coverage=read_coverage(found.child("coverage")),
            calls=found.integer("calls", 0),
            prompt_tokens=found.integer("prompt_tokens", 0),
            max_completion_tokens=found.integer("max_completion_tokens", 0),
            max_cost_usd=found.number("max_cost_usd"),
            raw=found.raw,
        )

    def filter(self, log: str | bytes, question: Question, *, limit: int = _PAGE, after: int = 0) -> RemotePage:
        """Records of a log."""
        asked = {**question.query(), "limit": str(limit), "after": str(after)}
        return _page(self._post("/api/v1/logs/filter", log, asked))

    def filter_stored(self, analysis_id: int, question: Question, *, limit: int = _PAGE, after: int = 0) -> RemotePage:
        """Records of an analysis' log."""
        asked = {**question.query(), "limit": str(limit), "after": str(after)}
        return _page(self._get(f"{_PATH}/{analysis_id}/log", asked))

    def every_stored(self, analysis_id: int, question: Question) -> Iterator[RemotePage]:
        """Page after page of an analysis' log."""
        after: int | None = 0
        while after is not None:
            page = self.filter_stored(analysis_id, question, after=after)
            yield page
            after = page.next_after

    def statistics(self, log: str | bytes, *, limit: int) -> Mapping[str, object]:
        """How a log is made up, as the API tells it."""
        return self._post("/api/v1/logs/statistics", log, {"limit": str(limit)})

    def statistics_stored(self, analysis_id: int, *, limit: int) -> Mapping[str, object]:
        """How an analysis' log is made up, as the API tells it."""
        return self._get(f"{_PATH}/{analysis_id}/log/statistics", {"limit": str(limit)})

    def report(self, analysis_id: int, format_: str, *, file: str | None = None) -> str:
        """A diagnosis as `markdown`, `plain`, `github` or `sarif`."""
        query = {"format": format_, **({"file": file} if file else {})}
        call = Call(method="GET", path=f"{_PATH}/{analysis_id}/report", query=list(query.items()))
        return self._transport.send(call).text

    def _get(self, path: str, query: Mapping[str, str]) -> Mapping[str, object]:
        return self._transport.send(Call(method="GET", path=path, query=list(query.items()))).body

    def _post(
        self, path: str, log: str | bytes, fields: Mapping[str, object], *, query: Sequence[tuple[str, str]] = ()
    ) -> Mapping[str, object]:
        loaded = load(log, fields)
        every = [*loaded.query, *query]
        return self._transport.send(
            Call(method="POST", path=path, query=every, body=loaded.body, headers=loaded.headers)
        ).body


def _page(raw: Mapping[str, object]) -> RemotePage:
    found = Reader(raw)
    if "items" not in raw:
        raise UnexpectedAnswer("The server answered with records that cannot be read.")
    return RemotePage(
        records=tuple(
            RemoteRecord(
                line=item.integer("line", 0),
                level=item.text("level") or "UNKNOWN",
                at=moment(item.text("at")),
                text=item.text("text") or "",
                raw=item.raw,
            )
            for item in found.children("items")
        ),
        total=found.integer("total", 0),
        matched=found.integer("matched", 0),
        next_after=None if raw.get("next_after") is None else found.integer("next_after"),
    )
