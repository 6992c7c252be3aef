"""What follows from every end of an analysis, whoever brings it about, in the statement that brings it about."""

#: Joins a `WITH` whose `moved` returns id, status, finished_at and callback of the changed rows.
CONSEQUENCES = """cleared AS (
        DELETE FROM analysis_preparations USING moved
        WHERE analysis_id = moved.id AND moved.finished_at IS NOT NULL
    ), announced AS (
        INSERT INTO outbox (analysis_id, kind, callback)
        SELECT id, 'analysis.' || status, callback FROM moved WHERE finished_at IS NOT NULL AND callback IS NOT NULL
    )"""
#: What `moved` returns.
MOVED = "id, epoch, status, finished_at, callback"
