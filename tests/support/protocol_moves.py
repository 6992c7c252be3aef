"""The moves of the job protocol, each made in the store and in the model, and compared."""

from hypothesis.stateful import RuleBasedStateMachine

from app.domain.analyses import Claim, Conclusion, Stage
from tests.support.protocol_model import MAX_ATTEMPTS, Job
from tests.support.stores import COMPLETED, OLLAMA


class Moves(RuleBasedStateMachine):
    """One project with a few analyses. `store` is the real thing; its unit of work may be a mutant's."""

    def __init__(self, store) -> None:
        super().__init__()
        self.store = store
        self.known: dict[int, Job] = {}
        self.ends: dict[int, str] = {}

    def _submit(self, *, told: bool) -> None:
        name = f"key-{len(self.known)}"
        submission = self.store.submission(idempotency_key=name)
        accepted = self.store.add(submission, route=OLLAMA)
        again = self.store.add(submission, route=OLLAMA)
        assert (again.analysis_id, again.replayed, accepted.replayed) == (accepted.analysis_id, True, False)
        if told:
            self.store.set(accepted.analysis_id, """callback = '{"url": "https://example.com"}'""")
        self.known[accepted.analysis_id] = Job(id=accepted.analysis_id, queue="prepare", told=told)

    def _job(self, which: int) -> Job:
        """Most of an example would pass among the dead if nobody came after them."""
        if not any(job.open for job in self.known.values()):
            self._submit(told=which % 2 == 0)
        pool = [job for job in self.known.values() if job.open] * 4 + list(self.known.values())
        return pool[which % len(pool)]

    def _held(self, job: Job, who: int) -> tuple[Claim, ...]:
        """The last claim for it (a new one where nobody works), the one before, …; none when there is none."""
        if who == 1 and job.claimable(job.stage):
            self._claim(job, job.stage)
        held = job.claims
        return (held[-who],) if len(held) >= who else ()

    def _cancel(self, job: Job) -> None:
        if job.open:
            job.cancel()
        assert self.store.cancel(job.id) is job.status

    def _write(self, claim: Claim, write: str, reason) -> None:
        """One of `WRITES`."""
        if write == "conclude":
            self._conclude(claim, COMPLETED)
        elif write == "give_back":
            self._give_back(claim, reason, 0)
        elif write == "extend":
            self._extend(claim)
        elif claim.stage is Stage.PREPARE:
            self._hand_on(claim)

    def _claim(self, job: Job, stage: Stage) -> None:
        claim = self.store.claim(job.id, stage=stage)
        assert (claim is not None) == job.claimable(stage)
        if claim is None:
            return
        job.claim()
        assert (claim.epoch, claim.attempt, claim.throttles) == (job.epoch, job.attempt, job.throttles)
        job.claims.append(claim)

    def _extend(self, claim: Claim) -> None:
        job = self.known[claim.analysis_id]
        told = [(beat.analysis_id, beat.epoch, beat.cancel_requested) for beat in self.store.extend([claim])]
        assert told == ([(job.id, job.epoch, job.cancel_asked)] if job.ours(claim) else [])
        job.lease_over = job.lease_over and not told

    def _hand_on(self, claim: Claim) -> None:
        job = self.known[claim.analysis_id]
        assert self.store.store_prepared(claim) == job.ours(claim)
        if job.ours(claim):
            job.hand_on()

    def _give_back(self, claim: Claim, reason, delay: float) -> None:
        job = self.known[claim.analysis_id]
        error, counted, throttled = reason
        assert self.store.give_back(claim, delay=delay, counted=counted, error=error) == job.ours(claim)
        if job.ours(claim):
            job.give_back(counted=counted, throttled=throttled, due=delay == 0)

    def _conclude(self, claim: Claim, conclusion: Conclusion) -> None:
        job = self.known[claim.analysis_id]
        assert self.store.conclude(claim, conclusion) == job.ours(claim)
        if job.ours(claim):
            job.status = conclusion.status

    def _expire(self) -> None:
        dead = [job for job in self.known.values() if job.running and job.lease_over]
        assert self.store.expire_leases(max_attempts=MAX_ATTEMPTS) == len(dead)
        for job in dead:
            job.expire()

    def _loses_its_worker(self, job: Job) -> bool:
        """Claimed, if nobody had; then silence until the dispatcher came by. False: it has ended."""
        self._time_passes(job)
        if not job.running:
            self._claim(job, job.stage)
            self._time_passes(job)
        if job.running:
            self._expire()
            return True
        return False

    def _time_passes(self, job: Job) -> None:
        if not job.open:
            return
        if job.running:
            self.store.lose_worker(job.id)
            job.lease_over = True
            return
        self.store.set(job.id, "run_at = now() - interval '1 second', rung_at = rung_at - interval '1 day'")
        job.due = True
        job.rung_long_ago = None if job.rung_long_ago is None else True
