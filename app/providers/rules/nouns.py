"""What is found in a log: lines that show a signature."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.diagnoses import Severity
from app.domain.logs import Line
from app.providers.rules.catalog import Signature
from app.providers.rules.traces import Trace


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
    #: Lines that show it, ascending: never empty; and those that only tell more.
    hits: tuple[Hit, ...]
    details: tuple[Hit, ...]
    #: Values of the match's named groups, the most frequent first.
    fields: Mapping[str, tuple[str, ...]]
    severity: Severity
    confidence: float
    #: Line number after which it works again; None when nothing tells so.
    recovered: int | None = None

    @property
    def trace(self) -> Trace | None:
        """The first stack trace among its records that reaches the reader's own code, else the first one."""
        traces = [hit.trace for hit in (*self.hits, *self.details) if hit.trace]
        return next((trace for trace in traces if trace.where), traces[0] if traces else None)
