"""Limits and successors of keys, the log of administrative acts, and what projects may spend in a month."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Forward."""
    op.execute("""
        ALTER TABLE api_keys
            -- null: as the settings say; 0: any number
            ADD COLUMN submits_per_hour integer CHECK (submits_per_hour >= 0),
            ADD COLUMN reads_per_hour integer CHECK (reads_per_hour >= 0),
            ADD COLUMN replaced_by varchar(16);
        -- an upgrade takes nothing away: what was made without limits stays without
        UPDATE api_keys SET submits_per_hour = 0, reads_per_hour = 0;
        CREATE INDEX api_keys_project ON api_keys (project_id, created_at DESC);

        CREATE TABLE audit_log (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            project_id bigint NOT NULL REFERENCES projects,
            -- the prefix of a key, or `operator`
            actor varchar(16) NOT NULL,
            act varchar(50) NOT NULL,
            subject varchar(200) NOT NULL,
            details jsonb NOT NULL DEFAULT '{}'
        );
        CREATE INDEX audit_log_project ON audit_log (project_id, at DESC, id DESC);
        CREATE INDEX audit_log_at ON audit_log (at DESC, id DESC);
        CREATE FUNCTION refuse_change_of_the_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'entry % of the audit log stays as it is', OLD.id;
        END $$;
        CREATE TRIGGER an_entry_stays BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW
            EXECUTE FUNCTION refuse_change_of_the_audit_log();

        -- null: any number
        CREATE TABLE budgets (
            project_id bigint PRIMARY KEY REFERENCES projects,
            requests bigint CHECK (requests >= 0),
            tokens bigint CHECK (tokens >= 0),
            cost_micro_usd bigint CHECK (cost_micro_usd >= 0),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        -- calls that run are in it with the most that they may need
        CREATE TABLE budget_uses (
            project_id bigint NOT NULL REFERENCES projects,
            -- its first day, in UTC
            month date NOT NULL,
            requests bigint NOT NULL DEFAULT 0,
            tokens bigint NOT NULL DEFAULT 0,
            cost_micro_usd bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (project_id, month)
        );
    """)


def downgrade() -> None:
    """Backward."""
    op.execute("""
        DROP TABLE budget_uses, budgets, audit_log;
        DROP FUNCTION refuse_change_of_the_audit_log();
        DROP INDEX api_keys_project;
        ALTER TABLE api_keys DROP COLUMN submits_per_hour, DROP COLUMN reads_per_hour, DROP COLUMN replaced_by;
    """)
