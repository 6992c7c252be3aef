"""`python -m tests.evals`: how well the rules and the configured models read labeled logs."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from app.domain.ports import Provider
from app.providers.factories import FACTORIES
from app.settings import Log, Settings, load
from app.telemetry import configure_logging
from tests.evals.cases import GROUPS, read_cases
from tests.evals.scoring import Score, Summary, records, score, summarize


def main() -> int:
    """Ask, score, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.evals", description=__doc__)
    parser.add_argument(
        "--provider", action="append", choices=list(FACTORIES), help="the rules and the chain if absent"
    )
    parser.add_argument("--group", choices=GROUPS, help="these cases only")
    parser.add_argument("--case", action="append", help="this case only")
    parser.add_argument("--summary", action="store_true", help="no row for each case")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    configure_logging(Log(level="ERROR"))
    settings = load()
    cases = [case for case in read_cases(options.group) if not options.case or case.name in options.case]
    names = options.provider or dict.fromkeys(("rules", *settings.ai.chain))
    scores = [score(_provider(name, settings), case) for name in names for case in cases]
    summaries = list(_summaries(scores))
    if options.json:
        text = json.dumps({"cases": records(scores), "summary": records(summaries)}, indent=2)
    else:
        text = "\n\n".join([*([] if options.summary else [_table(scores)]), _overview(summaries)])
    sys.stdout.write(text + "\n")
    return 0


def _provider(name: str, settings: Settings) -> Provider:
    provider = FACTORIES[name](settings)
    if provider is None:
        raise SystemExit(f"{name} is not configured")
    return provider


def _summaries(scores: Sequence[Score]) -> Iterator[Summary]:
    for key in dict.fromkeys((one.provider, one.group) for one in scores):
        yield summarize([one for one in scores if (one.provider, one.group) == key])


def _table(scores: Sequence[Score]) -> str:
    rows = [("case", "provider", "kept", "cited", "first", "named", "severity", "misled", "alarm", "ms")]
    for one in scores:
        marks = [_mark(fact) for fact in (one.kept, one.cited, one.first, one.named)]
        severity = f"{one.said} ({one.off:+d})" if one.off else one.said
        rows.append(
            (
                one.case,
                one.provider,
                *marks,
                severity,
                "YES" if one.misled else "",
                "YES" if one.alarm else "",
                f"{one.milliseconds:.0f}",
            )
        )
    return _aligned(rows)


def _mark(fact: bool | None) -> str:
    return "" if fact is None else ("yes" if fact else "NO")


def _overview(summaries: Sequence[Summary]) -> str:
    rows = [("", *(f"{one.provider}, {one.group}" for one in summaries))]
    rows += [
        ("incidents, healthy logs", *(f"{one.incidents}, {one.healthy}" for one in summaries)),
        ("decisive line kept in the prompt", *(f"{one.kept:.0%}" for one in summaries)),
        ("decisive line cited", *(f"{one.cited:.0%}" for one in summaries)),
        ("decisive line cited first", *(f"{one.first:.0%}" for one in summaries)),
        ("cause named", *(f"{one.named:.0%}" for one in summaries)),
        ("severity right", *(f"{one.right:.0%}" for one in summaries)),
        ("severity within one step", *(f"{one.near:.0%}" for one in summaries)),
        ("red herring cited first", *(f"{one.misled:.0%}" for one in summaries)),
        ("false alarms on healthy logs", *(f"{one.alarms:.0%}" for one in summaries)),
        ("milliseconds for each case", *(f"{one.milliseconds:.0f}" for one in summaries)),
    ]
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    ruled = [rows[0], ["-" * width for width in widths], *rows[1:]]
    return "\n".join(f"| {' | '.join(c.ljust(w) for c, w in zip(row, widths, strict=True))} |" for row in ruled)


if __name__ == "__main__":
    sys.exit(main())
