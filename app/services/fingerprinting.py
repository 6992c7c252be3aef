"""What makes two submissions the same: of their logs, of everything that shapes the answer, of the whole request."""

import hashlib
from dataclasses import asdict

import orjson

from app.domain.analyses import Submission
from app.pipeline import PIPELINE_VERSION
from app.services.choosing import identity_of


def log_hash_of(submission: Submission) -> str:
    """SHA-256 of the log, hex."""
    return hashlib.sha256(submission.log.encode()).hexdigest()


def question_key_of(submission: Submission, *, identity: str) -> str:
    """SHA-256, hex, of everything but the log that shapes the answer. `identity`: who would answer."""
    return sha256_of(
        (
            PIPELINE_VERSION,
            identity,
            submission.project_id,
            submission.source,
            submission.model,
            submission.language,
            submission.analysis_type,
            submission.service_name,
            submission.environment,
            submission.mask,
            identity_of(submission.prompt_version),
        )
    )


def cache_key_of(question_key: str, log_hash: str) -> str:
    """SHA-256, hex; equal for submissions that may share one answer."""
    return sha256_of((question_key, log_hash))


def request_hash_of(submission: Submission, log_hash: str) -> str:
    """SHA-256, hex, of the whole request: the same idempotency key with another one is a conflict.

    Before anything is added to it: neither a server's default nor a label that moved makes another request of it.
    """
    skipped = {"log", "request_id", "correlation_id", "idempotency_key", "prompt_version"}
    unsaid = {name for name in ("mask", "prompt") if getattr(submission, name) is None}
    request = {name: value for name, value in asdict(submission).items() if name not in skipped | unsaid}
    return sha256_of({**request, "log_hash": log_hash})


def sha256_of(value: object) -> str:
    """SHA-256 of its JSON with sorted keys, hex."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
