"""Whose each webhook is, so that a project can list its own, and which receivers want to hear no more."""

from alembic import op

revision = "0007"
down_revision = "0006"

_WEBHOOK = "callback->>'kind' = 'webhook'"


def upgrade() -> None:
    """Forward."""
    # Nothing to compute: no row is touched but those of webhooks. Committed before the indexes are built, which may be
    # interrupted: then all of it is done again.
    op.execute(f"""
        ALTER TABLE outbox
            -- the analysis's
            ADD COLUMN IF NOT EXISTS project_id bigint,
            -- attempts that were made before somebody had it sent again: its schedule began anew after them
            ADD COLUMN IF NOT EXISTS tried_before smallint NOT NULL DEFAULT 0;
        UPDATE outbox o SET project_id = r.project_id FROM analysis_results r
        WHERE r.id = o.analysis_id AND o.project_id IS NULL AND o.{_WEBHOOK};

        -- answered 410: nothing is sent there until somebody has a delivery sent again
        CREATE TABLE IF NOT EXISTS gone_receivers (
            project_id bigint NOT NULL REFERENCES projects,
            url varchar(2048) NOT NULL,
            gone_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (project_id, url)
        );
    """)
    # NOT NULL, so that they are for lists only: looking for what is due would have to pass over all that was delivered
    with op.get_context().autocommit_block():
        for name, more in (("outbox_webhooks", ""), ("outbox_webhooks_dead", " AND dead_at IS NOT NULL")):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"""
                CREATE INDEX CONCURRENTLY {name} ON outbox (project_id, created_at DESC, id DESC)
                WHERE project_id IS NOT NULL AND {_WEBHOOK}{more}
            """)


def downgrade() -> None:
    """Backward."""
    op.execute("""
        DROP TABLE gone_receivers;
        DROP INDEX outbox_webhooks, outbox_webhooks_dead;
        ALTER TABLE outbox DROP COLUMN project_id, DROP COLUMN tried_before;
    """)
