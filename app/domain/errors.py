"""Every error Bifrost raises on purpose.

    BifrostError
    ├── InvalidInput                 the caller can fix it
    │   ├── LogEmpty  LogTooLarge  BatchTooLarge  BodyUnreadable  CursorInvalid  PatternInvalid
    │   ├── IdempotencyConflict
    │   ├── WebhookUrlRefused
    │   └── PromptUnknown  PromptInvalid
    ├── NotAllowed                   the caller needs another key
    │   ├── KeyMissing  KeyInvalid
    │   └── ScopeMissing
    ├── RateLimited                  the key was used too often
    ├── NotFound                     AnalysisNotFound  DeadLetterNotFound  DeliveryNotFound  KeyNotFound  PromptNotFound
    │   └── BatchNotFound
    ├── Conflict                     AnalysisFinished  AnalysisUnfinished  DiagnosisMissing  LogDeleted  ReplaysUsedUp
    │   ├── PromptLabelInUse  PromptsFull  NothingToRate
    │   └── KeyReplaced  AnalysisUnsuccessful
    ├── Unavailable                  the caller can try again
    │   ├── StorageUnavailable  BrokerUnavailable  PreviewsBusy
    │   └── MigrationsPending  ExportsBusy
    ├── ProviderError                an attempt failed
    │   ├── ProviderThrottled  ProviderUnavailable  ProviderTimeout      try again
    │   ├── ProviderResting  ProviderBusy                                it was not asked
    │   ├── AnswerTruncated  AnswerMalformed  AnswerRefused              ask differently
    │   ├── PromptTooLong  ProviderMisconfigured  ProviderNotConfigured  do not try again
    │   └── BudgetExhausted                                              not before it is raised, or next month
    ├── Interrupted                  a running call must end now
    │   └── LeaseLost  CancelRequested  DeadlineExceeded  ShuttingDown
    ├── WorkerLost                   the worker died too often with this analysis
    ├── DeliveryFailed               the receiver of an event did not acknowledge it
    │   └── ReceiverGone  ReceiverDisabled
    ├── RecordRefused                a record of Kafka is not a request we can take
    │   ├── RecordUnreadable  RecordTooLarge  RecordInvalid
    │   └── CallbackTopicRefused  RequestConflict
    └── ConfigurationInvalid         nothing can start

A class's docstring is its message; `code` is the stable name that users see, and stands in docs/errors.md.
"""

from typing import ClassVar


class BifrostError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    #: True when the same request may succeed later.
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None) -> None:
        """`detail` replaces the class's message; `retry_after` is a hint in seconds."""
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.retry_after = retry_after
        super().__init__(self.detail)


class InvalidInput(BifrostError):
    """The request is not valid."""

    code = "invalid_input"


class LogEmpty(InvalidInput):
    """The log is empty or blank: there is nothing to read."""

    code = "log_empty"


class LogTooLarge(InvalidInput):
    """The log is larger than this server accepts."""

    code = "log_too_large"


class BatchTooLarge(InvalidInput):
    """The logs of the batch are larger together than this server accepts."""

    code = "batch_too_large"


class BodyUnreadable(InvalidInput):
    """The body is not valid JSON."""

    code = "body_unreadable"


class PatternInvalid(InvalidInput):
    """The regular expression is not one."""

    code = "pattern_invalid"


class CursorInvalid(InvalidInput):
    """The cursor is not one that this server gave out."""

    code = "cursor_invalid"


class IdempotencyConflict(InvalidInput):
    """This Idempotency-Key was used before with another body."""

    code = "idempotency_conflict"


class WebhookUrlRefused(InvalidInput):
    """Bifrost does not send to this address."""

    code = "webhook_url_refused"


class PromptUnknown(InvalidInput):
    """The prompt asked for does not exist: no such name, label or version."""

    code = "prompt_unknown"


class PromptInvalid(InvalidInput):
    """The prompt cannot be stored as it is."""

    code = "prompt_invalid"


class NotAllowed(BifrostError):
    """The request is not allowed."""

    code = "not_allowed"


class KeyMissing(NotAllowed):
    """An API key is needed: send it as X-API-Key or Authorization: Bearer."""

    code = "key_missing"


class KeyInvalid(NotAllowed):
    """The API key is unknown, expired or revoked."""

    code = "key_invalid"


class ScopeMissing(NotAllowed):
    """The API key does not have the scope that this call needs."""

    code = "scope_missing"


class RateLimited(BifrostError):
    """This API key was used as often as it may be in an hour."""

    code = "rate_limited"
    retryable = True


class NotFound(BifrostError):
    """There is no such thing."""

    code = "not_found"


class AnalysisNotFound(NotFound):
    """There is no such analysis."""

    code = "analysis_not_found"


class DeadLetterNotFound(NotFound):
    """There is no such dead letter."""

    code = "dead_letter_not_found"


class DeliveryNotFound(NotFound):
    """There is no such delivery."""

    code = "delivery_not_found"


class KeyNotFound(NotFound):
    """There is no such API key."""

    code = "key_not_found"


class BatchNotFound(NotFound):
    """There is no such batch."""

    code = "batch_not_found"


class PromptNotFound(NotFound):
    """There is no such prompt, version or label."""

    code = "prompt_not_found"


class Conflict(BifrostError):
    """The state it is in does not allow that."""

    code = "conflict"


class AnalysisFinished(Conflict):
    """The analysis is already finished."""

    code = "analysis_finished"


class AnalysisUnfinished(Conflict):
    """The analysis has not ended yet."""

    code = "analysis_unfinished"


class DiagnosisMissing(Conflict):
    """The analysis ended without a diagnosis."""

    code = "diagnosis_missing"


class LogDeleted(Conflict):
    """The log was deleted: its time was over."""

    code = "log_deleted"


class ReplaysUsedUp(Conflict):
    """This dead letter has gone again as often as it may."""

    code = "replays_used_up"


class PromptLabelInUse(Conflict):
    """The label is part of the split: end the split first."""

    code = "prompt_label_in_use"


class PromptsFull(Conflict):
    """There are as many prompts, or versions of this one, as this server keeps."""

    code = "prompts_full"


class AnalysisUnsuccessful(Conflict):
    """The analysis ended without an answer."""

    code = "analysis_unsuccessful"


class NothingToRate(Conflict):
    """The analysis has no diagnosis that could be rated."""

    code = "nothing_to_rate"


class KeyReplaced(Conflict):
    """The API key was rotated before: rotate the one that replaced it."""

    code = "key_replaced"


class Unavailable(BifrostError):
    """A part that this needs is away: try again."""

    code = "unavailable"
    retryable = True


class StorageUnavailable(Unavailable):
    """The database is away: try again."""

    code = "storage_unavailable"


class ExportsBusy(Unavailable):
    """As many exports are being written as this server allows: try again."""

    code = "exports_busy"


class PreviewsBusy(Unavailable):
    """As many logs as may be are being read for dry runs, filters and statistics: try again soon."""

    code = "previews_busy"


class BrokerUnavailable(Unavailable):
    """The broker is away: try again."""

    code = "broker_unavailable"


class MigrationsPending(Unavailable):
    """The database's schema is not the one this version needs: run `bifrost-cli db upgrade`."""

    code = "migrations_pending"


class ProviderError(BifrostError):
    """The provider did not answer."""

    code = "provider_error"


class ProviderThrottled(ProviderError):
    """The provider asks us to slow down."""

    code = "provider_throttled"
    retryable = True


class ProviderUnavailable(ProviderError):
    """The provider is away or failed."""

    code = "provider_unavailable"
    retryable = True


class ProviderTimeout(ProviderError):
    """The provider did not answer in time."""

    code = "provider_timeout"
    retryable = True


class ProviderResting(ProviderError):
    """The provider failed again and again: it is not asked for a while."""

    code = "provider_resting"
    retryable = True


class ProviderBusy(ProviderError):
    """The provider has no room for another call now."""

    code = "provider_busy"
    retryable = True


class AnswerTruncated(ProviderError):
    """The model's answer was cut off at its token limit."""

    code = "answer_truncated"


class AnswerMalformed(ProviderError):
    """The model's answer is not of the form asked for."""

    code = "answer_malformed"


class AnswerRefused(ProviderError):
    """The model refused to answer."""

    code = "answer_refused"


class PromptTooLong(ProviderError):
    """The prompt does not fit the model's context."""

    code = "prompt_too_long"


class ProviderMisconfigured(ProviderError):
    """The provider refused the request: key, model name or address is wrong."""

    code = "provider_misconfigured"


class ProviderNotConfigured(ProviderError):
    """The provider asked for is not configured on this server."""

    code = "provider_not_configured"


class BudgetExhausted(ProviderError):
    """The project's budget of this month has not enough left for a call of a model."""

    code = "budget_exhausted"


class Interrupted(BifrostError):
    """The call must end now."""

    code = "interrupted"


class LeaseLost(Interrupted):
    """Another worker has taken over this analysis."""

    code = "lease_lost"


class CancelRequested(Interrupted):
    """Somebody asked to cancel this analysis."""

    code = "cancelled"


class DeadlineExceeded(Interrupted):
    """The analysis did not finish before its deadline."""

    code = "deadline_exceeded"


class ShuttingDown(Interrupted):
    """This worker is shutting down."""

    code = "shutting_down"


class WorkerLost(BifrostError):
    """The worker process died or froze while it worked on this analysis, each time it was tried."""

    code = "worker_lost"
    retryable = True


class DeliveryFailed(BifrostError):
    """The receiver of an event did not acknowledge it."""

    code = "delivery_failed"
    retryable = True


class ReceiverGone(DeliveryFailed):
    """The receiver wants to hear no more of this."""

    code = "receiver_gone"
    retryable = False


class ReceiverDisabled(DeliveryFailed):
    """The receiver wanted to hear no more, and was not asked."""

    code = "receiver_disabled"
    retryable = False


class RecordRefused(BifrostError):
    """The record could not be accepted."""

    code = "record_refused"


class RecordUnreadable(RecordRefused):
    """The record is not a JSON object."""

    code = "record_unreadable"


class RecordTooLarge(RecordRefused):
    """The record is larger than the bridge parses."""

    code = "record_too_large"


class RecordInvalid(RecordRefused):
    """The record's fields are not those of a request."""

    code = "record_invalid"


class CallbackTopicRefused(RecordRefused):
    """The bridge does not publish to this topic."""

    code = "callback_topic_refused"


class RequestConflict(RecordRefused):
    """This request id was used before with another request."""

    code = "request_conflict"


class ConfigurationInvalid(BifrostError):
    """The configuration is not valid."""

    code = "configuration_invalid"
