"""What a worker does with one analysis: claim it, have it prepared or answered, settle it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from app import telemetry
from app.domain.analyses import Claim, Conclusion, Failure, Stage, Status
from app.domain.errors import (
    BifrostError,
    CancelRequested,
    Interrupted,
    LeaseLost,
    ShuttingDown,
    StorageUnavailable,
)
from app.domain.ports import Clock, StopRequest
from app.domain.storage_ports import UnitOfWork
from app.services.answering import Answering, AnswerPolicy
from app.services.guarding import Guarding
from app.services.routing import Routing
from app.services.settling import GiveBack, Settling
from app.services.watching import CallWatch, Watches

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionPolicy:
    """`lease` in seconds. See `app.settings` for meaning and defaults."""

    lease: float
    answers: AnswerPolicy


class Execution:
    """Prepare, infer, extend leases, shut down."""

    def __init__(
        self, unit_of_work: UnitOfWork, routing: Routing, asking: Guarding, *, policy: ExecutionPolicy, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._routing = routing
        self._asking = asking
        self._policy = policy
        self._settling = Settling(unit_of_work, retries=policy.answers.retries, clock=clock)
        self._answering = Answering(unit_of_work, routing, asking, self._settling, policy=policy.answers, clock=clock)
        self._watches = Watches(clock)

    def prepare(self, analysis_id: int, *, owner: str) -> None:
        """First stage: read the log. The rules need no model and answer at once."""
        self._run(analysis_id, Stage.PREPARE, owner, self._answering.prepare)

    def infer(self, analysis_id: int, *, owner: str, alone: bool = False) -> None:
        """Second stage: ask the chain of providers. `alone`: nothing else runs in this process meanwhile."""
        self._run(analysis_id, Stage.INFER, owner, self._answering.infer, alone=alone)

    def warm_up(self) -> None:
        """Load what the first analysis would wait for: the pipeline's patterns and the rules' catalog."""
        self._answering.warm_up()

    def extend_leases(self) -> None:
        """Tell the database that this process lives; stop the calls it does not want any more."""
        running = self._watches.running()
        if not running:
            return
        self._asking.renew()
        with self._unit_of_work.single() as tx:
            answers = tx.claims.extend(list(running), lease=self._policy.lease)
        alive = {(answer.analysis_id, answer.epoch): answer for answer in answers}
        for key, watch in running.items():
            if key not in alive:
                watch.stop(LeaseLost())
            elif alive[key].cancel_requested:
                watch.stop(CancelRequested())

    def stop(self, requests: Iterable[StopRequest]) -> None:
        """Somebody cancelled these: end at once what of them runs here."""
        for request in requests:
            self._watches.stop((request.analysis_id, request.epoch), CancelRequested())

    def shut_down(self) -> None:
        """Take nothing more and hand back what runs."""
        self._watches.close(ShuttingDown())

    def bury(self, analysis_id: int, *, is_dead: Callable[[str], bool]) -> None:
        """Whoever had the message about it is dead: end the lease it may hold, else ring again at once.

        `is_dead` tells by a lease's owner; the message may have come twice, and the other one may live.
        """
        with self._unit_of_work() as tx:
            owner = tx.claims.owner_of(analysis_id)
            if owner is None:
                tx.dispatch.unring(analysis_id)
            elif is_dead(owner):
                tx.claims.end_lease(analysis_id, owner)

    def release(self, owner: str, *, fetched: Iterable[int] = ()) -> int:
        """Hand back what is still held by workers whose name begins so; how many. Raises `StorageUnavailable`.

        `fetched`: whose messages they have; those not begun are rung for again.
        """
        with self._unit_of_work() as tx:
            released = tx.claims.release(owner)
            for analysis_id in fetched:
                tx.dispatch.unring(analysis_id)
        return len(released)

    def _run(
        self,
        analysis_id: int,
        stage: Stage,
        owner: str,
        work: Callable[[Claim, CallWatch], Conclusion | None],
        *,
        alone: bool = False,
    ) -> None:
        if self._watches.closed:
            self._decline(analysis_id)
            return
        with self._unit_of_work.single() as tx:
            claim = tx.claims.claim(analysis_id, stage=stage, owner=owner, lease=self._policy.lease, alone=alone)
        if claim is None:
            # not due, not there, or somebody else's: the message came twice or too late, and that is fine
            log.debug("claim_refused", analysis_id=analysis_id, stage=stage)
            return
        with (
            telemetry.bound(analysis_id=analysis_id, request_id=claim.request_id),
            self._watches.watching(claim) as watch,
        ):
            log.info("analysis_claimed", stage=stage, attempt=claim.attempt, provider=claim.provider)
            try:
                conclusion = work(claim, watch)
            except Exception as error:  # noqa: BLE001 - each kind has its end
                # a read that we closed fails in a way of its own: what counts is why we closed it
                self._interrupted(claim, watch.reason or error)
            except BaseException:  # SystemExit, KeyboardInterrupt: the work is handed back before the end
                with suppress(BifrostError):  # the end comes all the same
                    self._settling.give_back(claim, GiveBack(ShuttingDown(), delay=0, counted=False))
                raise
            else:
                if conclusion is not None:
                    self._settling.conclude(claim, conclusion)

    def _decline(self, analysis_id: int) -> None:
        """The message came too late: another worker shall hear of it at once, not when its silence is noticed."""
        with self._unit_of_work.single() as tx:
            tx.dispatch.unring(analysis_id)
        log.debug("message_declined", analysis_id=analysis_id)

    def _interrupted(self, claim: Claim, error: Exception) -> None:
        """The work ended without a conclusion: decide what becomes of the analysis."""
        match error:
            case LeaseLost():
                log.warning("lease_lost", epoch=claim.epoch)
            case ShuttingDown():
                self._settling.give_back(claim, GiveBack(error, delay=0, counted=False))
            case CancelRequested():
                self._settling.conclude(claim, Conclusion(status=Status.CANCELLED))
            case Interrupted():
                self._settling.conclude(claim, Conclusion(status=Status.FAILED, error=Failure.of(error)))
            case GiveBack():
                self._settling.give_back(claim, error)
            case StorageUnavailable():
                # the lease will run out, and the analysis waits again
                log.warning("storage_lost_midway", epoch=claim.epoch)
                raise error
            case _:
                self._unexpected(claim, error)

    def _unexpected(self, claim: Claim, error: Exception) -> None:
        """A mistake of ours. It is tried again, since it may pass, but not for ever."""
        log.error("analysis_crashed", epoch=claim.epoch, exc_info=error)
        known = error if isinstance(error, BifrostError) else BifrostError("Bifrost made a mistake; see its log.")
        back = self._policy.answers.retries.after(known, claim)
        if back:
            self._settling.give_back(claim, back)
        else:
            self._settling.conclude(claim, Conclusion(status=Status.FAILED, error=Failure.of(known)))
