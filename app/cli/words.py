"""An analysis in words: where it stands, why it has no diagnosis, who answered."""

from app.client import RemoteAnalysis, Usage
from app.domain.analyses import Status
from app.pipeline import rendering
from app.pipeline.escaping import one_line

#: A stage in words.
_STAGES = {"prepare": "reading the log", "infer": "asking for the diagnosis"}


def standing(analysis: RemoteAnalysis) -> str:
    """Status, and what happens in it."""
    if analysis.status.value == "running" and analysis.stage:
        return f"running, {_STAGES.get(analysis.stage, analysis.stage)}"
    if analysis.status.value == "retrying" and analysis.error:
        return f"retrying, {analysis.error.detail}"
    return analysis.status.value


def unfinished(analysis: RemoteAnalysis) -> str:
    """Why there is no diagnosis."""
    if analysis.error:
        again = "; submitting it again may help" if analysis.error.retryable else ""
        return one_line(f"{analysis.error.detail.rstrip('.')} ({analysis.error.code}){again}")
    return "somebody cancelled it" if analysis.status is Status.CANCELLED else "no diagnosis"


def degradation(analysis: RemoteAnalysis) -> str | None:
    """Why the rules answered though a model was wanted; None when they did not have to."""
    if not analysis.degraded:
        return None
    return rendering.trouble(analysis.error.code, analysis.error.detail) if analysis.error else ""


def footer(analysis: RemoteAnalysis) -> str:
    """Who answered, how long it took, what it cost."""
    usage = analysis.usage
    parts = [
        f"analysis {analysis.id}",
        _answerer(analysis),
        _prompt(analysis),
        "from the cache" if analysis.cached else "",
        f"{analysis.duration_seconds:.2f} s" if analysis.duration_seconds is not None else "",
        f"attempt {analysis.attempts}" if analysis.attempts > 1 else "",
        *_costs(usage),
    ]
    return " · ".join(part for part in parts if part)


def _prompt(analysis: RemoteAnalysis) -> str:
    """The stored prompt, unless it is what comes with Bifrost, or the rules have answered."""
    used = analysis.prompt
    return f"{one_line(used.name)}@{used.version}" if used and used.version and analysis.provider != "rules" else ""


def _costs(usage: Usage | None) -> tuple[str, ...]:
    """Tokens, and which of them are only estimated; the cost, or that nobody knows it. Nothing without a model."""
    if usage is None or not usage.prompt_tokens:
        return ()
    tokens = f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens"
    cost = "cost unknown" if usage.cost_usd is None else dollars(usage.cost_usd)
    return (f"{tokens} (estimated)" if usage.estimated else tokens, cost)


def dollars(amount: float) -> str:
    """Exact enough to add up, empty for nothing."""
    return f"${amount:,.4f}" if amount else ""


def _answerer(analysis: RemoteAnalysis) -> str:
    if analysis.status is Status.CANCELLED:  # nobody answered, whoever would have
        return ""
    names = [one_line(name) for name in (analysis.provider, analysis.model) if name]
    who = "built-in rules" if analysis.provider == "rules" else " ".join(dict.fromkeys(names))
    return f"{who} (degraded: no model answered)" if analysis.degraded else who
