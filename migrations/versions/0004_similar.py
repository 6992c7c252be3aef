"""What logs of one incident have in common, stored with their answers, and an index to find them by."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward."""
    # Without a default to compute, this touches no row. It is committed before the index is built, which may be
    # interrupted: then all of it is done again.
    op.execute("""
        ALTER TABLE analysis_results
            -- whether an earlier answer may be given again: exact, similar, off
            ADD COLUMN IF NOT EXISTS cache varchar(10) NOT NULL DEFAULT 'exact',
            -- as cache_key, without the log
            ADD COLUMN IF NOT EXISTS question_key varchar(64),
            -- of the log's warnings and errors, as templates
            ADD COLUMN IF NOT EXISTS likeness varchar(64),
            -- for each piece of evidence: the template of its line, and its words
            ADD COLUMN IF NOT EXISTS evidence_traces jsonb
    """)
    # the table may be large, and analyses go on being accepted meanwhile
    with op.get_context().autocommit_block():
        # what a build that was interrupted has left
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS analysis_results_likeness")
        op.execute("""
            CREATE INDEX CONCURRENTLY analysis_results_likeness
            ON analysis_results (likeness, question_key, finished_at)
            WHERE likeness IS NOT NULL AND status = 'completed' AND cached_from IS NULL AND NOT degraded
        """)


def downgrade() -> None:
    """Backward."""
    op.execute("""
        DROP INDEX analysis_results_likeness;
        ALTER TABLE analysis_results
            DROP COLUMN cache, DROP COLUMN question_key, DROP COLUMN likeness, DROP COLUMN evidence_traces;
    """)
