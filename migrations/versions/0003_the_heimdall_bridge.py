"""Dead letters of the bridge to Kafka, their announcements, and what bridges say of themselves."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward."""
    op.execute("""
        -- Records that could not be accepted, as they came. Failed analyses are dead letters without being here.
        CREATE TABLE dead_letters (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            project_id bigint NOT NULL REFERENCES projects,
            topic varchar(249) NOT NULL,
            partition integer NOT NULL,
            position bigint NOT NULL,
            -- SHA-256 of key and value: a topic that was made anew gives the same offsets to others
            content_hash varchar(64) NOT NULL,
            key bytea,
            value bytea,
            -- [[name, base64 of the value or null], …]
            headers jsonb NOT NULL DEFAULT '[]',
            stage varchar(20) NOT NULL,
            error jsonb NOT NULL,
            request_id varchar(128),
            correlation_id varchar(128),
            service_name varchar(100),
            environment varchar(100),
            attempts smallint NOT NULL DEFAULT 1,
            replays smallint NOT NULL DEFAULT 0,
            created_at timestamptz NOT NULL DEFAULT now(),
            failed_at timestamptz NOT NULL DEFAULT now(),
            -- somebody wants it to go again
            replay_at timestamptz,
            -- it went again, and was accepted as this analysis
            risen_at timestamptz,
            analysis_id bigint,
            discarded_at timestamptz,
            UNIQUE (topic, partition, position, content_hash)
        );
        ALTER TABLE dead_letters ALTER COLUMN value SET STORAGE EXTERNAL;
        CREATE INDEX dead_letters_listed ON dead_letters (project_id, failed_at DESC, id DESC)
            WHERE discarded_at IS NULL AND risen_at IS NULL AND replay_at IS NULL;
        CREATE INDEX dead_letters_wanted ON dead_letters (replay_at) WHERE replay_at IS NOT NULL;
        CREATE INDEX dead_letters_old ON dead_letters (failed_at);

        ALTER TABLE outbox
            ALTER COLUMN analysis_id DROP NOT NULL,
            ADD COLUMN dead_letter_id bigint REFERENCES dead_letters ON DELETE CASCADE,
            ADD CONSTRAINT tells_of_one CHECK (num_nonnulls(analysis_id, dead_letter_id) = 1);
        CREATE INDEX outbox_dead_letter ON outbox (dead_letter_id) WHERE dead_letter_id IS NOT NULL;
        -- the relay's: without what waits for Kafka
        DROP INDEX outbox_due;
        CREATE INDEX outbox_due ON outbox (next_attempt_at, id)
            WHERE published_at IS NULL AND dead_at IS NULL AND coalesce(callback->>'kind', '') <> 'kafka';
        -- the bridges', in order
        CREATE INDEX outbox_kafka ON outbox (id)
            WHERE published_at IS NULL AND dead_at IS NULL AND callback->>'kind' = 'kafka';

        CREATE TABLE bridges (
            name varchar(200) PRIMARY KEY,
            state jsonb NOT NULL,
            seen_at timestamptz NOT NULL DEFAULT now()
        );
    """)


def downgrade() -> None:
    """Backward."""
    op.execute("""
        DELETE FROM outbox WHERE analysis_id IS NULL;
        DROP INDEX outbox_dead_letter, outbox_kafka, outbox_due;
        CREATE INDEX outbox_due ON outbox (next_attempt_at, id) WHERE published_at IS NULL AND dead_at IS NULL;
        ALTER TABLE outbox
            DROP CONSTRAINT tells_of_one,
            DROP COLUMN dead_letter_id,
            ALTER COLUMN analysis_id SET NOT NULL;
        DROP TABLE dead_letters, bridges;
    """)
