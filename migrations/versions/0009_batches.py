"""Batches: which analyses were submitted together, and what their caller calls them."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward. New tables only: a large one is not touched, but for the moment its foreign key takes."""
    op.execute("""
        CREATE TABLE batches (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            created_at timestamptz NOT NULL DEFAULT now(),
            project_id bigint NOT NULL REFERENCES projects,
            total integer NOT NULL CHECK (total > 0),
            request_id varchar(128),
            idempotency_key varchar(255),
            -- the same key with another one is a conflict
            request_hash varchar(64) NOT NULL,
            cancel_requested_at timestamptz
        );
        CREATE UNIQUE INDEX batches_idempotency ON batches (project_id, idempotency_key)
            WHERE idempotency_key IS NOT NULL;

        CREATE TABLE batch_items (
            batch_id bigint NOT NULL REFERENCES batches ON DELETE CASCADE,
            -- 0 for the first
            position integer NOT NULL,
            custom_id varchar(255) NOT NULL,
            -- an item whose own idempotency key was known stands for that analysis: it may be in several batches
            analysis_id bigint NOT NULL REFERENCES analysis_results ON DELETE CASCADE,
            PRIMARY KEY (batch_id, position)
        );
        -- for the deletion of an analysis
        CREATE INDEX batch_items_analysis ON batch_items (analysis_id);
    """)


def downgrade() -> None:
    """Backward."""
    op.execute("DROP TABLE batch_items, batches")
