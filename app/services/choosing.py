"""Which stored prompt a submission uses: decided once, when it is accepted, so that its fingerprint can know it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from app.domain.analyses import Language, Submission
from app.domain.errors import PromptUnknown
from app.domain.prompts import PromptRef
from app.domain.storage_ports import Transaction
from app.domain.stored_prompts import BUILT_IN, BUILT_IN_VERSION, PromptWish, StoredPrompt
from app.pipeline.wording import master

#: A prompt of a project, by its name.
Find = Callable[[int, str], StoredPrompt | None]


def wish_of(submission: Submission) -> PromptWish:
    """What is asked for. Raises `PromptUnknown` when that is no name of a prompt."""
    wish = PromptWish.parse(submission.prompt or BUILT_IN)
    if wish is None:
        raise PromptUnknown("A prompt is named `name`, `name@label` or `name@3`.")
    return wish


def with_prompt(tx: Transaction, submission: Submission, *, log_hash: str, needed: bool) -> Submission:
    """The submission with its version. Raises `PromptUnknown`.

    `needed`: a model will be asked. If not, a prompt that is named must be there all the same, but none is used.
    """
    return with_prompt_of(tx.prompts.get, submission, log_hash=log_hash, needed=needed)


def with_prompt_of(find: Find, submission: Submission, *, log_hash: str, needed: bool) -> Submission:
    """The same, where somebody else has looked: for many submissions, each prompt is looked up once."""
    if not needed and submission.prompt is None:
        return submission
    wish = wish_of(submission)
    found = resolved(find(submission.project_id, wish.name), wish, submission, log_hash=log_hash)
    return replace(submission, prompt_version=found if needed else None)


def resolved(stored: StoredPrompt | None, wish: PromptWish, submission: Submission, *, log_hash: str) -> PromptRef:
    """The version. Raises `PromptUnknown`.

    A split sends a service of a project to the same label each time; without a service, the same log.
    """
    if stored is None and wish.name == BUILT_IN:
        stored = StoredPrompt(name=BUILT_IN)
    if stored is None:
        raise PromptUnknown(f"There is no prompt {wish.name}.")
    sticky = f"{submission.project_id}\0{wish.name}\0{submission.service_name or log_hash}"
    version = stored.resolve(wish, sticky=sticky)
    if version is None:
        what = f"label {wish.label}" if wish.version is None else f"version {wish.version}"
        raise PromptUnknown(f"The prompt {wish.name} has no {what}.")
    return PromptRef(name=wish.name, version=version)


def identity_of(ref: PromptRef | None) -> tuple[str, int, str] | None:
    """What of a version shapes the answer. A stored one never changes; the built-in may, with Bifrost."""
    if ref is None:
        return None
    return ref.name, ref.version, _built_in() if ref.version == BUILT_IN_VERSION else ""


@cache
def _built_in() -> str:
    return hashlib.sha256("\0".join(master(language) for language in Language).encode()).hexdigest()
