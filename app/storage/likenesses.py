"""Answers by the templates of their logs."""

from collections.abc import Sequence

from pydantic import TypeAdapter
from sqlalchemy import Connection, text

from app.domain.likenesses import Earlier, Trace
from app.storage import codecs

#: The youngest ones; if none of these holds in the log at hand, older ones hardly will.
_LOOKED_AT = 3
TRACES: TypeAdapter[tuple[Trace | None, ...]] = TypeAdapter(tuple[Trace | None, ...])

#: As the exact cache: a copy of a copy would never expire.
_FIND = text(f"""
    SELECT id, provider, model, diagnosis, evidence_traces FROM analysis_results
    WHERE question_key = :question_key AND likeness = :key AND evidence_traces IS NOT NULL
        AND status = 'completed' AND cached_from IS NULL AND NOT degraded
        AND finished_at > now() - make_interval(secs => :max_age)
    ORDER BY finished_at DESC LIMIT {_LOOKED_AT}
""")


class PostgresLikenesses:
    """`domain.likenesses.Likenesses` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, question_key: str, key: str, *, max_age: float) -> Sequence[Earlier]:
        """First-hand, undegraded answers that are at most `max_age` seconds old, the youngest first; a few at most."""
        values = {"question_key": question_key, "key": key, "max_age": max_age}
        found = []
        for row in self._connection.execute(_FIND, values):
            diagnosis = codecs.DIAGNOSIS.load(row.diagnosis)
            if diagnosis is None:
                continue
            traces = TRACES.validate_python(row.evidence_traces)
            found.append(
                Earlier(analysis_id=row.id, provider=row.provider, model=row.model, diagnosis=diagnosis, traces=traces)
            )
        return found
