"""A Hypothesis state machine: any order of the protocol's moves, against real PostgreSQL, held to the model."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from app.domain.analyses import Conclusion, Failure, Stage, Status
from app.domain.errors import DeadlineExceeded, ProviderThrottled, ProviderUnavailable, ShuttingDown
from tests.support.protocol_model import MAX_ATTEMPTS, ROWS
from tests.support.protocol_moves import Moves
from tests.support.stores import COMPLETED

FAILED = Conclusion(status=Status.FAILED, error=Failure.of(DeadlineExceeded()))
CONCLUSIONS = (COMPLETED, FAILED, Conclusion(status=Status.CANCELLED))
#: Why a worker gives back: the error, whether that uses an attempt up, whether it counts as a throttle.
REASONS = ((ProviderUnavailable(), True, False), (ProviderThrottled(), False, True), (ShuttingDown(), False, False))
QUEUES = ("prepare", "infer.ollama", "infer.alone")
#: Few open analyses, so that much happens to each.
MOST_JOBS = 2
#: Which analysis: mostly an open one. (Bundles would draw mostly what has ended.)
WHICH = st.integers(0, 29)
#: Whose claim writes: mostly the last one's, sometimes an earlier one's.
WHO = st.sampled_from([1, 1, 1, 1, 2, 3])
#: What a worker may write.
WRITES = ("conclude", "give_back", "hand_on", "extend")


class ProtocolMachine(Moves):
    """Any order of moves."""

    @initialize()
    def begin(self) -> None:
        # the rows of one example are all there is: sweeps look at everything
        self.store.run("DELETE FROM analysis_results")
        self._submit(told=True)

    # -- callers

    @precondition(lambda self: sum(job.open for job in self.known.values()) < MOST_JOBS)
    @rule(told=st.booleans())
    def submit(self, told: bool) -> None:
        self._submit(told=told)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        self._cancel(self._job(which))

    # -- workers

    @rule(which=WHICH, wrong_stage=st.sampled_from([False, False, False, True]))
    def claim(self, which: int, wrong_stage: bool) -> None:
        job = self._job(which)
        other = Stage.INFER if job.stage is Stage.PREPARE else Stage.PREPARE
        self._claim(job, other if wrong_stage else job.stage)

    @rule(which=WHICH, who=WHO)
    def extend(self, which: int, who: int) -> None:
        for claim in self._held(self._job(which), who):
            self._extend(claim)

    @rule(which=WHICH, who=WHO)
    def hand_on(self, which: int, who: int) -> None:
        for claim in self._held(self._job(which), who):
            if claim.stage is Stage.PREPARE:
                self._hand_on(claim)

    @rule(which=WHICH, who=WHO, reason=st.sampled_from(REASONS), delay=st.sampled_from([0, 3600]))
    def give_back(self, which: int, who: int, reason, delay: float) -> None:
        for claim in self._held(self._job(which), who):
            self._give_back(claim, reason, delay)

    @rule(which=WHICH, who=WHO, conclusion=st.sampled_from(CONCLUSIONS))
    def conclude(self, which: int, who: int, conclusion: Conclusion) -> None:
        for claim in self._held(self._job(which), who):
            self._conclude(claim, conclusion)

    # -- the dispatcher

    @rule(queue=st.sampled_from(QUEUES), window=st.integers(0, 4))
    def ring(self, queue: str, window: int) -> None:
        here = [job for job in self.known.values() if job.queue == queue]
        wanted = {job.id for job in here if job.rings()}
        room = max(0, window - sum(job.waits_for_an_answer() for job in here))
        rung = self.store.due(queue, window=window)
        assert len(rung) == len(set(rung)) == min(room, len(wanted))
        assert set(rung) <= wanted
        for number in rung:
            self.known[number].rung_long_ago = False

    @rule(queue=st.sampled_from(QUEUES))
    def forget(self, queue: str) -> None:
        lost = [job for job in self.known.values() if job.queue == queue and job.rung_long_ago]
        waiting = [job for job in lost if job.open and not job.running]
        assert self.store.forget_lost(queue) == len(waiting)
        for job in waiting:
            job.rung_long_ago = None

    @rule(queue=st.sampled_from(QUEUES))
    def recall(self, queue: str) -> None:
        """What was rung for long ago is ours while we look for its message, and then rung for again."""
        here = [job for job in self.known.values() if job.queue == queue]
        late = [job for job in here if job.waits_for_an_answer() and job.rung_long_ago]
        assert self.store.overdue(queue) == sorted(job.id for job in late)
        assert self.store.overdue(queue) == [], "no other dispatcher sees them"
        assert self.store.forget(job.id for job in late) == len(late)
        for job in late:
            job.rung_long_ago = None

    @rule()
    def expire(self) -> None:
        self._expire()

    @rule()
    def expire_deadlines(self) -> None:
        late = [job for job in self.known.values() if job.open and job.late]
        assert self.store.expire_deadlines() == len(late)
        for job in late:
            job.status = Status.FAILED

    # -- time

    @rule(which=WHICH)
    def time_passes(self, which: int) -> None:
        """Enough for a lease, a delay, and for a message to be given up."""
        self._time_passes(self._job(which))

    @rule(which=WHICH)
    def deadline_passes(self, which: int) -> None:
        job = self._job(which)
        if job.open:
            job.late = True
            self.store.set(job.id, "deadline_at = now() - interval '1 second'")

    # -- what chance rarely meets

    @rule(which=WHICH, write=st.sampled_from(WRITES), reason=st.sampled_from(REASONS))
    def zombie_takeover(self, which: int, write: str, reason) -> None:
        """A worker freezes, another one takes over, the first one wakes up and writes."""
        job = self._job(which)
        if not self._loses_its_worker(job) or not job.open:
            return
        zombie = job.claims[-1]
        self._claim(job, job.stage)
        assert job.claims[-1].epoch == zombie.epoch + 1
        self._write(zombie, write, reason)

    @rule(which=WHICH, write=st.sampled_from(WRITES), reason=st.sampled_from(REASONS))
    def cancel_midway(self, which: int, write: str, reason) -> None:
        """Somebody cancels what a worker is about to write."""
        job = self._job(which)
        for claim in self._held(job, 1):
            self._cancel(job)
            self._write(claim, write, reason)

    @rule(which=WHICH, reason=st.sampled_from(REASONS))
    def too_early(self, which: int, reason) -> None:
        """A message arrives before the next attempt is due."""
        job = self._job(which)
        for claim in self._held(job, 1):
            self._give_back(claim, reason, 3600)
            self._claim(job, job.stage)

    @rule(which=WHICH)
    def poison(self, which: int) -> None:
        """Whoever works on it dies."""
        job = self._job(which)
        deaths = 0
        while self._loses_its_worker(job):
            deaths += 1
            assert deaths <= MAX_ATTEMPTS
        assert not job.open

    # -- always

    @invariant()
    def the_store_is_as_the_model_says(self) -> None:
        if not self.known:
            return
        rows = self.store.rows(ROWS, project=self.store.project)
        assert [row[:-1] for row in rows] == [job.row() for job in self.known.values()]
        for job, row in zip(self.known.values(), rows, strict=True):
            if not job.open:
                assert self.ends.setdefault(job.id, row[-1]) == row[-1], "what has ended stays as it ended"
