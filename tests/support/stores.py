"""The kernel's storage on a database of a test's own, with short words for what tests do over and over."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Self

from sqlalchemy import text

from app.domain.analyses import Analysis, Claim, Conclusion, Failure, Priority, Stage, Status, Submission
from app.domain.diagnoses import Coverage, Diagnosis, Evidence, Severity
from app.domain.errors import BifrostError, ProviderUnavailable
from app.domain.logs import Line, PreparedLog
from app.domain.prompts import Usage
from app.domain.storage_ports import Accepted, DueOrder, Fingerprint, Route
from app.settings import Database
from app.storage.engine import make_engine
from app.storage.unit_of_work import PostgresUnitOfWork

NORMAL = int(Priority.NORMAL)
PREPARE = Route(queue="prepare", provider="rules")
OLLAMA = Route(queue="prepare", provider="ollama")
UNAVAILABLE = Failure.of(ProviderUnavailable())
COVERAGE = Coverage(
    bytes_total=30,
    lines_total=2,
    lines_blank=0,
    lines_sent=2,
    lines_counted=0,
    records=2,
    templates=2,
    templates_sent=2,
    redactions={"email": 1},
    tokens_estimated=400,
    token_budget=8000,
)
PREPARED = PreparedLog(
    templates=(),
    shown=(Line(number=1, text="started"), Line(number=2, text="OOMKilled")),
    templates_shown=(),
    first_error=2,
    coverage=COVERAGE,
    placeholders={"<EMAIL_1>": "a@example.com"},
)
DIAGNOSIS = Diagnosis(
    summary="The container ran out of memory.",
    root_cause="Its limit is lower than its need.",
    recommendation="Raise the limit.",
    severity=Severity.HIGH,
    confidence=0.9,
    evidence=(Evidence(line=2, text="OOMKilled"),),
)
COMPLETED = Conclusion(
    status=Status.COMPLETED,
    provider="ollama",
    model="mistral",
    diagnosis=DIAGNOSIS,
    response="## The container ran out of memory.",
    coverage=COVERAGE,
    usage=Usage(prompt_tokens=400, completion_tokens=80, cost_micro_usd=12),
)


def fingerprint(log: str = "log", *, cache: str = "", request: str = "") -> Fingerprint:
    """Of `log`; `cache` and `request` tell apart what the log does not."""

    def sha(value: str) -> str:
        return hashlib.sha256(value.encode(errors="replace")).hexdigest()

    return Fingerprint(
        log_hash=sha(log), cache_key=sha(log + cache), question_key=sha(cache), request_hash=sha(log + request)
    )


def at_once(count: int, work: Callable[[int], object]) -> list:
    """`work(0)` … `work(count - 1)`, each in its own thread, all let go in the same moment; results or exceptions."""
    barrier = Barrier(count)

    def run(number: int) -> object:
        barrier.wait(timeout=20)
        try:
            return work(number)
        except Exception as error:  # noqa: BLE001 - the caller looks at it
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


class Store:
    """`unit_of_work` and `project` are the real thing; the methods are one transaction each."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = make_engine(Database.model_validate({"url": url, "pool_size": 20, "pool_timeout": 20}))
        self.unit_of_work = PostgresUnitOfWork(self.engine)
        self.project = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()

    def empty(self) -> None:
        """Nothing in it but a project and the protections a test may have taken away."""
        self.run("TRUNCATE projects, api_keys, analysis_results CASCADE")
        self.run("ALTER TABLE analysis_results ENABLE TRIGGER ended_is_ended")
        self.project = self.new_project("default")

    def new_project(self, name: str) -> int:
        return self.ask("INSERT INTO projects (name) VALUES (:name) RETURNING id", name=name)

    def submission(self, **changes) -> Submission:
        return Submission(**{"project_id": self.project, "log": "started\nOOMKilled\n"} | changes)

    def add(
        self, submission: Submission | None = None, *, route: Route = PREPARE, print_: Fingerprint | None = None
    ) -> Accepted:
        submission = submission or self.submission()
        with self.unit_of_work() as tx:
            return tx.analyses.add(submission, route=route, fingerprint=print_ or fingerprint(submission.log))

    def added(self, **changes) -> int:
        """The id of a new analysis; `route` and the fields of a submission may be given."""
        route = changes.pop("route", PREPARE)
        return self.add(self.submission(**changes), route=route).analysis_id

    def flood(self, count: int, *, project: int | None = None, priority: int = NORMAL, waited: float = 0) -> None:
        """Many waiting analyses in one statement."""
        self.run(
            """INSERT INTO analysis_results (project_id, source, log_content, log_bytes, log_hash, analysis_type,
                   priority, language, request_hash, cache_key, queue, provider, run_at)
               SELECT :project, 'rules', 'OOMKilled', 9, 'h', 'error', :priority, 'en', 'h', 'c', 'prepare', 'rules',
                   now() - make_interval(secs => :waited)
               FROM generate_series(1, :count)""",
            project=project or self.project,
            priority=int(priority),
            waited=waited,
            count=count,
        )

    def crowd(self) -> None:
        """10,000 waiting, of 20 projects and all priorities, and as many that have ended."""
        for project in [self.project, *(self.new_project(f"p{number}") for number in range(19))]:
            for priority in Priority:
                self.flood(125, project=project, priority=priority, waited=100)
        self.run(
            """INSERT INTO analysis_results (project_id, source, log_bytes, log_hash, analysis_type, priority, language,
                   request_hash, cache_key, queue, status, finished_at)
               SELECT :project, 'rules', 1, 'h', 'error', 1, 'en', 'h', 'c', 'prepare', 'completed', now()
               FROM generate_series(1, 10000)""",
            project=self.project,
        )
        self.run("ANALYZE analysis_results")

    def from_cache(self, *, ttl: float = 60, print_: Fingerprint | None = None, **changes) -> Accepted | None:
        submission = self.submission(**changes)
        with self.unit_of_work() as tx:
            return tx.analyses.add_from_cache(submission, fingerprint=print_ or fingerprint(submission.log), ttl=ttl)

    def get(self, analysis_id: int, *, with_log: bool = False) -> Analysis:
        with self.unit_of_work() as tx:
            found = tx.analyses.get(self.project, analysis_id, with_log=with_log)
        assert found is not None
        return found

    def status(self, analysis_id: int) -> Status:
        return self.get(analysis_id).status

    def claim(
        self,
        analysis_id: int,
        *,
        stage: Stage = Stage.PREPARE,
        owner: str = "worker",
        lease: float = 60,
        alone: bool = True,
    ) -> Claim | None:
        with self.unit_of_work() as tx:
            return tx.claims.claim(analysis_id, stage=stage, owner=owner, lease=lease, alone=alone)

    def claimed(self, analysis_id: int, **options) -> Claim:
        claim = self.claim(analysis_id, **options)
        assert claim is not None
        return claim

    def conclude(self, claim: Claim, conclusion: Conclusion = COMPLETED) -> bool:
        with self.unit_of_work() as tx:
            return tx.claims.conclude(claim, conclusion) is not None

    def give_back(
        self, claim: Claim, *, delay: float = 0, counted: bool = True, error: BifrostError | None = None
    ) -> bool:
        failure = Failure.of(error) if error else UNAVAILABLE
        with self.unit_of_work() as tx:
            return tx.claims.give_back(claim, delay=delay, error=failure, counted=counted)

    def store_prepared(self, claim: Claim, *, prepared: PreparedLog = PREPARED, queue: str = "infer.ollama") -> bool:
        with self.unit_of_work() as tx:
            return tx.claims.store_prepared(claim, prepared, queue=queue)

    def extend(self, claims: Iterable[Claim], *, lease: float = 60) -> list:
        with self.unit_of_work() as tx:
            return list(tx.claims.extend([(claim.analysis_id, claim.epoch) for claim in claims], lease=lease))

    def cancel(self, analysis_id: int) -> Status | None:
        with self.unit_of_work() as tx:
            return tx.analyses.cancel(self.project, analysis_id)

    def expire_leases(self, *, max_attempts: int = 3) -> int:
        with self.unit_of_work() as tx:
            return len(tx.dispatch.expire_leases(max_attempts=max_attempts))

    def expire_deadlines(self) -> int:
        with self.unit_of_work() as tx:
            return len(tx.dispatch.expire_deadlines())

    def due(self, queue: str = "prepare", *, window: int = 100, aging: float = 60, share: float = 1) -> list[int]:
        """Everything that is rung for now, in order; a dispatcher would need several looks for it."""
        order, rung = DueOrder(window=window, aging=aging, share=share), []
        while True:
            with self.unit_of_work() as tx:
                bells = tx.dispatch.due(queue, order)
            if not bells:
                return rung
            rung += [bell.analysis_id for bell in bells]
            assert len(rung) <= window

    def overdue(self, queue: str = "prepare", *, older_than: float = 15) -> list[int]:
        with self.unit_of_work() as tx:
            return sorted(tx.dispatch.overdue(queue, older_than=older_than))

    def forget(self, analysis_ids: Iterable[int]) -> int:
        with self.unit_of_work() as tx:
            return tx.dispatch.forget(list(analysis_ids))

    def follow(self, submission: Submission | None = None, *, print_: Fingerprint | None = None) -> int | None:
        """The id of a follower of what is in flight."""
        submission = submission or self.submission()
        with self.unit_of_work() as tx:
            found = tx.analyses.follow(submission, route=OLLAMA, fingerprint=print_ or fingerprint(submission.log))
        return None if found is None else found.analysis_id

    def followed(self, **changes) -> int:
        """A follower; there must be a leader."""
        found = self.follow(self.submission(**changes))
        assert found is not None
        return found

    def repair_followers(self) -> int:
        with self.unit_of_work() as tx:
            return len(tx.dispatch.repair_followers())

    def forget_lost(self, queue: str = "prepare", *, older_than: float = 2) -> int:
        with self.unit_of_work() as tx:
            return tx.dispatch.forget_lost(queue, older_than=older_than)

    def completed(self, **changes) -> int:
        """The id of an analysis that a provider has answered."""
        analysis_id = self.added(**changes)
        assert self.conclude(self.claimed(analysis_id))
        return analysis_id

    def lose_worker(self, analysis_id: int) -> None:
        """As if its worker had been silent for longer than its lease."""
        self.set(analysis_id, "lease_until = now() - interval '1 second'")

    def set(self, analysis_id: int, assignment: str) -> None:
        """Change the row behind the kernel's back: mostly to let time pass."""
        self.run(f"UPDATE analysis_results SET {assignment} WHERE id = :id", id=analysis_id)  # noqa: S608 - a test's own words

    def column(self, analysis_id: int, expression: str) -> object:
        return self.ask(f"SELECT {expression} FROM analysis_results WHERE id = :id", id=analysis_id)  # noqa: S608 - as above

    def run(self, statement: str, **values) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def ask(self, statement: str, **values):
        """The first column of the first row."""
        with self.engine.begin() as connection:
            return connection.execute(text(statement), values).scalar()

    def rows(self, statement: str, **values) -> list[tuple]:
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]
