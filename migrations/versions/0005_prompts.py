"""Stored prompts with labels, which one an analysis uses, what became of those analyses, and feedback."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward."""
    op.execute("""
        CREATE TABLE prompts (
            project_id bigint NOT NULL REFERENCES projects,
            name varchar(50) NOT NULL,
            newest integer NOT NULL DEFAULT 0,
            -- {label: weight} of two labels
            split jsonb,
            updated_at timestamptz NOT NULL DEFAULT now(),
            -- found no more; its versions stay, since analyses use them
            deleted_at timestamptz,
            PRIMARY KEY (project_id, name)
        );
        CREATE TABLE prompt_templates (
            project_id bigint NOT NULL,
            name varchar(50) NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            language varchar(8) NOT NULL,
            template text NOT NULL,
            config jsonb NOT NULL DEFAULT '{}',
            description varchar(500) NOT NULL DEFAULT '',
            created_by varchar(100) NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (project_id, name, version, language),
            FOREIGN KEY (project_id, name) REFERENCES prompts
        );
        CREATE FUNCTION refuse_change_of_a_version() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'version % of prompt % stays as it is', OLD.version, OLD.name;
        END $$;
        CREATE TRIGGER a_version_stays BEFORE UPDATE OR DELETE ON prompt_templates FOR EACH ROW
            EXECUTE FUNCTION refuse_change_of_a_version();

        CREATE TABLE prompt_labels (
            project_id bigint NOT NULL,
            name varchar(50) NOT NULL,
            label varchar(50) NOT NULL,
            -- 0: the one that comes with Bifrost
            version integer NOT NULL,
            moved_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (project_id, name, label),
            FOREIGN KEY (project_id, name) REFERENCES prompts
        );

        -- no default and nothing to check: no row is touched
        ALTER TABLE analysis_results ADD COLUMN prompt_name varchar(50), ADD COLUMN prompt_version integer;

        -- as analysis_metrics, sealed with it
        CREATE TABLE prompt_metrics (
            hour timestamptz NOT NULL,
            project_id bigint NOT NULL REFERENCES projects,
            prompt_name varchar(50) NOT NULL,
            prompt_version integer NOT NULL,
            provider varchar(50) NOT NULL,
            model varchar(100) NOT NULL,
            status varchar(20) NOT NULL,
            analyses bigint NOT NULL,
            degraded bigint NOT NULL,
            cache_hits bigint NOT NULL,
            duration_sum double precision NOT NULL,
            duration_histogram bigint[] NOT NULL,
            prompt_tokens bigint NOT NULL,
            completion_tokens bigint NOT NULL,
            cost_micro_usd bigint NOT NULL,
            PRIMARY KEY (project_id, prompt_name, hour, prompt_version, provider, model, status)
        );
        CREATE INDEX prompt_metrics_hour ON prompt_metrics (hour);

        CREATE TABLE feedback (
            analysis_id bigint PRIMARY KEY REFERENCES analysis_results ON DELETE CASCADE,
            rating varchar(10) NOT NULL CHECK (rating IN ('up', 'down')),
            comment text,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        -- outlives the analyses
        CREATE TABLE prompt_feedback (
            project_id bigint NOT NULL REFERENCES projects,
            prompt_name varchar(50) NOT NULL,
            prompt_version integer NOT NULL,
            up bigint NOT NULL DEFAULT 0,
            down bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (project_id, prompt_name, prompt_version)
        );
    """)


def downgrade() -> None:
    """Backward."""
    op.execute("""
        DROP TABLE prompt_feedback, feedback, prompt_metrics, prompt_labels, prompt_templates, prompts;
        DROP FUNCTION refuse_change_of_a_version();
        ALTER TABLE analysis_results DROP COLUMN prompt_name, DROP COLUMN prompt_version;
    """)
