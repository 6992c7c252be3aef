"""`submit --dry-run`: what would become of each log, and what it would cost."""

from collections.abc import Iterable

from app.cli import output
from app.cli.exits import Exit, Stop, explain
from app.cli.inputs import Place, read
from app.cli.options import Order
from app.client import ApiError, Client, RemotePlan
from app.pipeline import rendering
from app.pipeline.escaping import one_line


def plan_each(client: Client, found: Iterable[Place], wanted: Order) -> list[Exit]:
    """Print the plan of every log; USAGE for one that nobody would take."""
    return [_plan(client, place, wanted) for place in found]


def _plan(client: Client, place: Place, wanted: Order) -> Exit:
    try:
        log = read(place)
        if log is None:
            output.note(f"{place.name}: empty, skipped")
            return Exit.DONE
        plan = client.plan(log.data, wanted.options)
    except Stop as error:
        output.warn(str(error))
        return Exit.USAGE
    except ApiError as error:
        if error.status not in {413, 422}:
            raise
        output.warn(f"{place.name}: {explain(error)}")
        return Exit.USAGE
    if wanted.format_ == "json":
        output.json_line(plan.raw)
    else:
        for line in _lines(log.name, plan, wanted):
            output.result(line)
    return Exit.DONE


def _lines(name: str, plan: RemotePlan, wanted: Order) -> list[str]:
    rest = [one_line(provider) for provider in plan.chain[1:]]
    lines = [
        f"{one_line(name)}: nothing was submitted",
        f"  Would ask   {_asked(plan)}" + (f", then {', then '.join(rest)}" if rest else ""),
    ]
    if plan.coverage:
        read = rendering.coverage_line(plan.coverage, language=wanted.options.language or "en")
        lines.append(f"  Would read  {read}" + (" in the first call" if plan.calls > 1 else ""))
    return [*lines, f"  Would cost  {_cost(plan)}"]


def _asked(plan: RemotePlan) -> str:
    if plan.provider == "rules":
        return "the built-in rules"
    return " ".join(dict.fromkeys(one_line(part) for part in (plan.provider, plan.model)))


def _cost(plan: RemotePlan) -> str:
    if not plan.prompt_tokens:
        return "nothing: no model is asked"
    calls = "" if plan.calls == 1 else f"in {plan.calls} calls "
    tokens = f"{calls}about {plan.prompt_tokens:,} tokens, and at most {plan.max_completion_tokens:,} of answers"
    if plan.max_cost_usd is None:
        return f"{tokens}; the model has no price (`ai.prices`)"
    return f"at most ${plan.max_cost_usd:,.4f}: {tokens}" if plan.max_cost_usd else f"nothing: {tokens}"
