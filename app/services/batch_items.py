"""The items of a batch on their way into the store: checked all together, stored in a few statements."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from app.domain.analyses import CacheMode, Submission
from app.domain.batches import BatchItem, BatchRefused, ItemPlace, ItemTrouble
from app.domain.errors import (
    BifrostError,
    IdempotencyConflict,
    InvalidInput,
    LogEmpty,
    LogTooLarge,
    PromptUnknown,
    ProviderNotConfigured,
    WebhookUrlRefused,
)
from app.domain.records import Entered, Entry, Fate, Lane
from app.domain.storage_ports import Transaction
from app.services.analyses import Analyses
from app.services.choosing import with_prompt_of
from app.services.fingerprinting import log_hash_of, request_hash_of
from app.services.routing import RULES, Routing

#: What may be wrong with one item, and the field to correct.
_TROUBLES: dict[type[BifrostError], str] = {
    LogEmpty: "log_content",
    LogTooLarge: "log_content",
    WebhookUrlRefused: "webhook_url",
    ProviderNotConfigured: "source",
    PromptUnknown: "prompt",
    IdempotencyConflict: "idempotency_key",
    InvalidInput: "",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanItem:
    """An item as it will be stored."""

    position: int
    custom_id: str
    submission: Submission
    log_hash: str
    request_hash: str


class BatchItems:
    """Check, then enter."""

    def __init__(self, analyses: Analyses, routing: Routing, *, cache_ttl: float) -> None:
        self._analyses = analyses
        self._routing = routing
        self._cache_ttl = cache_ttl

    def cleaned(self, items: Sequence[BatchItem]) -> list[CleanItem]:
        """Raises `BatchRefused`, which names each that cannot be accepted."""
        cleaned, troubles = [], []
        for position, item in enumerate(items):
            try:
                self._routing.route(item.submission.source)
                submission = self._analyses.cleaned(item.submission)
            except tuple(_TROUBLES) as error:
                troubles.append(_trouble(position, item.custom_id, error))
            else:
                hashed = log_hash_of(submission)
                cleaned.append(
                    CleanItem(
                        position=position,
                        custom_id=item.custom_id,
                        submission=self._analyses.masked(submission),
                        log_hash=hashed,
                        request_hash=request_hash_of(submission, hashed),
                    )
                )
        if troubles:
            raise BatchRefused(troubles)
        return cleaned

    def enter(self, tx: Transaction, batch_id: int, items: Sequence[CleanItem]) -> list[Entered]:
        """Store them; what became of each, in order. Raises `BatchRefused`, `BudgetExhausted`;
        nothing of it may be kept then.
        """
        entries = self._entries(tx, items)
        lanes: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for number, one in enumerate(entries):
            lanes[one.submission.source, one.submission.cache].append(number)
        tx.intake.board([one.cache_key for one in entries])
        entered: dict[int, Entered] = {}
        for name in sorted(lanes):
            # in the order of their keys, so that two batches with the same items never wait for each other
            numbers = sorted(lanes[name], key=lambda number: str(entries[number].submission.idempotency_key))
            given = [entries[number] for number in numbers]
            entered |= dict(zip(numbers, tx.intake.add_all(given, self._lane(given[0].submission)), strict=True))
        troubles = [
            _trouble(item.position, item.custom_id, IdempotencyConflict())
            for number, item in enumerate(items)
            if entered[number].fate is Fate.CONFLICT
        ]
        if troubles:
            raise BatchRefused(troubles)
        places = [
            ItemPlace(position=item.position, custom_id=item.custom_id, analysis_id=entered[number].analysis_id)
            for number, item in enumerate(items)
        ]
        tx.batches.put(batch_id, places)
        # what is here already, and what needs no call, is answered all the same
        calls = [one for number, one in enumerate(entries) if entered[number].fate is Fate.QUEUED and self._asks(one)]
        if calls:
            self._analyses.afford(tx, calls[0].submission.project_id)
        return [entered[number] for number in range(len(items))]

    def _entries(self, tx: Transaction, items: Sequence[CleanItem]) -> list[Entry]:
        find = cache(tx.prompts.get)
        unnamed = uuid.uuid4().hex
        entries, troubles = [], []
        for item in items:
            asked = item.submission
            # what has no key of its own gets one that nobody has: it is told apart by it on its way into the store
            key = asked.idempotency_key or f"batch-{unnamed}-{item.position:06}"
            needed = self._routing.route(asked.source).provider != RULES
            try:
                chosen = with_prompt_of(find, asked, log_hash=item.log_hash, needed=needed)
            except PromptUnknown as error:
                troubles.append(_trouble(item.position, item.custom_id, error))
                continue
            print_ = self._analyses.fingerprint(chosen, item.log_hash, item.request_hash)
            entries.append(
                Entry(
                    submission=replace(chosen, idempotency_key=key),
                    log_hash=print_.log_hash,
                    cache_key=print_.cache_key,
                    question_key=print_.question_key,
                    request_hash=print_.request_hash,
                )
            )
        if troubles:
            raise BatchRefused(troubles)
        return entries

    def _asks(self, entry: Entry) -> bool:
        return self._routing.route(entry.submission.source).provider != RULES

    def _lane(self, asked: Submission) -> Lane:
        route = self._routing.route(asked.source)
        ttl = 0.0 if asked.cache is CacheMode.OFF else self._cache_ttl
        return Lane(
            project_id=asked.project_id,
            source=asked.source,
            queue=route.queue,
            provider=route.provider,
            cache_ttl=ttl,
            follow=ttl > 0 and route.provider != RULES,
            announce_again=False,
        )


def _trouble(position: int, custom_id: str, error: BifrostError) -> ItemTrouble:
    field = next(field for kind, field in _TROUBLES.items() if isinstance(error, kind))
    return ItemTrouble(position=position, custom_id=custom_id, field=field, error=error)
