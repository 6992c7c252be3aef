"""Projects, keys, analyses and the tables of the job protocol."""

from alembic import op

revision = "0001"
down_revision = None

#: A row that waits for a worker.
WAITING = "status IN ('queued', 'retrying')"


def upgrade() -> None:
    """Forward."""
    op.execute("""
        CREATE TABLE projects (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name varchar(100) NOT NULL UNIQUE,
            created_at timestamptz NOT NULL DEFAULT now()
        );

        CREATE TABLE api_keys (
            prefix varchar(16) PRIMARY KEY,
            secret_hash varchar(64) NOT NULL,
            name varchar(100) NOT NULL,
            project_id bigint NOT NULL REFERENCES projects,
            scopes text[] NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            last_used_at timestamptz,
            expires_at timestamptz,
            revoked_at timestamptz
        );

        CREATE TABLE analysis_results (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            created_at timestamptz NOT NULL DEFAULT now(),
            project_id bigint NOT NULL REFERENCES projects,
            -- what was asked
            source varchar(50) NOT NULL,
            requested_model varchar(100),
            log_content text,
            log_zstd bytea,
            log_bytes integer NOT NULL,
            log_hash varchar(64) NOT NULL,
            bytes_replaced integer NOT NULL DEFAULT 0,
            service_name varchar(100),
            environment varchar(100),
            analysis_type varchar(50) NOT NULL,
            priority smallint NOT NULL,
            tags jsonb NOT NULL DEFAULT '[]',
            language varchar(8) NOT NULL,
            metadata jsonb NOT NULL DEFAULT '{}',
            request_id varchar(128),
            correlation_id varchar(128),
            idempotency_key varchar(255),
            request_hash varchar(64) NOT NULL,
            cache_key varchar(64) NOT NULL,
            callback jsonb,
            deadline_at timestamptz,
            -- where it stands
            status varchar(20) NOT NULL DEFAULT 'queued',
            stage varchar(20) NOT NULL DEFAULT 'prepare',
            queue varchar(50) NOT NULL,
            provider varchar(50),
            epoch bigint NOT NULL DEFAULT 0,
            attempt smallint NOT NULL DEFAULT 0,
            throttles smallint NOT NULL DEFAULT 0,
            run_at timestamptz NOT NULL DEFAULT now(),
            rung_at timestamptz,
            rings smallint NOT NULL DEFAULT 0,
            lease_owner varchar(200),
            lease_until timestamptz,
            cancel_requested_at timestamptz,
            started_at timestamptz,
            finished_at timestamptz,
            -- what came out
            model varchar(100),
            degraded boolean NOT NULL DEFAULT false,
            cached_from bigint,
            response text,
            severity varchar(10),
            diagnosis jsonb,
            coverage jsonb,
            usage jsonb,
            error jsonb,
            duration_seconds double precision,
            CONSTRAINT known_status CHECK (
                status IN ('queued', 'running', 'retrying', 'completed', 'failed', 'cancelled')
            ),
            CONSTRAINT running_has_a_lease CHECK ((status = 'running') = (lease_until IS NOT NULL)),
            CONSTRAINT ended_has_a_time CHECK (
                (status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)
            )
        );
        -- already compressed by the application: do not try again
        ALTER TABLE analysis_results ALTER COLUMN log_zstd SET STORAGE EXTERNAL;

        CREATE UNIQUE INDEX analysis_results_idempotency ON analysis_results (project_id, idempotency_key)
            WHERE idempotency_key IS NOT NULL;
        CREATE INDEX analysis_results_history ON analysis_results (project_id, created_at DESC, id DESC);
        CREATE INDEX analysis_results_service ON analysis_results (service_name, created_at);
        CREATE INDEX analysis_results_log_hash ON analysis_results (log_hash);
        CREATE INDEX analysis_results_cache ON analysis_results (cache_key, finished_at)
            WHERE status = 'completed' AND cached_from IS NULL AND NOT degraded;
        CREATE INDEX analysis_results_tags ON analysis_results USING gin (tags jsonb_path_ops);
    """)
    # Only unfinished rows are in these: the dispatcher's cost follows the open work, not the history.
    op.execute(f"""
        CREATE INDEX analysis_results_waiting ON analysis_results (queue, priority DESC, id) WHERE {WAITING};
        CREATE INDEX analysis_results_rung ON analysis_results (queue, rung_at)
            WHERE {WAITING} AND rung_at IS NOT NULL;
        CREATE INDEX analysis_results_leases ON analysis_results (lease_until) WHERE status = 'running';
        CREATE INDEX analysis_results_deadlines ON analysis_results (deadline_at)
            WHERE status IN ('queued', 'retrying', 'running') AND deadline_at IS NOT NULL;
    """)
    op.execute("""
        -- G2: what has ended stays as it ended. Only a retry leaves failed or cancelled again.
        CREATE FUNCTION refuse_change_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.status IN ('failed', 'cancelled') AND NEW.status = 'queued' AND NEW.epoch > OLD.epoch THEN
                RETURN NEW;
            END IF;
            IF (NEW.status, NEW.epoch, NEW.finished_at, NEW.response, NEW.diagnosis, NEW.error)
                IS DISTINCT FROM
               (OLD.status, OLD.epoch, OLD.finished_at, OLD.response, OLD.diagnosis, OLD.error) THEN
                RAISE EXCEPTION 'analysis % has ended as % and stays so', OLD.id, OLD.status;
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER ended_is_ended BEFORE UPDATE ON analysis_results FOR EACH ROW
            WHEN (OLD.status IN ('completed', 'failed', 'cancelled'))
            EXECUTE FUNCTION refuse_change_of_ended();

        -- One row for each claim: who worked on it, when, and how that ended.
        CREATE TABLE analysis_attempts (
            analysis_id bigint NOT NULL REFERENCES analysis_results ON DELETE CASCADE,
            epoch bigint NOT NULL,
            attempt smallint NOT NULL,
            stage varchar(20) NOT NULL,
            provider varchar(50),
            worker varchar(200) NOT NULL,
            started_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz,
            outcome varchar(20),
            error jsonb,
            usage jsonb,
            PRIMARY KEY (analysis_id, epoch)
        );

        -- What `prepare` hands to `infer`: redacted, compressed, deleted when the analysis ends.
        CREATE TABLE analysis_preparations (
            analysis_id bigint PRIMARY KEY REFERENCES analysis_results ON DELETE CASCADE,
            body bytea NOT NULL
        );
        ALTER TABLE analysis_preparations ALTER COLUMN body SET STORAGE EXTERNAL;

        -- What is still to be announced, written in the transaction that made it true.
        CREATE TABLE outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            event_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
            analysis_id bigint NOT NULL REFERENCES analysis_results ON DELETE CASCADE,
            kind varchar(50) NOT NULL,
            callback jsonb NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            attempts smallint NOT NULL DEFAULT 0,
            next_attempt_at timestamptz NOT NULL DEFAULT now(),
            published_at timestamptz
        );
        CREATE INDEX outbox_due ON outbox (id) WHERE published_at IS NULL;
    """)


def downgrade() -> None:
    """Backward."""
    op.execute("""
        DROP TABLE outbox, analysis_preparations, analysis_attempts, analysis_results, api_keys, projects;
        DROP FUNCTION refuse_change_of_ended();
    """)
