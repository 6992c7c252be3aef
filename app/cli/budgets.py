"""`budgets`: what projects may spend in a month."""

import click

from app.cli import output
from app.cli.connection import administrative
from app.cli.parts import opened
from app.domain.budgets import Budget, BudgetState
from app.pipeline.escaping import one_line

_COLUMNS = ("PROJECT", "MONTH", "REQUESTS", "TOKENS", "US DOLLARS")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object on each line.")
_MOST = click.IntRange(min=0, max=10**15)


@click.group()
def budgets() -> None:
    """Show and set what projects may spend in a month."""


@budgets.command("list")
@_JSON
def list_(*, as_json: bool) -> None:
    """List the projects with a budget: what was used of how much."""
    with opened(administrative()) as container:
        found = container.budgets.states()
    _show(found, as_json=as_json)
    if not found and not as_json:
        output.note("No project has a budget: `bifrost-cli budgets set PROJECT --tokens 1000000`.")


@budgets.command()
@click.argument("project")
@_JSON
def show(*, project: str, as_json: bool) -> None:
    """Show the budget of PROJECT."""
    with opened(administrative()) as container:
        state = container.budgets.state(container.budgets.project(project))
    _show((state,), as_json=as_json)


@budgets.command("set")
@click.argument("project")
@click.option("--requests", type=_MOST, help="Calls of a model in a month.")
@click.option("--tokens", type=_MOST, help="Tokens of prompts and answers in a month.")
@click.option("--cost", type=click.FloatRange(min=0, max=10**9), help="US dollars in a month, by list prices.")
@click.option("--none", "nothing", is_flag=True, help="No budget any more.")
@_JSON
def set_(
    *, project: str, requests: int | None, tokens: int | None, cost: float | None, nothing: bool, as_json: bool
) -> None:
    """Set the budget of PROJECT, in place of the one it has.

    \b
    bifrost-cli budgets set shop --tokens 2000000 --cost 25

    What is not given is not bounded. Months are those of UTC; counting begins when there is a budget. It holds for the
    next call of a model: without enough left, submissions that want a model are refused, and what was accepted before
    is answered by the rules.
    """  # noqa: D301 - \b is click's: keep the lines
    budget = Budget(requests=requests, tokens=tokens, cost_micro_usd=None if cost is None else round(cost * 1e6))
    if budget.bounds == nothing:
        raise click.UsageError("Give some of --requests, --tokens and --cost, or --none.")
    with opened(administrative()) as container:
        state = container.budgets.set(container.budgets.project(project), budget)
    _show((state,), as_json=as_json)


def _show(found: tuple[BudgetState, ...], *, as_json: bool) -> None:
    if as_json:
        for state in found:
            output.json_line(_fields(state))
    elif found:
        output.table(_COLUMNS, [_row(state) for state in found])


def _row(state: BudgetState) -> tuple[str, ...]:
    budget, used = state.budget, state.used
    return (
        one_line(state.project),
        f"{state.month:%Y-%m}",
        _of(used.requests, budget.requests),
        _of(used.tokens, budget.tokens),
        _of(used.cost_micro_usd / 1e6, None if budget.cost_micro_usd is None else budget.cost_micro_usd / 1e6),
    )


def _of(used: float, limit: float | None) -> str:
    return f"{used:,} of any number" if limit is None else f"{used:,} of {limit:,}"


def _fields(state: BudgetState) -> dict[str, object]:
    budget, used = state.budget, state.used
    return {
        "project": state.project,
        "month": f"{state.month:%Y-%m}",
        "budget": _amounts(budget.requests, budget.tokens, budget.cost_micro_usd),
        "used": _amounts(used.requests, used.tokens, used.cost_micro_usd),
    }


def _amounts(requests: int | None, tokens: int | None, micro_usd: int | None) -> dict[str, object]:
    return {"requests": requests, "tokens": tokens, "cost_usd": None if micro_usd is None else micro_usd / 1e6}
