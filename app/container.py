"""The only place where parts are made and plugged together."""

from collections.abc import Callable
from dataclasses import dataclass

from app.broker import CeleryBroker
from app.clock import SystemClock
from app.domain.analyses import Mask, Source
from app.domain.errors import ConfigurationInvalid
from app.domain.ports import Clock, DueSignal, Health, Offering, Publisher, StopSignal
from app.domain.rates import Rate
from app.guards.factories import make_guard
from app.guards.rates import make_rates
from app.pipeline.masking import own_places
from app.pipeline.preparation import PreparationLimits
from app.pipeline.windows import WindowLimits
from app.providers import prices
from app.providers.factories import FACTORIES
from app.publishers import posting
from app.publishers.webhooks import KIND as WEBHOOK
from app.publishers.webhooks import WebhookPolicy, Webhooks
from app.services.analyses import Analyses
from app.services.announcing import AnnouncePolicy, Announcing
from app.services.answering import AnswerPolicy
from app.services.asking import Asking
from app.services.auditing import Auditing
from app.services.batches import Batches
from app.services.bridges import Bridges
from app.services.budgets import Budgets
from app.services.dead_letters import DeadLetters
from app.services.deliveries import Deliveries
from app.services.dispatching import Dispatching, DispatchPolicy
from app.services.events import Events
from app.services.execution import Execution, ExecutionPolicy
from app.services.exports import Exports
from app.services.feedback import Feedbacks
from app.services.guarding import Guarding, Limits, Patience
from app.services.health import HealthCheck
from app.services.intake import Intake, IntakePolicy
from app.services.keys import Keys
from app.services.metering import Metering
from app.services.models import Models
from app.services.previews import PreviewPolicy, Previews
from app.services.prompts import PromptPolicy, Prompts
from app.services.rates import Rates
from app.services.recalling import RecallPolicy
from app.services.retention import Retention, RetentionPolicy
from app.services.routing import RULES, Routing
from app.services.settling import RetryPolicy
from app.services.statistics import Statistics
from app.services.waiting import Waiting
from app.settings import Settings
from app.storage import schema
from app.storage.engine import make_engine
from app.storage.signals import PostgresDueSignal, PostgresStopSignal
from app.storage.unit_of_work import PostgresUnitOfWork


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """One process's parts. `close` gives connections back."""

    settings: Settings
    clock: Clock
    analyses: Analyses
    previews: Previews
    dead_letters: DeadLetters
    deliveries: Deliveries
    keys: Keys
    rates: Rates
    auditing: Auditing
    budgets: Budgets
    health: HealthCheck
    execution: Execution
    dispatching: Dispatching
    announcing: Announcing
    statistics: Statistics
    retention: Retention
    intake: Intake
    events: Events
    bridges: Bridges
    prompts: Prompts
    feedbacks: Feedbacks
    waiting: Waiting
    exports: Exports
    batches: Batches
    models: Models
    due: DueSignal
    stops: StopSignal
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
    stops = PostgresStopSignal(engine)
    providers = _providers(settings)
    routing = Routing(providers=providers, auto=tuple(name for name in settings.ai.chain if name != RULES))
    guarded = make_guard(settings, clock)
    counter = make_rates(settings, clock)
    budgets = Budgets(unit_of_work, clock)
    costs = prices.load(settings.ai.prices)
    publishers = _publishers(settings, clock)
    bridges = Bridges(
        unit_of_work,
        configured=settings.kafka.bootstrap_servers is not None,
        session_timeout=settings.kafka.session_timeout,
    )
    needed = schema.head()
    analyses = Analyses(
        unit_of_work,
        routing,
        max_log_bytes=settings.limits.max_log_bytes,
        cache_ttl=settings.cache.ttl_seconds,
        mask=Mask(settings.redaction.mask),
        publishers=publishers,
        afford=budgets.check,
    )
    waiting = Waiting(unit_of_work, analyses, room=settings.web.waiting, clock=clock)

    def close() -> None:
        waiting.close()
        due.close()
        stops.close()
        broker.close()
        guarded.close()
        counter.close()
        engine.dispose()

    return Container(
        settings=settings,
        clock=clock,
        analyses=analyses,
        previews=Previews(unit_of_work, routing, policy=_preview_policy(settings), cost=costs.cost, clock=clock),
        dead_letters=DeadLetters(
            unit_of_work,
            routing,
            max_replays=settings.limits.max_replays,
            max_record_replays=settings.kafka.max_replays,
        ),
        deliveries=Deliveries(unit_of_work),
        keys=Keys(unit_of_work, clock, overlap=settings.keys.overlap_seconds),
        rates=Rates(counter, {Rate.SUBMIT: settings.keys.submits_per_hour, Rate.READ: settings.keys.reads_per_hour}),
        auditing=Auditing(unit_of_work),
        budgets=budgets,
        health=HealthCheck(
            unit_of_work,
            essential=(
                ("database", lambda: _database_health(unit_of_work)),
                ("migrations", lambda: schema.health(engine, needed)),
            ),
            helpful=(
                ("broker", broker.health),
                *((("heimdall", bridges.health),) if settings.kafka.bootstrap_servers else ()),
            ),
            routing=routing,
            guard=guarded.guard,
        ),
        execution=Execution(
            unit_of_work,
            routing,
            Guarding(
                Asking(max_output_tokens=settings.preparation.max_output_tokens),
                guarded.guard,
                patience=_patience(settings),
                meter=Metering(unit_of_work, costs.cost),
            ),
            policy=_execution_policy(settings),
            clock=clock,
        ),
        dispatching=Dispatching(
            unit_of_work,
            broker,
            policy=_dispatch_policy(settings),
            limit_of=Limits(guarded.guard, routing, guarded.limits, alone=settings.dispatcher.alone).of,
        ),
        announcing=Announcing(
            unit_of_work,
            publishers,
            policy=AnnouncePolicy(lease=settings.outbox.lease_seconds),
            clock=clock,
        ),
        statistics=Statistics(unit_of_work, priced=lambda provider, model: costs.of(provider, model) is not None),
        retention=Retention(unit_of_work, _retention_policy(settings)),
        intake=Intake(unit_of_work, routing, _intake_policy(settings)),
        # as long as one batch may take to be acknowledged, and once more
        events=Events(unit_of_work, lease=max(settings.outbox.lease_seconds, 2 * settings.kafka.delivery_timeout)),
        bridges=bridges,
        prompts=Prompts(unit_of_work, _prompt_policy(settings)),
        feedbacks=Feedbacks(unit_of_work),
        waiting=waiting,
        exports=Exports(analyses, room=settings.web.exports, page=settings.web.export_page),
        batches=Batches(
            unit_of_work,
            analyses,
            routing,
            max_bytes=settings.limits.max_batch_bytes,
            cache_ttl=settings.cache.ttl_seconds,
        ),
        models=Models(providers, routing, keep=settings.ai.models_seconds, clock=clock),
        due=due,
        stops=stops,
        close=close,
    )


def _providers(settings: Settings) -> dict[str, Offering]:
    unknown = [name for name in settings.ai.chain if name not in FACTORIES]
    if unknown:
        raise ConfigurationInvalid(
            f"The configuration is not valid:\n  ai.chain (BIFROST_AI__CHAIN): there is no provider "
            f"{', '.join(unknown)}; there are {', '.join(FACTORIES)}"
        )
    made = {name: factory(settings) for name, factory in FACTORIES.items()}
    return {name: provider for name, provider in made.items() if provider is not None}


def _publishers(settings: Settings, clock: Clock) -> dict[str, Publisher]:
    """Kind of callback -> who speaks to such receivers."""
    webhooks = settings.webhooks
    policy = WebhookPolicy(
        secret=webhooks.secret.get_secret_value() if webhooks.secret else None,
        allowed_hosts=frozenset(host.lower().strip("[]") for host in webhooks.allowed_hosts),
        schedule=webhooks.schedule,
        patience=posting.Patience(connect=webhooks.connect_timeout, total=webhooks.timeout),
        ca_file=str(webhooks.ca_file) if webhooks.ca_file else None,
    )
    return {WEBHOOK: Webhooks(policy, clock)}


def _retention_policy(settings: Settings) -> RetentionPolicy:
    retention = settings.retention
    return RetentionPolicy(days=retention.days, log_days=retention.log_days, batch=retention.batch)


def _intake_policy(settings: Settings) -> IntakePolicy:
    return IntakePolicy(
        project=settings.kafka.project,
        source=Source(settings.kafka.source),
        cache_ttl=settings.cache.ttl_seconds,
        mask=Mask(settings.redaction.mask),
        dead_letter_topic=settings.kafka.dead_letter_topic,
        keep=settings.retention.days * 86_400,
    )


def _database_health(unit_of_work: PostgresUnitOfWork) -> Health:
    with unit_of_work() as tx:
        tx.dispatch.queues()
    return Health(name="database", ok=True, detail="answers")


def _execution_policy(settings: Settings) -> ExecutionPolicy:
    worker, preparation = settings.worker, settings.preparation
    answers = AnswerPolicy(
        token_budget=preparation.token_budget,
        preparation=_preparation_limits(settings),
        retries=RetryPolicy(
            max_attempts=worker.max_attempts,
            max_throttles=worker.max_throttles,
            backoff_base=worker.backoff_base_seconds,
            backoff_cap=worker.backoff_cap_seconds,
            retry_after_cap=worker.retry_after_cap_seconds,
        ),
        recall=RecallPolicy(
            max_age=settings.cache.ttl_seconds,
            least_evidence=settings.cache.similar_evidence,
        ),
    )
    return ExecutionPolicy(lease=worker.lease_seconds, answers=answers)


def _prompt_policy(settings: Settings) -> PromptPolicy:
    prompts = settings.prompts
    return PromptPolicy(
        max_prompts=prompts.max_prompts,
        max_versions=prompts.max_versions,
        max_text_chars=prompts.max_text_chars,
        max_description_chars=prompts.max_description_chars,
        max_output_tokens=prompts.max_output_tokens,
        token_budget=settings.preparation.token_budget,
    )


def _preview_policy(settings: Settings) -> PreviewPolicy:
    return PreviewPolicy(
        slots=settings.web.previews,
        patience=settings.web.previews_wait,
        max_log_bytes=settings.limits.max_log_bytes,
        token_budget=settings.preparation.token_budget,
        max_output_tokens=settings.preparation.max_output_tokens,
        preparation=_preparation_limits(settings),
        mask=Mask(settings.redaction.mask),
    )


def _preparation_limits(settings: Settings) -> PreparationLimits:
    preparation = settings.preparation
    return PreparationLimits(
        max_line_chars=preparation.max_line_chars,
        max_templates=preparation.max_templates,
        own_places=own_places(settings.redaction.patterns),
        windows=WindowLimits(max_calls=settings.windows.max_calls, max_tokens=settings.windows.max_tokens),
    )


def _patience(settings: Settings) -> Patience:
    guards = settings.guards
    return Patience(
        resting=guards.patience_seconds,
        busy=guards.patience_busy_seconds,
        longest_pause=settings.worker.backoff_cap_seconds,
    )


def _dispatch_policy(settings: Settings) -> DispatchPolicy:
    dispatcher = settings.dispatcher
    return DispatchPolicy(
        window=dispatcher.window,
        window_infer=dispatcher.window_infer,
        resend=dispatcher.resend_seconds,
        lost=dispatcher.lost_seconds,
        max_attempts=settings.worker.max_attempts,
        aging=dispatcher.aging_seconds,
        share=dispatcher.project_share,
    )
