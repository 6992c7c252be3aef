"""What follows from every end of an analysis, whoever brings it about, in the statement that brings it about."""

#: An analysis that nobody holds. A follower is one, too, until it ends or goes on by itself.
_WAITING = "status IN ('queued', 'retrying')"


def announced(ended: str) -> str:
    """CTE that tells whoever wants to be told of those in `ended` that did end."""
    return f"""announced_{ended} AS (
        INSERT INTO outbox (analysis_id, project_id, kind, callback, key)
        SELECT id, project_id, 'analysis.' || status, callback, coalesce(callback->>'key', CAST(id AS text))
        FROM {ended} WHERE finished_at IS NOT NULL AND callback IS NOT NULL
    )"""


def released(ended: str) -> str:
    """CTEs that let the followers of those in `ended` go on: the most urgent leads the others. One that may take over
    an answer leads only others that may, too.

    Whoever is held elsewhere at this moment is passed over; the sweep comes back to it.
    """
    return f"""heirs AS (
        SELECT DISTINCT ON (leader_id) leader_id, id FROM analysis_results
        WHERE {_WAITING} AND leader_id IN (
            SELECT id FROM {ended} WHERE finished_at IS NOT NULL AND status <> 'completed'
        )
        ORDER BY leader_id, cache = 'similar', priority DESC, id
    ), orphans AS (
        SELECT f.id, nullif(heirs.id, f.id) AS leader_id FROM analysis_results f JOIN heirs USING (leader_id)
        WHERE {_WAITING} FOR UPDATE OF f SKIP LOCKED
    ), released AS (
        UPDATE analysis_results f SET leader_id = orphans.leader_id FROM orphans WHERE f.id = orphans.id
        RETURNING pg_notify('bifrost_due', '')
    )"""


def answered(ended: str) -> str:
    """CTEs that give the followers of those in `ended` their leader's answer: `answered`; and let them go on, each by
    itself, when it is a degraded one: the provider is ill, and in a row they would wait for its failures in turn.
    """
    return f"""served AS (
        SELECT id, leader_id FROM analysis_results
        WHERE {_WAITING} AND leader_id IN (SELECT id FROM {ended} WHERE status = 'completed' AND NOT degraded)
        ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), answered AS (
        UPDATE analysis_results f SET
            status = 'completed', cached_from = l.id, provider = l.provider, model = l.model, response = l.response,
            severity = l.severity, diagnosis = l.diagnosis, coverage = l.coverage, likeness = l.likeness,
            usage = '{{}}', error = NULL, started_at = coalesce(f.started_at, now()), finished_at = now(),
            duration_seconds = extract(epoch FROM now() - f.created_at)
        FROM served JOIN {ended} l ON l.id = served.leader_id WHERE f.id = served.id
        RETURNING f.id, f.project_id, f.status, f.finished_at, f.callback, f.source, f.provider, f.duration_seconds
    ), {announced("answered")}, unserved AS (
        SELECT id FROM analysis_results
        WHERE {_WAITING} AND leader_id IN (SELECT id FROM {ended} WHERE status = 'completed' AND degraded)
        FOR UPDATE SKIP LOCKED
    ), freed AS (
        UPDATE analysis_results f SET leader_id = NULL FROM unserved WHERE f.id = unserved.id
        RETURNING pg_notify('bifrost_due', '')
    )"""


#: For an end without followers. Joins a `WITH` whose `moved` returns `MOVED` of the changed rows.
OWN_CONSEQUENCES = f"""cleared AS (
        DELETE FROM analysis_preparations USING moved
        WHERE analysis_id = moved.id AND moved.finished_at IS NOT NULL
    ), {announced("moved")}"""
#: The same, and what becomes of its followers when it did not complete.
CONSEQUENCES = f"{OWN_CONSEQUENCES}, {released('moved')}"
#: What `moved` returns.
MOVED = "id, project_id, epoch, status, finished_at, callback"
#: What it returns besides when followers shall have its answer.
ANSWER = "degraded, provider, model, response, severity, diagnosis, coverage, likeness"
