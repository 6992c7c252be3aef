"""What projects may spend. One row for each project and month is the counter, and its lock keeps N calls apart."""

from dataclasses import asdict

from sqlalchemy import Connection, Row, text

from app.domain.budgets import Budget, BudgetState, Reservation, Spending

_MONTH = "CAST(date_trunc('month', now() AT TIME ZONE 'UTC') AS date)"
_PROJECT = text("SELECT id FROM projects WHERE name = :name")
_SET = text("""
    INSERT INTO budgets (project_id, requests, tokens, cost_micro_usd)
    VALUES (:project_id, :requests, :tokens, :cost_micro_usd)
    ON CONFLICT (project_id) DO UPDATE SET requests = excluded.requests, tokens = excluded.tokens,
        cost_micro_usd = excluded.cost_micro_usd, updated_at = now()
""")
_UNSET = text("DELETE FROM budgets WHERE project_id = :project_id")
_SHOWN = f"""
    SELECT p.name AS project, {_MONTH} AS month, b.requests, b.tokens, b.cost_micro_usd,
        coalesce(u.requests, 0) AS used_requests, coalesce(u.tokens, 0) AS used_tokens,
        coalesce(u.cost_micro_usd, 0) AS used_cost
    FROM projects p
        LEFT JOIN budgets b ON b.project_id = p.id
        LEFT JOIN budget_uses u ON u.project_id = p.id AND u.month = {_MONTH}
"""
_STATE = text(f"{_SHOWN} WHERE p.id = :project_id")
_STATES = text(f"{_SHOWN} WHERE b.project_id IS NOT NULL ORDER BY p.name")
#: The update waits for whoever holds the row, and looks at what they left: two calls never see the same remainder.
_RESERVE = text(f"""
    WITH most AS (
        SELECT CAST(:requests AS bigint) AS requests, CAST(:tokens AS bigint) AS tokens,
            CAST(:cost_micro_usd AS bigint) AS cost_micro_usd
    ), budget AS (
        SELECT project_id, requests, tokens, cost_micro_usd FROM budgets
        WHERE project_id = CAST(:project_id AS bigint)
    ), reserved AS (
        INSERT INTO budget_uses AS u (project_id, month, requests, tokens, cost_micro_usd)
        SELECT b.project_id, {_MONTH}, m.requests, m.tokens, m.cost_micro_usd FROM budget b, most m
        WHERE (b.requests IS NULL OR m.requests <= b.requests) AND (b.tokens IS NULL OR m.tokens <= b.tokens)
            AND (b.cost_micro_usd IS NULL OR m.cost_micro_usd <= b.cost_micro_usd)
        ON CONFLICT (project_id, month) DO UPDATE SET requests = u.requests + excluded.requests,
            tokens = u.tokens + excluded.tokens, cost_micro_usd = u.cost_micro_usd + excluded.cost_micro_usd
        WHERE NOT EXISTS (
            SELECT FROM budget b
            WHERE u.requests + excluded.requests > b.requests OR u.tokens + excluded.tokens > b.tokens
                OR u.cost_micro_usd + excluded.cost_micro_usd > b.cost_micro_usd
        )
        RETURNING month
    )
    SELECT EXISTS (SELECT FROM budget) AS bounded, (SELECT month FROM reserved) AS month
""")
_SETTLE = text("""
    UPDATE budget_uses SET requests = greatest(0, requests + CAST(:requests AS bigint)),
        tokens = greatest(0, tokens + CAST(:tokens AS bigint)),
        cost_micro_usd = greatest(0, cost_micro_usd + CAST(:cost_micro_usd AS bigint))
    WHERE project_id = :project_id AND month = :month
""")


class PostgresBudgets:
    """`budgets.Budgets` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def project(self, name: str) -> int | None:
        """Its id; None when there is none of this name."""
        found: int | None = self._connection.execute(_PROJECT, {"name": name}).scalar()
        return found

    def set(self, project_id: int, budget: Budget) -> None:
        """From now on; one that bounds nothing is none."""
        self._connection.execute(_SET if budget.bounds else _UNSET, {"project_id": project_id, **asdict(budget)})

    def state(self, project_id: int) -> BudgetState:
        """Of this month."""
        return _state(self._connection.execute(_STATE, {"project_id": project_id}).one())

    def states(self) -> tuple[BudgetState, ...]:
        """Of every project with a budget, by name."""
        return tuple(_state(row) for row in self._connection.execute(_STATES))

    def reserve(self, project_id: int, most: Spending) -> Reservation | None:
        """Note down what a call may need. None: there is less left, and nothing was noted down."""
        row = self._connection.execute(_RESERVE, {"project_id": project_id, **asdict(most)}).one()
        if row.bounded and row.month is None:
            return None
        return Reservation(project_id=project_id, month=row.month, most=most)

    def settle(self, reservation: Reservation, used: Spending) -> None:
        """What the call really needed stands in place of what was reserved."""
        if reservation.month is None:
            return
        most, really = asdict(reservation.most), asdict(used)
        values = {name: really[name] - most[name] for name in most}
        place = {"project_id": reservation.project_id, "month": reservation.month}
        self._connection.execute(_SETTLE, {**values, **place})


def _state(row: Row[tuple[object, ...]]) -> BudgetState:
    return BudgetState(
        project=row.project,
        month=row.month,
        budget=Budget(requests=row.requests, tokens=row.tokens, cost_micro_usd=row.cost_micro_usd),
        used=Spending(requests=row.used_requests, tokens=row.used_tokens, cost_micro_usd=row.used_cost),
    )
