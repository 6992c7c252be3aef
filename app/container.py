"""The only place where parts are made and plugged together."""

from collections.abc import Callable
from dataclasses import dataclass

from app.broker import CeleryBroker
from app.clock import SystemClock
from app.domain.errors import ConfigurationInvalid
from app.domain.ports import Clock, DueSignal, Health
from app.pipeline.preparation import PreparationLimits
from app.providers.factories import FACTORIES
from app.services.analyses import Analyses
from app.services.asking import Asking
from app.services.dispatching import Dispatching, DispatchPolicy
from app.services.execution import Execution, ExecutionPolicy
from app.services.health import HealthCheck
from app.services.keys import Keys
from app.services.routing import RULES, Routing
from app.services.settling import RetryPolicy
from app.settings import Settings
from app.storage import schema
from app.storage.engine import make_engine
from app.storage.unit_of_work import PostgresDueSignal, PostgresUnitOfWork


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """One process's parts. `close` gives connections back."""

    settings: Settings
    clock: Clock
    analyses: Analyses
    keys: Keys
    health: HealthCheck
    execution: Execution
    dispatching: Dispatching
    due: DueSignal
    close: Callable[[], None]


def build(settings: Settings) -> Container:
    """Make everything. Connections are opened on first use, and never before a fork.

    Raises `ConfigurationInvalid` when there is no database.
    """
    clock = SystemClock()
    engine = make_engine(settings.database)
    unit_of_work = PostgresUnitOfWork(engine)
    broker = CeleryBroker()
    due = PostgresDueSignal(engine)
    routing = _routing(settings)
    needed = schema.head()

    def close() -> None:
        due.close()
        broker.close()
        engine.dispose()

    return Container(
        settings=settings,
        clock=clock,
        analyses=Analyses(
            unit_of_work,
            routing,
            max_log_bytes=settings.limits.max_log_bytes,
            cache_ttl=settings.cache.ttl_seconds,
        ),
        keys=Keys(unit_of_work, clock),
        health=HealthCheck(
            unit_of_work,
            essential=(
                ("database", lambda: _database_health(unit_of_work)),
                ("migrations", lambda: schema.health(engine, needed)),
            ),
            helpful=(("broker", broker.health),),
            routing=routing,
        ),
        execution=Execution(
            unit_of_work,
            routing,
            Asking(max_output_tokens=settings.preparation.max_output_tokens),
            policy=_execution_policy(settings),
            clock=clock,
        ),
        dispatching=Dispatching(unit_of_work, broker, policy=_dispatch_policy(settings)),
        due=due,
        close=close,
    )


def _routing(settings: Settings) -> Routing:
    unknown = [name for name in settings.ai.chain if name not in FACTORIES]
    if unknown:
        raise ConfigurationInvalid(
            f"The configuration is not valid:\n  ai.chain (BIFROST_AI__CHAIN): there is no provider "
            f"{', '.join(unknown)}; there are {', '.join(FACTORIES)}"
        )
    made = {name: factory(settings) for name, factory in FACTORIES.items()}
    return Routing(
        providers={name: provider for name, provider in made.items() if provider is not None},
        auto=tuple(name for name in settings.ai.chain if name != RULES),
    )


def _database_health(unit_of_work: PostgresUnitOfWork) -> Health:
    with unit_of_work() as tx:
        tx.dispatch.queues()
    return Health(name="database", ok=True, detail="answers")


def _execution_policy(settings: Settings) -> ExecutionPolicy:
    worker, preparation = settings.worker, settings.preparation
    return ExecutionPolicy(
        lease=worker.lease_seconds,
        token_budget=preparation.token_budget,
        preparation=PreparationLimits(
            max_line_chars=preparation.max_line_chars, max_templates=preparation.max_templates
        ),
        retries=RetryPolicy(
            max_attempts=worker.max_attempts,
            max_throttles=worker.max_throttles,
            backoff_base=worker.backoff_base_seconds,
            backoff_cap=worker.backoff_cap_seconds,
            retry_after_cap=worker.retry_after_cap_seconds,
        ),
    )


def _dispatch_policy(settings: Settings) -> DispatchPolicy:
    dispatcher = settings.dispatcher
    return DispatchPolicy(
        window=dispatcher.window,
        window_infer=dispatcher.window_infer,
        resend=dispatcher.resend_seconds,
        lost=dispatcher.lost_seconds,
        max_attempts=settings.worker.max_attempts,
    )
