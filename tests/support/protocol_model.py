"""What the job protocol should do to one analysis, in Python: the model that the state machine holds PostgreSQL to."""

from dataclasses import dataclass, field

from app.domain.analyses import ALONE_QUEUE, CLAIMABLE, TERMINAL, Claim, Stage, Status

MAX_ATTEMPTS = 3


@dataclass
class Job:
    """One analysis as it should be. Time is what somebody says it is: leases end when `time_passes` says so."""

    id: int
    queue: str
    #: Somebody wants to be told of its end.
    told: bool
    status: Status = Status.QUEUED
    stage: Stage = Stage.PREPARE
    epoch: int = 0
    attempt: int = 0
    throttles: int = 0
    due: bool = True
    late: bool = False
    cancel_asked: bool = False
    lease_over: bool = False
    prepared: bool = False
    #: None: nobody rang for it; then whether that is so long ago that the message must be lost.
    rung_long_ago: bool | None = None
    #: Who was ever given the right to work on it, zombies too.
    claims: list[Claim] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.status not in TERMINAL

    @property
    def running(self) -> bool:
        return self.status is Status.RUNNING

    def claimable(self, stage: Stage) -> bool:
        return self.status in CLAIMABLE and self.due and not self.cancel_asked and self.stage is stage

    def ours(self, claim: Claim) -> bool:
        """Only the last one who was given the right may write."""
        return self.running and self.epoch == claim.epoch

    def rings(self) -> bool:
        """Would a dispatcher ring for it now?"""
        return self.status in CLAIMABLE and self.due and self.rung_long_ago is None

    def waits_for_an_answer(self) -> bool:
        return self.status in CLAIMABLE and self.rung_long_ago is not None

    def claim(self) -> None:
        self.status = Status.RUNNING
        self.epoch += 1
        self.attempt += 1
        self.lease_over = False
        self.rung_long_ago = None

    def wait(self, status: Status, *, due: bool = True) -> None:
        """Again; or its end, when that was asked for meanwhile."""
        self.status = Status.CANCELLED if self.cancel_asked else status
        self.due = due
        self.rung_long_ago = None

    def hand_on(self) -> None:
        self.wait(Status.QUEUED)
        self.stage, self.queue, self.attempt = Stage.INFER, "infer.ollama", 0
        self.prepared = True

    def give_back(self, *, counted: bool, throttled: bool, due: bool) -> None:
        self.wait(Status.RETRYING if counted else Status.QUEUED, due=due)
        self.attempt -= 0 if counted else 1
        self.throttles += throttled

    def cancel(self) -> None:
        self.cancel_asked = True
        if not self.running:
            self.status = Status.CANCELLED

    def expire(self) -> None:
        """Its lease was over and the dispatcher came by."""
        in_company = self.stage is Stage.INFER and self.queue != ALONE_QUEUE
        spent = self.attempt >= MAX_ATTEMPTS and not in_company and not self.cancel_asked
        suspect = self.stage is Stage.INFER and self.attempt >= MAX_ATTEMPTS - 1
        self.wait(Status.FAILED if spent else Status.QUEUED)
        if self.status is Status.QUEUED:
            self.attempt = min(self.attempt, MAX_ATTEMPTS - 1)
            self.queue = ALONE_QUEUE if suspect else self.queue

    def row(self) -> tuple[object, ...]:
        """As `ROWS` reads it from the store."""
        return (
            self.id,
            self.status,
            self.stage,
            self.queue,
            self.epoch,
            self.attempt,
            self.throttles,
            self.running,
            not self.open,
            self.status is Status.COMPLETED,
            self.epoch,
            int(self.running),
            self.prepared and self.open,
            int(self.told and not self.open),
        )


#: The same of every analysis of a project, from the store; behind it, what may never change once it has ended.
ROWS = """
    SELECT id, status, stage, queue, epoch, attempt, throttles, lease_until IS NOT NULL, finished_at IS NOT NULL,
        diagnosis IS NOT NULL AND response IS NOT NULL,
        (SELECT count(*) FROM analysis_attempts a WHERE a.analysis_id = r.id),
        (SELECT count(*) FROM analysis_attempts a WHERE a.analysis_id = r.id AND a.ended_at IS NULL),
        EXISTS (SELECT FROM analysis_preparations p WHERE p.analysis_id = r.id),
        (SELECT count(DISTINCT event_id) FROM outbox o WHERE o.analysis_id = r.id),
        md5(concat(status, epoch, finished_at, response, diagnosis, error, usage))
    FROM analysis_results r WHERE project_id = :project ORDER BY id
"""
