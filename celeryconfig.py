"""Celery's side of Bifrost: broker, queues, worker limits. Data with comments.

A message is only a hint that something is due in PostgreSQL (see docs/reliability.md). It may be lost or come twice,
so nothing of Celery's that keeps work in Redis is used: no results, no countdowns, no retries, no visibility timeout.
"""

from app import settings as _settings
from app.domain.errors import ConfigurationInvalid as _ConfigurationInvalid

_loaded = _settings.load()
if _loaded.redis.url is None:
    raise _ConfigurationInvalid(
        "No broker is configured: set BIFROST_REDIS_URL, or run `bifrost-cli up` for an embedded one."
    )

broker_url = _loaded.redis.url.get_secret_value()
broker_connection_retry_on_startup = True
# None: for ever. The worker outlives any outage.
broker_connection_max_retries = None
# Flower's inspections hold a connection each and wait on one another when there are fewer.
broker_pool_limit = 20
broker_transport_options = {
    # A lost message is sent again, so the broker need not remember it: this doubles the throughput.
    "ack_emulation": False,
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 10,
}

# Queues exist as soon as something is sent to them; a worker names those it serves.
task_create_missing_queues = True
task_default_queue = "prepare"

# JSON only: a pickle from the broker would be code.
task_serializer = "json"
accept_content = ["json"]
event_serializer = "json"

# PostgreSQL has the results.
task_ignore_result = True
task_acks_late = False
task_store_errors_even_if_ignored = False
# Take what can be worked on, leave the rest to other workers.
worker_prefetch_multiplier = 1
# Celery's own, and a sign of life while the broker is away.
worker_consumer = "worker.liveness:LivingConsumer"
# True has lost running tasks when the broker went away; they are safe by their lease.
worker_cancel_long_running_tasks_on_connection_loss = False
# A child that grew by a large log is replaced. Kilobytes.
worker_max_memory_per_child = 1_000_000
worker_max_tasks_per_child = 10_000
# Our own, see app.telemetry.
worker_hijack_root_logger = False
worker_redirect_stdouts = False
# Only when somebody watches (`bifrost-cli worker --events`, `up --flower`): events halve the throughput.
worker_send_task_events = False
task_send_sent_event = False
enable_utc = True
timezone = "UTC"
