"""Many submissions at once: a batch of records costs a few statements, not a few for each."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, text

from app.domain.analyses import Mask
from app.domain.errors import StorageUnavailable
from app.domain.records import Entered, Entry, Fate, Lane
from app.storage import codecs
from app.storage.endings import MOVED, announced
from app.storage.single_flight import FIRST_HAND, FLIGHT

_OPEN = "status IN ('queued', 'retrying', 'running')"
_WAITING = "status IN ('queued', 'retrying')"
#: What differs between the entries of a batch, by the type it has in JSON.
_GIVEN = """log_content text, log_zstd text, log_bytes integer, log_hash text, bytes_replaced integer,
    service_name text, environment text, analysis_type text, priority smallint, language text, metadata jsonb,
    request_id text, correlation_id text, idempotency_key text, request_hash text, cache_key text,
    question_key text, callback jsonb, prompt_name text, prompt_version integer, requested_model text, tags jsonb,
    cache text, mask text, deadline_at float"""
_NAMES = ", ".join(column.split()[0] for column in _GIVEN.split(","))
#: What is not stored as it is given.
_MADE = {
    "log_zstd": "decode(given.log_zstd, 'base64')",
    "deadline_at": "now() + make_interval(secs => given.deadline_at)",
}
_VALUES = ", ".join(_MADE.get(name, f"given.{name}") for name in _NAMES.split(", "))
_FROM_BATCH = f"json_to_recordset(CAST(:rows AS json)) AS given (number integer, other_id bigint, {_GIVEN})"
_ON_KNOWN_KEY = "ON CONFLICT (project_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"

#: In one order, so that two batches never wait for each other. As `single_flight.BOARDING`, for many.
_BOARDING = text(f"""
    SELECT pg_advisory_xact_lock({FLIGHT}, hash) FROM (
        SELECT DISTINCT hashtext(cache_key) AS hash FROM unnest(CAST(:keys AS text[])) AS wanted (cache_key) ORDER BY 1
    ) AS boarding
""")
#: Who answers already, or soon: first-hand and undegraded, as `analyses.add_from_cache` and `single_flight.LEADER` ask.
_LOOK = text(f"""
    SELECT wanted.cache_key, leader.id AS leader_id, cached.id AS cached_id
    FROM unnest(CAST(:keys AS text[])) AS wanted (cache_key)
    LEFT JOIN LATERAL (
        SELECT id FROM analysis_results r
        WHERE :follow AND r.cache_key = wanted.cache_key AND {_OPEN} AND leader_id IS NULL
            AND cancel_requested_at IS NULL AND {FIRST_HAND}
        ORDER BY id LIMIT 1
    ) AS leader ON true
    LEFT JOIN LATERAL (
        SELECT id FROM analysis_results r
        WHERE r.cache_key = wanted.cache_key AND status = 'completed' AND cached_from IS NULL AND NOT degraded
            AND finished_at > now() - make_interval(secs => :ttl)
        ORDER BY finished_at DESC LIMIT 1
    ) AS cached ON true
    WHERE leader.id IS NOT NULL OR cached.id IS NOT NULL
""")
_URGE = text(f"""
    UPDATE analysis_results r SET priority = wanted.priority, rung_at = NULL
    FROM (
        SELECT leader_id, max(priority) AS priority
        FROM unnest(CAST(:leaders AS bigint[]), CAST(:priorities AS smallint[])) AS each (leader_id, priority)
        GROUP BY leader_id
    ) AS wanted
    WHERE r.id = wanted.leader_id AND {_WAITING} AND r.priority < wanted.priority
""")
_INSERT = text(f"""
    INSERT INTO analysis_results (project_id, source, queue, provider, leader_id, {_NAMES})
    SELECT :project_id, :source, :queue, :provider, other_id, {_VALUES} FROM {_FROM_BATCH} ORDER BY number
    {_ON_KNOWN_KEY} RETURNING id, idempotency_key
""")
_INSERT_ANSWERED = text(f"""
    WITH moved AS (
        INSERT INTO analysis_results (project_id, source, queue, provider, {_NAMES}, status, stage, started_at,
            finished_at, duration_seconds, model, cached_from, response, severity, diagnosis, coverage, likeness,
            usage)
        SELECT :project_id, :source, :queue, a.provider, {_VALUES}, 'completed', a.stage, now(),
            now(), 0, a.model, a.id, a.response, a.severity, a.diagnosis, a.coverage, a.likeness, CAST('{{}}' AS jsonb)
        FROM {_FROM_BATCH} JOIN analysis_results a ON a.id = given.other_id ORDER BY number
        {_ON_KNOWN_KEY} RETURNING {MOVED}, idempotency_key
    ), {announced("moved")}
    SELECT id, idempotency_key FROM moved
""")
#: `telling`: its result waits in the outbox, so it will be heard.
_KNOWN = text("""
    SELECT r.idempotency_key, r.id, r.request_hash, r.finished_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM outbox o WHERE o.analysis_id = r.id AND o.published_at IS NULL AND o.dead_at IS NULL
        ) AS told
    FROM analysis_results r WHERE r.project_id = :project_id AND r.idempotency_key = ANY(CAST(:keys AS text[]))
""")
_ANNOUNCE_AGAIN = text("""
    INSERT INTO outbox (analysis_id, project_id, kind, callback, key)
    SELECT r.id, r.project_id, 'analysis.' || r.status, again.callback,
        coalesce(again.callback->>'key', CAST(r.id AS text))
    FROM json_to_recordset(CAST(:rows AS json)) AS again (id bigint, callback jsonb)
    JOIN analysis_results r ON r.id = again.id
""")
_NOTIFY = text("SELECT pg_notify('bifrost_due', '')")
_PROJECT = text("""
    INSERT INTO projects (name) VALUES (:name) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
""")
_OPEN_WORK = text(f"SELECT count(*) FROM (SELECT FROM analysis_results WHERE {_WAITING} LIMIT :limit) AS waiting")
#: Each pass places at least what another transaction had just made known.
_PASSES = 5


class PostgresIntake:
    """`record_ports.Intake` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def project(self, name: str) -> int:
        """The id of a project; made when it is new."""
        return int(self._connection.execute(_PROJECT, {"name": name}).scalar_one())

    def add_all(self, entries: Sequence[Entry], lane: Lane) -> Sequence[Entered]:
        """Store them in a few statements; what became of each. Their idempotency keys differ."""
        placed: dict[str, Entered] = {}
        for _ in range(_PASSES):
            left = [one for one in entries if one.submission.idempotency_key not in placed]
            if not left:
                break
            placed |= self._add(left, lane)
            placed |= self._known([one for one in left if one.submission.idempotency_key not in placed], lane)
        else:
            raise StorageUnavailable("A batch of records met others at every turn: try again.", retry_after=1)
        if any(one.fate is Fate.QUEUED for one in placed.values()):
            self._connection.execute(_NOTIFY)
        return [placed[str(one.submission.idempotency_key)] for one in entries]

    def board(self, cache_keys: Sequence[str]) -> None:
        """Until the transaction ends, nobody else submits any of these: before several `add_all`, all of theirs."""
        self._connection.execute(_BOARDING, {"keys": list(cache_keys)})

    def open_work(self, limit: int) -> int:
        """Analyses that wait for a worker; counted up to `limit`."""
        return int(self._connection.execute(_OPEN_WORK, {"limit": limit}).scalar_one())

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What fails in the block is undone, and nothing before it."""
        with self._connection.begin_nested():
            yield

    def _add(self, entries: Sequence[Entry], lane: Lane) -> dict[str, Entered]:
        """Those that are new."""
        leaders, cached = self._answerers(entries, lane)
        led = [one for one in entries if one.cache_key in leaders]
        served = [one for one in entries if one.cache_key in cached and one.cache_key not in leaders]
        others = [one for one in entries if one.cache_key not in leaders and one.cache_key not in cached]
        first: dict[str, Entry] = {}
        if lane.follow:
            for one in others:
                first.setdefault(one.cache_key, one)
        heads = [one for one in others if not lane.follow or first[one.cache_key] is one]
        found = self._insert(_INSERT, heads, lane, {})
        new = {one.cache_key: found[str(one.submission.idempotency_key)] for one in heads if _key(one) in found}
        # the head of the others may turn out to be known: then they wait for the next pass
        behind = [one for one in others if lane.follow and first[one.cache_key] is not one and one.cache_key in new]
        leaders |= {key: analysis_id for key, analysis_id in new.items() if lane.follow}
        followers = [*led, *behind]
        found |= self._insert(_INSERT, followers, lane, leaders)
        self._urge(followers, leaders)
        answered = self._insert(_INSERT_ANSWERED, served, lane, cached)
        placed = {key: Entered(fate=Fate.QUEUED, analysis_id=number) for key, number in found.items()}
        return placed | {key: Entered(fate=Fate.CACHED, analysis_id=number) for key, number in answered.items()}

    def _answerers(self, entries: Sequence[Entry], lane: Lane) -> tuple[dict[str, int], dict[str, int]]:
        """Cache key -> whom to follow; cache key -> whose answer to give again."""
        if lane.cache_ttl <= 0:
            return {}, {}
        keys = [one.cache_key for one in entries]
        if lane.follow:
            self._connection.execute(_BOARDING, {"keys": keys})
        looked = {"keys": list(dict.fromkeys(keys)), "follow": lane.follow, "ttl": lane.cache_ttl}
        rows = self._connection.execute(_LOOK, looked).all()
        leaders = {row.cache_key: row.leader_id for row in rows if row.leader_id is not None}
        return leaders, {row.cache_key: row.cached_id for row in rows if row.cached_id is not None}

    def _insert(
        self, statement: Any, entries: Sequence[Entry], lane: Lane, others: Mapping[str, int]
    ) -> dict[str, int]:
        """Idempotency key -> id of each that was not known."""
        if not entries:
            return {}
        rows = [_row(number, one, others.get(one.cache_key)) for number, one in enumerate(entries)]
        values: dict[str, Any] = {
            "rows": orjson.dumps(rows).decode(),
            "project_id": lane.project_id,
            "source": lane.source,
            "queue": lane.queue,
        }
        if statement is _INSERT:
            values["provider"] = lane.provider
        return {row.idempotency_key: row.id for row in self._connection.execute(statement, values)}

    def _urge(self, followers: Sequence[Entry], leaders: Mapping[str, int]) -> None:
        """A leader becomes as urgent as the most urgent that waits for it."""
        if followers:
            values = {
                "leaders": [leaders[one.cache_key] for one in followers],
                "priorities": [int(one.submission.priority) for one in followers],
            }
            self._connection.execute(_URGE, values)

    def _known(self, entries: Sequence[Entry], lane: Lane) -> dict[str, Entered]:
        if not entries:
            return {}
        keys = [_key(one) for one in entries]
        rows = self._connection.execute(_KNOWN, {"project_id": lane.project_id, "keys": keys})
        found = {row.idempotency_key: row for row in rows}
        placed, again = {}, []
        for one in entries:
            row = found.get(_key(one))
            if row is None:
                continue
            fate = Fate.KNOWN if row.request_hash == one.request_hash else Fate.CONFLICT
            if fate is Fate.KNOWN and row.told and lane.announce_again:
                fate = Fate.ANNOUNCED
                again.append({"id": row.id, "callback": one.submission.callback})
            placed[_key(one)] = Entered(fate=fate, analysis_id=row.id)
        if again:
            self._connection.execute(_ANNOUNCE_AGAIN, {"rows": orjson.dumps(again).decode()})
        return placed


def _key(entry: Entry) -> str:
    return str(entry.submission.idempotency_key)


def _row(number: int, entry: Entry, other_id: int | None) -> dict[str, Any]:
    asked = entry.submission
    content, compressed = codecs.compress(asked.log)
    return {
        "number": number,
        "other_id": other_id,
        "log_content": content,
        "log_zstd": None if compressed is None else base64.b64encode(compressed).decode(),
        "log_bytes": len(asked.log.encode()),
        "log_hash": entry.log_hash,
        "bytes_replaced": asked.bytes_replaced,
        "service_name": asked.service_name,
        "environment": asked.environment,
        "analysis_type": asked.analysis_type,
        "priority": int(asked.priority),
        "language": asked.language,
        "metadata": asked.metadata,
        "request_id": asked.request_id,
        "correlation_id": asked.correlation_id,
        "idempotency_key": asked.idempotency_key,
        "request_hash": entry.request_hash,
        "cache_key": entry.cache_key,
        "question_key": entry.question_key,
        "callback": asked.callback,
        "requested_model": asked.model,
        "tags": asked.tags,
        "cache": asked.cache,
        # seconds from now
        "deadline_at": asked.deadline_seconds,
        "mask": asked.mask or Mask.NONE,
        **codecs.prompt_columns(asked.prompt_version),
    }
