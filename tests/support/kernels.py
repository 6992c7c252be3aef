"""The services on a real store, with providers of a test's choice, and a dispatcher and workers in miniature."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.clock import SystemClock
from app.domain.analyses import ALONE_QUEUE, TERMINAL, Analysis, Mask
from app.domain.ports import Guard, Provider
from app.domain.storage_ports import Transaction
from app.guards.open_guard import OpenGuard
from app.pipeline.preparation import PreparationLimits
from app.providers.rules import Rules
from app.services.analyses import Analyses
from app.services.answering import AnswerPolicy
from app.services.asking import Asking
from app.services.execution import Execution, ExecutionPolicy
from app.services.guarding import Guarding, Patience
from app.services.metering import unmetered
from app.services.recalling import RecallPolicy
from app.services.routing import Routing
from app.services.settling import RetryPolicy
from tests.support.stores import Store

RETRIES = RetryPolicy(max_attempts=3, max_throttles=4, backoff_base=0.01, backoff_cap=0.05, retry_after_cap=0.2)
#: Seconds an analysis waits for a provider that must not be asked.
PATIENCE = 3.0
_PREPARATION = PreparationLimits(max_line_chars=1000, max_templates=2000)


@dataclass(kw_only=True)
class Kernel:
    """`work()` does what the dispatcher and the workers would, one message at a time."""

    store: Store
    analyses: Analyses
    execution: Execution

    def submit(self, **changes) -> int:
        return self.analyses.submit(self.store.submission(**changes)).analysis.id

    def get(self, analysis_id: int) -> Analysis:
        return self.analyses.get(self.store.project, analysis_id)

    def work(self) -> int:
        """Whatever is due now; how many messages that were."""
        done = 0
        with self.store.unit_of_work() as tx:
            queues = tx.dispatch.queues()
        for queue in queues:
            run = (
                self.execution.prepare
                if queue == "prepare"
                else partial(self.execution.infer, alone=queue == ALONE_QUEUE)
            )
            for analysis_id in self.store.due(queue):
                run(analysis_id, owner="test")
                done += 1
        return done

    def finish(self, analysis_id: int, *, timeout: float = 15) -> Analysis:
        """Work until it has ended."""
        deadline = time.monotonic() + timeout
        while (found := self.get(analysis_id)).status not in TERMINAL:
            assert time.monotonic() < deadline, f"stuck: {found}"
            if not self.work():
                time.sleep(0.005)
        return found

    def answered(self, **changes) -> Analysis:
        """A new submission, worked on to its end."""
        return self.finish(self.submit(**changes))

    def attempts(self) -> list[tuple]:
        """(stage, attempt, outcome) of every claim, in order."""
        return self.store.rows("SELECT stage, attempt, outcome FROM analysis_attempts ORDER BY analysis_id, epoch")


def kernel(  # noqa: PLR0913 - what tests change, all by name
    store: Store,
    *providers: Provider,
    auto: tuple[str, ...] | None = None,
    max_log_bytes: int = 1_000_000,
    cache_ttl: float = 3600,
    guard: Guard | None = None,
    mask: Mask = Mask.NONE,
    preparation: PreparationLimits = _PREPARATION,
    meter: Callable[[Provider, int], Provider] = unmetered,
    afford: Callable[[Transaction, int], None] = lambda _tx, _project: None,
) -> Kernel:
    """With these providers and the rules; `auto` is their order unless told."""
    made = {provider.name: provider for provider in (*providers, Rules())}
    chain = tuple(provider.name for provider in providers) if auto is None else auto
    routing = Routing(providers=made, auto=chain)
    return Kernel(
        store=store,
        analyses=Analyses(
            store.unit_of_work,
            routing,
            max_log_bytes=max_log_bytes,
            cache_ttl=cache_ttl,
            mask=mask,
            afford=afford,
        ),
        execution=Execution(
            store.unit_of_work,
            routing,
            Guarding(
                Asking(max_output_tokens=300),
                guard or OpenGuard(),
                patience=Patience(resting=PATIENCE, busy=PATIENCE, longest_pause=0.1),
                meter=meter,
            ),
            policy=ExecutionPolicy(
                lease=60,
                answers=AnswerPolicy(
                    token_budget=8000,
                    preparation=preparation,
                    retries=RETRIES,
                    recall=RecallPolicy(max_age=cache_ttl, least_evidence=0.5),
                ),
            ),
            clock=SystemClock(),
        ),
    )
