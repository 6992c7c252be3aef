"""Rows of the tables that `prompts` prints."""

from collections.abc import Mapping

from app.client import Prompt, PromptVersion
from app.pipeline.escaping import one_line

PROMPTS = ("NAME", "NEWEST", "LABELS", "SPLIT")
VERSIONS = ("VERSION", "LABELS", "LANGUAGES", "CREATED", "BY", "DESCRIPTION")
TALLIES = ("VERSION", "ENDED", "COMPLETED", "FAILED", "DEGRADED", "UP", "DOWN", "P50", "P95", "TOKENS", "USD")


def prompt_row(prompt: Prompt) -> tuple[str, ...]:
    """For `PROMPTS`."""
    return prompt.name, str(prompt.newest), _pairs(prompt.labels), _pairs(prompt.split or {})


def version_row(version: PromptVersion, labels: Mapping[str, int]) -> tuple[str, ...]:
    """For `VERSIONS`. `labels`: of its prompt."""
    return (
        str(version.version),
        ",".join(one_line(one) for one, number in labels.items() if number == version.version),
        ",".join(map(one_line, version.texts)),
        version.created_at.astimezone().strftime("%Y-%m-%d %H:%M") if version.created_at else "",
        one_line(version.created_by),
        one_line(version.description),
    )


def tally_row(found: Mapping[str, object]) -> tuple[str, ...]:
    """For `TALLIES`, from the API's object."""
    tally, said = _child(found, "tally"), _child(found, "feedback")
    seconds = _child(tally, "duration_seconds")
    tokens = sum(value for name in ("prompt_tokens", "completion_tokens") if isinstance(value := tally.get(name), int))
    cost = tally.get("cost_usd")
    counts = (tally.get("analyses"), tally.get("completed"), tally.get("failed"), tally.get("degraded"))
    return (
        str(found.get("version")),
        *(str(count) for count in (*counts, said.get("up"), said.get("down"))),
        *(
            f"{value:.2f}" if isinstance(value, int | float) else ""
            for value in (seconds.get("p50"), seconds.get("p95"))
        ),
        f"{tokens:,}",
        f"{cost:.4f}" if isinstance(cost, int | float) else "",
    )


def _child(value: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _pairs(numbers: Mapping[str, int]) -> str:
    return " ".join(f"{one_line(name)}={number}" for name, number in numbers.items())
