"""The sockets for stored prompts and feedback; `app.domain.storage_ports.Transaction` has them."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.statistics import Counts
from app.domain.stored_prompts import Feedback, PromptDraft, PromptVersion, Rating, Split, StoredPrompt


class Prompts(Protocol):
    """Stored prompts of projects. The built-in one is not among them, but its name may be."""

    def list(self, project_id: int) -> Sequence[StoredPrompt]:
        """All of a project, by name."""

    def get(self, project_id: int, name: str) -> StoredPrompt | None:
        """One, with its labels."""

    def hold(self, project_id: int, name: str) -> StoredPrompt | None:
        """The same; until the transaction ends nobody else changes it."""

    def begin(self, project_id: int, name: str) -> StoredPrompt:
        """The same; made without a version when it is new, alive again when it was deleted."""

    def versions(self, project_id: int, name: str) -> Sequence[PromptVersion]:
        """All of one, newest first."""

    def version(self, project_id: int, name: str, version: int) -> PromptVersion | None:
        """One of them."""

    def add(self, draft: PromptDraft, version: int, *, project_id: int, created_by: str) -> None:
        """Store a version."""

    def label(self, project_id: int, name: str, label: str, version: int | None) -> bool:
        """Move it to this version; None: take it away. False: it was not there."""

    def split(self, project_id: int, name: str, split: Split | None) -> None:
        """Share the services out; None: not any more."""

    def delete(self, project_id: int, name: str) -> None:
        """No new analysis finds it; those that use it still do."""

    def counts(self, project_id: int, name: str) -> Sequence[tuple[int, Counts]]:
        """Version and counts of ended analyses, added up by version, provider, model and status."""

    def ratings(self, project_id: int, name: str) -> Sequence[tuple[int, int, int]]:
        """Version, thumbs up, thumbs down."""


class Feedbacks(Protocol):
    """What people say of analyses."""

    def get(self, project_id: int, analysis_id: int) -> Feedback | None:
        """What was said last. None: nothing, or there is no such analysis."""

    def rate(self, project_id: int, analysis_id: int, rating: Rating, comment: str | None) -> Feedback | None:
        """The last word counts, once. None: there is no such completed analysis."""
