"""The work on analyses: claim, extend, hand on, give back, conclude. Each write is fenced by the epoch."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from app.domain.analyses import (
    ALONE_QUEUE,
    CacheMode,
    Claim,
    Conclusion,
    Failure,
    Language,
    Mask,
    Source,
    Stage,
    Status,
)
from app.domain.errors import ProviderBusy, ProviderResting, ProviderThrottled, ShuttingDown
from app.domain.logs import PreparedLog
from app.domain.readings import Progress
from app.domain.storage_ports import Concluded, Heartbeat, Swept
from app.storage import codecs
from app.storage.endings import ANSWER, CONSEQUENCES, MOVED, OWN_CONSEQUENCES, answered
from app.storage.likenesses import TRACES
from app.storage.prompts import claimed_prompt

_CLAIM = text("""
    WITH claimed AS (
        UPDATE analysis_results SET
            status = 'running', epoch = epoch + 1, attempt = attempt + 1, lease_owner = :owner,
            lease_until = now() + make_interval(secs => :lease), started_at = coalesce(started_at, now()),
            rung_at = NULL, rings = 0
        WHERE id = :id AND stage = :stage AND status IN ('queued', 'retrying') AND run_at <= now()
            AND cancel_requested_at IS NULL AND leader_id IS NULL
            -- a message of before it was a suspect may still come to somebody who has company
            AND (queue <> :alone_queue OR :alone)
        RETURNING id, epoch, attempt, throttles, stage, source, provider, requested_model, language, analysis_type,
            service_name, environment, bytes_replaced, mask, request_id, correlation_id, project_id, created_at,
            extract(epoch FROM deadline_at - now()) AS seconds_left,
            coalesce(extract(epoch FROM now() - waits_since), 0) AS waited, cache, question_key, log_content, log_zstd,
            prompt_name, prompt_version
    ), begun AS (
        INSERT INTO analysis_attempts (analysis_id, epoch, attempt, stage, provider, worker)
        SELECT id, epoch, attempt, stage, provider, :owner FROM claimed
    )
    SELECT id, epoch, attempt, throttles, stage, source, provider, requested_model, language, analysis_type,
        service_name, environment, bytes_replaced, mask, request_id, correlation_id, project_id, created_at,
        seconds_left, waited, cache, question_key,
        CASE WHEN stage = 'prepare' THEN log_content END AS log_content,
        CASE WHEN stage = 'prepare' THEN log_zstd END AS log_zstd,
        prompt_name, prompt_version, wording.template, wording.config
    FROM claimed LEFT JOIN LATERAL (
        -- in the analysis's language, else in the one there is
        SELECT template, config FROM prompt_templates p
        WHERE p.project_id = claimed.project_id AND p.name = claimed.prompt_name AND p.version = claimed.prompt_version
        ORDER BY p.language = claimed.language DESC LIMIT 1
    ) AS wording ON claimed.prompt_version > 0
""")
_LOG = text("SELECT log_content, log_zstd FROM analysis_results WHERE id = :id")
_PREPARED = text("SELECT body FROM analysis_preparations WHERE analysis_id = :id")
_KEEP = text("""
    INSERT INTO analysis_preparations (analysis_id, body)
    SELECT id, :body FROM analysis_results WHERE id = :id AND epoch = :epoch AND status = 'running' FOR UPDATE
    ON CONFLICT (analysis_id) DO UPDATE SET body = excluded.body
    RETURNING analysis_id
""")

#: The provider was not asked: how long that has been so decides how long it may go on.
_NOT_ASKED = frozenset({ProviderResting.code, ProviderBusy.code})
#: Who needs no model: nobody waits for such an answer, it takes milliseconds.
_RULES = "rules"
_OURS = "id = :id AND epoch = :epoch AND status = 'running'"
_END_ATTEMPT = """ended AS (
        UPDATE analysis_attempts a SET ended_at = now(), outcome = :outcome, error = CAST(:error AS jsonb),
            usage = CAST(:usage AS jsonb), provider = coalesce(:provider, a.provider)
        FROM moved WHERE a.analysis_id = moved.id AND a.epoch = :epoch
    )"""
#: A cancel that arrived while the worker was busy takes effect wherever the analysis would have waited again.
_WAIT_OR_CANCEL = """
            status = CASE WHEN cancel_requested_at IS NULL THEN :status ELSE 'cancelled' END,
            finished_at = CASE WHEN cancel_requested_at IS NULL THEN NULL ELSE now() END,
            duration_seconds = CASE WHEN cancel_requested_at IS NULL THEN NULL
                ELSE extract(epoch FROM now() - created_at) END,
            lease_owner = NULL, lease_until = NULL, rung_at = NULL, rings = 0"""
_HAND_ON = text(f"""
    WITH moved AS (
        UPDATE analysis_results SET {_WAIT_OR_CANCEL},
            stage = :stage, queue = :queue, attempt = 0, run_at = now(), waits_since = NULL
        WHERE {_OURS}
        RETURNING {MOVED}
    ), stored AS (
        INSERT INTO analysis_preparations (analysis_id, body) SELECT id, :body FROM moved WHERE finished_at IS NULL
        ON CONFLICT (analysis_id) DO UPDATE SET body = excluded.body
    ), {_END_ATTEMPT}, {CONSEQUENCES}
    SELECT id, pg_notify('bifrost_due', '') FROM moved
""")
_GIVE_BACK = text(f"""
    WITH moved AS (
        UPDATE analysis_results SET {_WAIT_OR_CANCEL},
            attempt = attempt - CASE WHEN :counted THEN 0 ELSE 1 END,
            throttles = throttles + CASE WHEN :throttled THEN 1 ELSE 0 END,
            waits_since = CASE WHEN :waits THEN coalesce(waits_since, now()) WHEN :counted THEN NULL
                ELSE waits_since END,
            error = CAST(:error AS jsonb), run_at = now() + make_interval(secs => :delay)
        WHERE {_OURS}
        RETURNING {MOVED}, run_at
    ), {_END_ATTEMPT}, {CONSEQUENCES}
    SELECT id, CASE WHEN run_at <= now() THEN pg_notify('bifrost_due', '') END FROM moved
""")
_OWNER = text("SELECT lease_owner FROM analysis_results WHERE id = :id AND status = 'running'")
_END_LEASE = text("""
    UPDATE analysis_results SET lease_until = now() WHERE id = :id AND status = 'running' AND lease_owner = :owner
""")
#: Whoever still works on one of these is fenced, as after the end of its lease.
_RELEASE = text(f"""
    WITH moved AS (
        UPDATE analysis_results SET {_WAIT_OR_CANCEL},
            attempt = attempt - 1, error = CAST(:error AS jsonb), run_at = now()
        WHERE status = 'running' AND starts_with(lease_owner, :owner)
        RETURNING {MOVED}
    ), ended AS (
        UPDATE analysis_attempts a SET ended_at = now(), outcome = 'gave_back', error = CAST(:error AS jsonb)
        FROM moved WHERE a.analysis_id = moved.id AND a.epoch = moved.epoch
    ), {CONSEQUENCES}
    SELECT id, pg_notify('bifrost_due', '') FROM moved
""")
_CONCLUDED = f"""
    WITH moved AS (
        UPDATE analysis_results SET
            status = :status, provider = coalesce(:provider, provider), model = :model, degraded = :degraded,
            diagnosis = CAST(:diagnosis AS jsonb), severity = :severity, response = :response,
            coverage = CAST(:coverage AS jsonb), usage = CAST(:usage AS jsonb), error = CAST(:error AS jsonb),
            cached_from = :cached_from, likeness = :likeness, evidence_traces = CAST(:traces AS jsonb),
            finished_at = now(), duration_seconds = extract(epoch FROM now() - created_at),
            lease_owner = NULL, lease_until = NULL
        WHERE {_OURS}
        RETURNING {MOVED}, {ANSWER}
    ), {_END_ATTEMPT}"""
_CONCLUDE = text(f"{_CONCLUDED}, {OWN_CONSEQUENCES} SELECT id FROM moved")
#: What asks a model may have followers.
_CONCLUDE_LEADER = text(f"""{_CONCLUDED}, {CONSEQUENCES}, {answered("moved")}
    SELECT id, false AS follows, NULL AS status, NULL AS source, NULL AS provider, NULL AS duration_seconds FROM moved
    UNION ALL SELECT id, true, status, source, provider, duration_seconds FROM answered
""")
_EXTEND = text("""
    UPDATE analysis_results r SET lease_until = now() + make_interval(secs => :lease)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:epochs AS bigint[])) AS held (id, epoch)
    WHERE r.id = held.id AND r.epoch = held.epoch AND r.status = 'running'
    RETURNING r.id, r.epoch, r.cancel_requested_at IS NOT NULL AS cancel_requested
""")


class PostgresClaims:
    """`storage_ports.Claims` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, analysis_id: int, *, stage: Stage, owner: str, lease: float, alone: bool = False) -> Claim | None:
        """Take the right to work on it; None when it is not due, not there, or somebody else's.

        `alone`: nothing else runs in this process. Without it what may kill its process is not given out.
        """
        values = {
            "id": analysis_id,
            "stage": stage,
            "owner": owner,
            "lease": lease,
            "alone": alone,
            "alone_queue": ALONE_QUEUE,
        }
        row = self._connection.execute(_CLAIM, values).first()
        if row is None:
            return None
        return Claim(
            analysis_id=row.id,
            epoch=row.epoch,
            attempt=row.attempt,
            throttles=row.throttles,
            stage=Stage(row.stage),
            source=Source(row.source),
            provider=row.provider,
            model=row.requested_model,
            language=Language(row.language),
            analysis_type=row.analysis_type,
            service_name=row.service_name,
            environment=row.environment,
            bytes_replaced=row.bytes_replaced,
            mask=Mask(row.mask),
            request_id=row.request_id,
            correlation_id=row.correlation_id,
            project_id=row.project_id,
            created_at=row.created_at,
            seconds_left=None if row.seconds_left is None else max(0.0, float(row.seconds_left)),
            waited=float(row.waited),
            cache=CacheMode(row.cache),
            question_key=row.question_key,
            prompt=claimed_prompt(row),
            log=codecs.decompress(row.log_content, row.log_zstd) if stage is Stage.PREPARE else None,
        )

    def log_of(self, claim: Claim) -> str:
        """The log as submitted, cleaned."""
        row = self._connection.execute(_LOG, {"id": claim.analysis_id}).one()
        return codecs.decompress(row.log_content, row.log_zstd)

    def store_prepared(self, claim: Claim, prepared: PreparedLog, *, queue: str) -> bool:
        """Hand over to the next stage. False: the claim is no longer ours, nothing was written."""
        values = _fence(claim, outcome="prepared", status="queued")
        values |= {"stage": Stage.INFER, "queue": queue, "body": codecs.pack(Progress(prepared=prepared))}
        return self._connection.execute(_HAND_ON, values).first() is not None

    def progress_of(self, claim: Claim) -> Progress | None:
        """What the first stage stored, and what earlier attempts have added."""
        body = self._connection.execute(_PREPARED, {"id": claim.analysis_id}).scalar()
        return None if body is None else codecs.unpack(body)

    def keep(self, claim: Claim, progress: Progress) -> bool:
        """Store what was read so far. False: the claim is no longer ours, nothing was written."""
        values = {"id": claim.analysis_id, "epoch": claim.epoch, "body": codecs.pack(progress)}
        return self._connection.execute(_KEEP, values).first() is not None

    def extend(self, claims: Sequence[tuple[int, int]], *, lease: float) -> Sequence[Heartbeat]:
        """Extend leases of (id, epoch); those missing from the answer are lost."""
        values = {"ids": [c[0] for c in claims], "epochs": [c[1] for c in claims], "lease": lease}
        return [
            Heartbeat(analysis_id=row.id, epoch=row.epoch, cancel_requested=row.cancel_requested)
            for row in self._connection.execute(_EXTEND, values)
        ]

    def give_back(self, claim: Claim, *, delay: float, error: Failure, counted: bool) -> bool:
        """Let it wait `delay` seconds for its next attempt. `counted`: this attempt used one up."""
        values = _fence(claim, outcome="gave_back", status="retrying" if counted else "queued")
        throttled = error.code == ProviderThrottled.code
        values |= {"delay": delay, "counted": counted, "throttled": throttled, "error": codecs.FAILURE.dump(error)}
        values |= {"waits": error.code in _NOT_ASKED}
        return self._connection.execute(_GIVE_BACK, values).first() is not None

    def owner_of(self, analysis_id: int) -> str | None:
        """Whose claim it is now; None while nobody works on it."""
        owner: str | None = self._connection.execute(_OWNER, {"id": analysis_id}).scalar()
        return owner

    def end_lease(self, analysis_id: int, owner: str) -> None:
        """The owner is dead: the next sweep takes its claim for over."""
        self._connection.execute(_END_LEASE, {"id": analysis_id, "owner": owner})

    def release(self, owner: str) -> Sequence[int]:
        """Let everything wait again that claims hold whose owner begins so, attempts not used up; their ids."""
        error = codecs.FAILURE.dump(Failure.of(ShuttingDown()))
        values = {"owner": owner, "status": "queued", "error": error}
        return [row.id for row in self._connection.execute(_RELEASE, values)]

    def conclude(self, claim: Claim, conclusion: Conclusion) -> Concluded | None:
        """End it, with its event, and those that waited for its answer. None: no longer ours, nothing was written."""
        values = _fence(claim, outcome=conclusion.status, status=conclusion.status)
        values |= {
            "provider": conclusion.provider,
            "model": conclusion.model,
            "degraded": conclusion.degraded,
            "diagnosis": codecs.DIAGNOSIS.dump(conclusion.diagnosis),
            "severity": conclusion.diagnosis and conclusion.diagnosis.severity,
            "response": conclusion.response,
            "coverage": codecs.COVERAGE.dump(conclusion.coverage),
            "usage": codecs.USAGE.dump(conclusion.usage),
            "error": codecs.FAILURE.dump(conclusion.error),
            "cached_from": conclusion.cached_from,
            "likeness": conclusion.likeness and conclusion.likeness.key,
            "traces": conclusion.likeness and TRACES.dump_json(conclusion.likeness.traces).decode(),
        }
        statement = _CONCLUDE if claim.provider == _RULES else _CONCLUDE_LEADER
        rows = self._connection.execute(statement, values).all()
        if not rows:
            return None
        return Concluded(
            followers=tuple(
                Swept(status=Status(row.status), source=row.source, provider=row.provider, seconds=row.duration_seconds)
                for row in rows
                if statement is _CONCLUDE_LEADER and row.follows
            )
        )


def _fence(claim: Claim, *, outcome: str, status: str) -> dict[str, Any]:
    """What every write of a worker carries."""
    return {
        "id": claim.analysis_id,
        "epoch": claim.epoch,
        "outcome": outcome,
        "status": status,
        "error": None,
        "usage": None,
        "provider": None,
    }
