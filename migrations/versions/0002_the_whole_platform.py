"""Single flight, dead letters, the outbox's claims, and statistics that outlive what they count."""

from alembic import op

revision = "0002"
down_revision = "0001"

_OPEN = "status IN ('queued', 'retrying', 'running')"
_WAITING = "status IN ('queued', 'retrying')"


def upgrade() -> None:
    """Forward."""
    op.execute("""
        ALTER TABLE analysis_results
            -- the identical analysis in flight whose answer this one waits for
            ADD COLUMN leader_id bigint,
            -- how often it was sent again after it had failed or was cancelled
            ADD COLUMN replays smallint NOT NULL DEFAULT 0,
            -- somebody looked at the failure and wants to see it no more
            ADD COLUMN discarded_at timestamptz,
            -- since when its provider has rested or had no room, and was not asked
            ADD COLUMN waits_since timestamptz;
        ALTER TABLE outbox
            -- events of one key are published in the order of their ids
            ADD COLUMN key varchar(200) NOT NULL DEFAULT '',
            ADD COLUMN claimed_by varchar(200),
            ADD COLUMN claimed_until timestamptz,
            ADD COLUMN error jsonb,
            -- its schedule is over: it will not be tried again by itself
            ADD COLUMN dead_at timestamptz;
        DROP INDEX outbox_due;
        CREATE INDEX outbox_open ON outbox (key, id) WHERE published_at IS NULL AND dead_at IS NULL;
        CREATE INDEX outbox_due ON outbox (next_attempt_at, id) WHERE published_at IS NULL AND dead_at IS NULL;
        CREATE INDEX outbox_analysis ON outbox (analysis_id);

        CREATE TABLE analysis_metrics (
            hour timestamptz NOT NULL,
            project_id bigint NOT NULL REFERENCES projects,
            source varchar(50) NOT NULL,
            provider varchar(50) NOT NULL,
            model varchar(100) NOT NULL,
            status varchar(20) NOT NULL,
            -- counted for good: what it counts may be deleted
            sealed boolean NOT NULL,
            analyses bigint NOT NULL,
            degraded bigint NOT NULL,
            cache_hits bigint NOT NULL,
            duration_sum double precision NOT NULL,
            -- those not from the cache, by the bounds of app.domain.statistics: how many took at most that long, and
            -- longer than the one before
            duration_histogram bigint[] NOT NULL,
            prompt_tokens bigint NOT NULL,
            completion_tokens bigint NOT NULL,
            cost_micro_usd bigint NOT NULL,
            PRIMARY KEY (hour, project_id, source, provider, model, status)
        );
    """)
    # A row is in one of these two while it waits: first nobody has rung for it, then somebody has.
    op.execute(f"""
        DROP INDEX analysis_results_waiting, analysis_results_rung, analysis_results_tags;
        -- most have no tags, and each of their moves would write into it
        CREATE INDEX analysis_results_tags ON analysis_results USING gin (tags jsonb_path_ops) WHERE tags <> '[]';
        CREATE INDEX analysis_results_waiting ON analysis_results (queue, priority, project_id, run_at, id)
            WHERE {_WAITING} AND rung_at IS NULL AND leader_id IS NULL;
        CREATE INDEX analysis_results_rung ON analysis_results (queue, project_id, rung_at)
            WHERE {_WAITING} AND rung_at IS NOT NULL;
    """)
    op.execute(f"""
        CREATE INDEX analysis_results_in_flight ON analysis_results (cache_key) WHERE {_OPEN};
        CREATE INDEX analysis_results_followers ON analysis_results (leader_id)
            WHERE leader_id IS NOT NULL AND {_OPEN};
        CREATE INDEX analysis_results_finished ON analysis_results (finished_at) WHERE finished_at IS NOT NULL;
        CREATE INDEX analysis_results_dead ON analysis_results (project_id, finished_at DESC, id DESC)
            WHERE status = 'failed' AND discarded_at IS NULL;
    """)


def downgrade() -> None:
    """Backward."""
    op.execute(f"""
        DROP INDEX analysis_results_waiting, analysis_results_rung, analysis_results_tags;
        CREATE INDEX analysis_results_tags ON analysis_results USING gin (tags jsonb_path_ops);
        CREATE INDEX analysis_results_waiting ON analysis_results (queue, priority DESC, id) WHERE {_WAITING};
        CREATE INDEX analysis_results_rung ON analysis_results (queue, rung_at)
            WHERE {_WAITING} AND rung_at IS NOT NULL;
    """)
    op.execute("""
        DROP INDEX analysis_results_in_flight, analysis_results_followers, analysis_results_finished,
            analysis_results_dead;
        DROP TABLE analysis_metrics;
        DROP INDEX outbox_open, outbox_due, outbox_analysis;
        CREATE INDEX outbox_due ON outbox (id) WHERE published_at IS NULL;
        ALTER TABLE outbox DROP COLUMN key, DROP COLUMN claimed_by, DROP COLUMN claimed_until, DROP COLUMN error,
            DROP COLUMN dead_at;
        ALTER TABLE analysis_results DROP COLUMN leader_id, DROP COLUMN replays, DROP COLUMN discarded_at,
            DROP COLUMN waits_since;
    """)
