"""The project's budget: what it may spend in a month, and what it has spent."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load

from app.api.auth import needs
from app.api.context import caller, container
from app.api.fields import Number
from app.api.parsing import Blueprint
from app.api.schemas import NothingSchema, Strict
from app.domain.budgets import Budget, BudgetState
from app.domain.keys import Scope

blueprint = Blueprint(
    "budget", __name__, url_prefix="/api/v1", description="What the project may spend in a month on calls of models."
)

_MOST = 10**15
_MOST_USD = _MOST // 1_000_000


def _about(text: str, **more: object) -> dict[str, object]:
    return {"description": text, **more}


class Count(fields.Integer):
    """A number of requests or tokens."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
            raise ValidationError(f"A whole number from 0 to {_MOST:,}.")
        return value


class Dollars(Number):
    """An amount of money."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        amount = super()._deserialize(value, attr, data, **kwargs)
        if amount is None or not 0 <= amount <= _MOST_USD:
            raise ValidationError(f"From 0 to {_MOST_USD:,}.")
        return float(amount)


class BudgetWishSchema(Strict):
    """A budget in place of the present one. Null, or not given: any number."""

    requests = Count(allow_none=True, load_default=None, metadata=_about("Calls of a model.", minimum=0, maximum=_MOST))
    tokens = Count(
        allow_none=True, load_default=None, metadata=_about("Tokens of prompts and answers.", minimum=0, maximum=_MOST)
    )
    cost_usd = Dollars(
        allow_none=True,
        load_default=None,
        metadata=_about("By the list prices that Bifrost knows.", minimum=0, maximum=_MOST_USD),
    )

    @post_load
    def _shape(self, found: dict[str, Any], **_: Any) -> Budget:
        cost = found["cost_usd"]
        return Budget(
            requests=found["requests"],
            tokens=found["tokens"],
            cost_micro_usd=None if cost is None else round(cost * 1e6),
        )


class AmountsSchema(Schema):
    """Requests, tokens and dollars."""

    requests = fields.Integer(allow_none=True)
    tokens = fields.Integer(allow_none=True)
    cost_usd = fields.Float(allow_none=True)


class BudgetSchema(Schema):
    """What the project may spend, and what it has spent. Null: any number."""

    project = fields.String()
    month = fields.String(metadata=_about("In UTC, such as 2026-01."))
    budget = fields.Nested(AmountsSchema)
    used = fields.Nested(AmountsSchema, metadata=_about("Calls that run count with the most that they may need."))
    left = fields.Nested(AmountsSchema)


def shown(state: BudgetState) -> dict[str, object]:
    """As `BudgetSchema` has it."""
    used, left = state.used, state.left
    return {
        "project": state.project,
        "month": f"{state.month:%Y-%m}",
        "budget": _amounts(state.budget.requests, state.budget.tokens, state.budget.cost_micro_usd),
        "used": _amounts(used.requests, used.tokens, used.cost_micro_usd),
        "left": _amounts(left["requests"], left["tokens"], left["cost_micro_usd"]),
    }


def _amounts(requests: int | None, tokens: int | None, micro_usd: int | None) -> dict[str, object]:
    return {"requests": requests, "tokens": tokens, "cost_usd": None if micro_usd is None else micro_usd / 1e6}


@blueprint.route("/budget", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, BudgetSchema())
def look(_nothing: dict[str, Any]) -> object:
    """Look at the project's budget of this month.

    Without a budget nothing is counted here; `/metrics` and the statistics count in any case.
    """
    return shown(container().budgets.state(caller().project_id))


@blueprint.route("/budget", methods=["PUT"])
@needs(Scope.ADMIN)
@blueprint.arguments(BudgetWishSchema())
@blueprint.response(200, BudgetSchema())
def put(budget: Budget) -> object:
    """Set the project's budget.

    It holds for the next call of a model. Without enough left, submissions that want a model are refused with 402, and
    what was accepted before is answered by the rules.
    """
    me = caller()
    return shown(container().budgets.set(me.project_id, budget, actor=me.prefix))
