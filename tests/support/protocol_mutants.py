"""Stores that break one rule of the protocol each: whoever looks for mistakes must find every one of these."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from app.storage.analyses import PostgresAnalyses
from app.storage.claims import PostgresClaims
from app.storage.dispatch import PostgresDispatch
from app.storage.engine import translated
from app.storage.unit_of_work import PostgresTransaction, PostgresUnitOfWork
from tests.support.stores import Store


class _Cheating:
    """Something done behind the protocol's back."""

    _connection: Any

    def cheat(self, statement: str, **values) -> Any:
        return self._connection.execute(text(statement), values)

    def up_to_date(self, claim):
        """The claim with the epoch that the row has now: no fence."""
        found = self.cheat("SELECT epoch FROM analysis_results WHERE id = :id", id=claim.analysis_id)
        return replace(claim, epoch=found.scalar_one())


class UnfencedConclusion(_Cheating, PostgresClaims):
    def conclude(self, claim, conclusion):
        return super().conclude(self.up_to_date(claim), conclusion)


class UnfencedReturn(_Cheating, PostgresClaims):
    def give_back(self, claim, **how):
        return super().give_back(self.up_to_date(claim), **how)


class UnfencedHandOver(_Cheating, PostgresClaims):
    def store_prepared(self, claim, prepared, **how):
        return super().store_prepared(self.up_to_date(claim), prepared, **how)


class UnfencedHeartbeat(_Cheating, PostgresClaims):
    def extend(self, claims, *, lease):
        found = self.cheat(
            "SELECT id, epoch FROM analysis_results WHERE id = ANY(:ids)", ids=[number for number, _ in claims]
        )
        return super().extend([tuple(row) for row in found], lease=lease)


class ClaimOfWhatRuns(_Cheating, PostgresClaims):
    def claim(self, analysis_id, **how):
        self.cheat(
            "UPDATE analysis_results SET status = 'queued', lease_until = NULL WHERE id = :id AND status = 'running'",
            id=analysis_id,
        )
        return super().claim(analysis_id, **how)


class ClaimBeforeItIsDue(_Cheating, PostgresClaims):
    def claim(self, analysis_id, **how):
        self.cheat("UPDATE analysis_results SET run_at = now() WHERE id = :id AND run_at > now()", id=analysis_id)
        return super().claim(analysis_id, **how)


class FreeAttempts(PostgresClaims):
    def give_back(self, claim, *, counted, **how):
        del counted
        return super().give_back(claim, counted=False, **how)


class ForgottenCancel(_Cheating, PostgresClaims):
    def give_back(self, claim, **how):
        self.cheat("UPDATE analysis_results SET cancel_requested_at = NULL WHERE id = :id", id=claim.analysis_id)
        return super().give_back(claim, **how)


class SilentConclusion(_Cheating, PostgresClaims):
    def conclude(self, claim, conclusion):
        done = super().conclude(claim, conclusion)
        self.cheat("DELETE FROM outbox WHERE analysis_id = :id", id=claim.analysis_id)
        return done


class ExpiryOfTheLiving(_Cheating, PostgresDispatch):
    def expire_leases(self, *, max_attempts):
        self.cheat("UPDATE analysis_results SET lease_until = now() - interval '1 s' WHERE status = 'running'")
        return super().expire_leases(max_attempts=max_attempts)


class EndlessAttempts(PostgresDispatch):
    def expire_leases(self, *, max_attempts):
        return super().expire_leases(max_attempts=max_attempts + 1)


class BlameOfNeighbors(_Cheating, PostgresDispatch):
    def expire_leases(self, *, max_attempts):
        self.cheat("UPDATE analysis_results SET queue = 'infer.alone' WHERE status = 'running' AND stage = 'infer'")
        return super().expire_leases(max_attempts=max_attempts)


class UnboundedRinging(_Cheating, PostgresDispatch):
    def due(self, queue, order):
        self.cheat("UPDATE analysis_results SET rung_at = NULL WHERE queue = :queue", queue=queue)
        return super().due(queue, order)


class CancelOfWhatRuns(_Cheating, PostgresAnalyses):
    def cancel(self, project_id, analysis_id):
        self.cheat(
            "UPDATE analysis_results SET status = 'queued', lease_until = NULL WHERE id = :id AND status = 'running'",
            id=analysis_id,
        )
        return super().cancel(project_id, analysis_id)


#: Each is one of the repositories of a transaction.
MUTANTS: dict[type, str] = {
    UnfencedConclusion: "claims",
    UnfencedReturn: "claims",
    UnfencedHandOver: "claims",
    UnfencedHeartbeat: "claims",
    ClaimOfWhatRuns: "claims",
    ClaimBeforeItIsDue: "claims",
    FreeAttempts: "claims",
    ForgottenCancel: "claims",
    SilentConclusion: "claims",
    ExpiryOfTheLiving: "dispatch",
    EndlessAttempts: "dispatch",
    BlameOfNeighbors: "dispatch",
    UnboundedRinging: "dispatch",
    CancelOfWhatRuns: "analyses",
}


class _MutantUnitOfWork(PostgresUnitOfWork):
    def __init__(self, engine, mutant: type) -> None:
        super().__init__(engine)
        self._mutant = mutant

    @contextmanager
    def __call__(self) -> Iterator[PostgresTransaction]:
        with translated(), self._engine.begin() as connection:
            transaction = PostgresTransaction(connection)
            # where a cached property keeps its value
            transaction.__dict__[MUTANTS[self._mutant]] = self._mutant(connection)
            yield transaction


def mutated(store: Store, mutant: type) -> Store:
    """The same database, with one rule broken."""
    made = Store(store.url)
    made.project = store.project
    made.unit_of_work = _MutantUnitOfWork(made.engine, mutant)
    return made
