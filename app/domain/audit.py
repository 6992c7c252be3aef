"""The audit log: who did which administrative act, when, and on what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

#: Whoever has the database, and needs no key: `bifrost-cli keys` and the like.
OPERATOR = "operator"


class Act(StrEnum):
    """What was done."""

    KEY_CREATE = "key.create"
    KEY_ROTATE = "key.rotate"
    KEY_REVOKE = "key.revoke"
    KEY_LIMIT = "key.limit"
    PROMPT_CREATE = "prompt.create"
    PROMPT_LABEL = "prompt.label"
    PROMPT_UNLABEL = "prompt.unlabel"
    PROMPT_SPLIT = "prompt.split"
    PROMPT_UNSPLIT = "prompt.unsplit"
    PROMPT_DELETE = "prompt.delete"
    DEAD_LETTER_REPLAY = "dead_letter.replay"
    DEAD_LETTER_DISCARD = "dead_letter.discard"
    WEBHOOK_REDELIVER = "webhook.redeliver"
    BUDGET_SET = "budget.set"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEntry:
    """An act to note down. `details` hold no secrets and no text of a log or a prompt."""

    project_id: int
    actor: str
    act: Act
    subject: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An act as it was noted down. `actor` is the prefix of a key, or `operator`."""

    id: int
    at: datetime
    project: str
    actor: str
    act: str
    subject: str
    details: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryFilter:
    """Which entries. None: any; `before` is the place (at, id) of the last one seen."""

    project_id: int | None = None
    project: str | None = None
    actor: str | None = None
    act: Act | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    before: tuple[datetime, int] | None = None


class AuditLog(Protocol):
    """The log in the store. Nothing in it can be changed."""

    def add(self, entry: NewEntry) -> None:
        """Note down; it stands when the act does."""

    def list(self, wanted: EntryFilter) -> Sequence[Entry]:
        """Latest first, at most `limit + 1`: the extra one tells that there are more."""
