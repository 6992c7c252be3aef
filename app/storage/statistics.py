"""Hourly counts of ended analyses: made anew while an hour may still change, then sealed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.analyses import Status
from app.domain.statistics import BOUNDS, Counts
from app.storage.turns import STATISTICS, take_turn

#: What took time: answers from the cache take none.
_WORKED = "cached_from IS NULL"
_LOWER = ("-1", *map(str, BOUNDS))
_UPPER = (*map(str, BOUNDS), "'infinity'")
_HISTOGRAM = ", ".join(
    f"count(*) FILTER (WHERE {_WORKED} AND duration_seconds > {low} AND duration_seconds <= {high})"
    for low, high in zip(_LOWER, _UPPER, strict=True)
)
_BUCKETS = ", ".join(f"sum(duration_histogram[{place}])" for place in range(1, len(_UPPER) + 1))
_KEY = "hour, project_id, source, provider, model, status"
_PROMPT_KEY = "hour, project_id, prompt_name, prompt_version, provider, model, status"
_COUNTED = """analyses, degraded, cache_hits, duration_sum, duration_histogram, prompt_tokens, completion_tokens,
    cost_micro_usd"""
#: Hourly rows added up, for `counts_of`.
SUMMED = f"""sum(analyses) AS analyses, sum(degraded) AS degraded,
        sum(cache_hits) AS cache_hits, sum(duration_sum) AS duration_sum, ARRAY[{_BUCKETS}] AS duration_histogram,
        sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens,
        sum(cost_micro_usd) AS cost_micro_usd"""

#: Hours are sealed in order: up to here nothing changes any more. Also what retention may delete.
SEALED_UNTIL = "(SELECT hour + interval '1 hour' FROM analysis_metrics WHERE sealed ORDER BY hour DESC LIMIT 1)"
#: Where to go on. Hours without any end are skipped: the next one that has some.
_SINCE_SEALED = text(f"SELECT coalesce({SEALED_UNTIL}, 'epoch')")
_FROM = text("SELECT date_trunc('hour', min(finished_at)) FROM analysis_results WHERE finished_at >= :sealed")
#: From the seal on, also where nothing is to be counted any more: an analysis that goes again leaves its hour.
_OPEN = "hour >= :sealed AND hour < :since + make_interval(hours => :hours)"
_FORGET = text(f"DELETE FROM analysis_metrics WHERE {_OPEN}")
_FORGET_PROMPTS = text(f"DELETE FROM prompt_metrics WHERE {_OPEN}")
_COUNTING = f"""count(*), count(*) FILTER (WHERE degraded), count(*) FILTER (WHERE NOT {_WORKED}),
        coalesce(sum(duration_seconds) FILTER (WHERE {_WORKED}), 0), ARRAY[{_HISTOGRAM}],
        coalesce(sum(CAST(usage->>'prompt_tokens' AS bigint)), 0),
        coalesce(sum(CAST(usage->>'completion_tokens' AS bigint)), 0),
        coalesce(sum(CAST(usage->>'cost_micro_usd' AS bigint)), 0)
    FROM (
        SELECT date_trunc('hour', finished_at) AS hour, project_id, source, coalesce(provider, 'none') AS provider,
            coalesce(model, requested_model, 'none') AS model, status, degraded, cached_from, duration_seconds, usage,
            prompt_name, prompt_version
        FROM analysis_results
        WHERE finished_at >= :since AND finished_at < :since + make_interval(hours => :hours)
    ) ended"""
_COUNT = text(f"""
    INSERT INTO analysis_metrics ({_KEY}, sealed, {_COUNTED})
    SELECT {_KEY}, hour + interval '1 hour' + make_interval(secs => :grace) <= now(), {_COUNTING}
    GROUP BY {_KEY}
""")
#: In the same transaction, so that the seal of an hour is theirs, too.
_COUNT_PROMPTS = text(f"""
    INSERT INTO prompt_metrics ({_PROMPT_KEY}, {_COUNTED})
    SELECT {_PROMPT_KEY}, {_COUNTING}
    WHERE prompt_name IS NOT NULL
    GROUP BY {_PROMPT_KEY}
""")
_MORE = text("SELECT :since + make_interval(hours => :hours) <= now()")
_BACK = text("SELECT date_trunc('hour', now() - make_interval(hours => :hours))")
_COUNTS = text(f"""
    SELECT provider, model, status, {SUMMED}
    FROM analysis_metrics WHERE project_id = :project_id AND hour >= :since
    GROUP BY provider, model, status
""")


class PostgresStatistics:
    """`storage_ports.Statistics` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def refresh(self, *, hours: int, grace: float) -> bool:
        """Count the next `hours` that are not sealed; seal those that ended `grace` seconds ago. True: there are more.

        Counting anew instead of adding up: it may be repeated, interrupted, and done by whoever comes first.
        """
        if not take_turn(self._connection, STATISTICS):
            return False
        sealed = self._connection.execute(_SINCE_SEALED).scalar_one()
        since = self._connection.execute(_FROM, {"sealed": sealed}).scalar()
        if since is None:
            return False
        values = {"sealed": sealed, "since": since, "hours": hours, "grace": grace}
        self._connection.execute(_FORGET, values)
        self._connection.execute(_COUNT, values)
        self._connection.execute(_FORGET_PROMPTS, values)
        self._connection.execute(_COUNT_PROMPTS, values)
        return bool(self._connection.execute(_MORE, values).scalar())

    def counts(self, project_id: int, *, hours: int) -> tuple[datetime, Sequence[Counts]]:
        """The last hours, added up by provider, model and status; and since when."""
        since: datetime = self._connection.execute(_BACK, {"hours": hours}).scalar_one()
        rows = self._connection.execute(_COUNTS, {"project_id": project_id, "since": since})
        return since, [counts_of(row) for row in rows]


def counts_of(row: Row[Any]) -> Counts:
    """Of a row with `SUMMED` and what it was added up by."""
    return Counts(
        provider=row.provider,
        model=row.model,
        status=Status(row.status),
        analyses=int(row.analyses),
        degraded=int(row.degraded),
        cache_hits=int(row.cache_hits),
        duration_sum=float(row.duration_sum),
        duration_histogram=tuple(int(count) for count in row.duration_histogram),
        prompt_tokens=int(row.prompt_tokens),
        completion_tokens=int(row.completion_tokens),
        cost_micro_usd=int(row.cost_micro_usd),
    )
