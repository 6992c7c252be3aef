"""What we tell the user: a diagnosis, its evidence, and what was read to reach it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is, by what the reader should do."""

    #: Nothing is broken, or one request failed and recovered: look when there is time.
    LOW = "LOW"
    #: Part of the work fails or is slow, users are hardly affected: look today.
    MEDIUM = "MEDIUM"
    #: Users are affected or a component is down: look now.
    HIGH = "HIGH"
    #: The service is down, data is at risk, or an intrusion is likely: wake somebody.
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """0 for LOW to 3 for CRITICAL."""
        return list(Severity).index(self)


class Doubt(StrEnum):
    """Why we believe an answer less than whoever gave it does."""

    #: It names a problem, and none of its quotes stands in the log.
    UNSUPPORTED = "unsupported"
    #: Some of its quotes do not stand in the log.
    INVENTED = "invented"
    #: The log's own levels are worse: an answer of "no issue" to errors, or of LOW to critical ones.
    CONTRADICTED = "contradicted"
    #: Lines of the log speak to whoever reads it.
    ADDRESSED = "addressed"
    #: It is milder, by more than a step, than what was found in a part of the log.
    MILDER = "milder"
    #: Nobody read all kinds of error that the log has.
    UNREAD = "unread"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A line of the log, quoted. `text` really stands in line `line` (1-based, of the log as it was sent).

    Secrets in it are replaced by placeholders such as `<AWS_KEY_1>`; nothing else differs.
    """

    line: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """What is wrong, why, and what to do. `confidence` is between 0 and 1."""

    summary: str
    root_cause: str
    recommendation: str
    severity: Severity
    confidence: float
    evidence: tuple[Evidence, ...]
    #: False for a healthy log: "nothing wrong here" is a legal answer.
    issues_found: bool = True
    #: Each of them has lowered the confidence.
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """Lines that reached no model, and why."""

    reason: str
    lines: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """What became of every line of the log.

    `lines_total == lines_blank + lines_sent + lines_counted + sum(left_out.lines)`.
    """

    #: Bytes of the log (UTF-8), and how many of them were not valid text and were replaced or removed.
    bytes_total: int
    bytes_replaced: int = 0
    lines_total: int
    lines_blank: int
    #: Shown word for word (long ones cut in the middle, see `lines_cut`).
    lines_sent: int
    #: Of the lines sent, those that were too long and lost their middle.
    lines_cut: int = 0
    #: Not shown, but stood for by a template that was shown with its count.
    lines_counted: int
    left_out: tuple[LeftOut, ...] = ()
    #: Records: lines, with the lines of a stack trace or other continuation joined to their head.
    records: int
    #: Distinct templates found, and how many of them were shown.
    templates: int
    templates_sent: int
    #: Redacted values by kind.
    redactions: Mapping[str, int] = field(default_factory=dict)
    #: Tokens of the whole prompt (of several, the last one) as estimated before sending, and the budget of each.
    tokens_estimated: int
    token_budget: int
    #: Evidence the answer cited, and how much of it did not stand in the log and was dropped.
    evidence_cited: int = 0
    evidence_dropped: int = 0
    #: Prompts beyond the first one that errors needed to be shown by example, and how many of them a model answered.
    windows: int = 0
    windows_asked: int = 0
    #: The analysis whose answer was taken over, since its log has the same warnings and errors. Nobody was asked then.
    similar_to: int | None = None

    @property
    def lines_left_out(self) -> int:
        """Lines that reached no model."""
        return sum(part.lines for part in self.left_out)
