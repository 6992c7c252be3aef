"""Stored prompts, for whoever writes them: versions that stay, labels that move, shares between two of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from app.domain.analyses import Language
from app.domain.audit import OPERATOR, Act
from app.domain.errors import PromptInvalid, PromptLabelInUse, PromptNotFound, PromptsFull
from app.domain.prompts import PromptConfig
from app.domain.statistics import tally
from app.domain.storage_ports import Transaction, UnitOfWork
from app.domain.stored_prompts import (
    BUILT_IN,
    BUILT_IN_VERSION,
    LATEST,
    PromptDraft,
    PromptTally,
    PromptVersion,
    Split,
    StoredPrompt,
)
from app.pipeline.prompt_files import tidy
from app.pipeline.prompting import SMALL
from app.pipeline.wording import cost, fits, master, problems
from app.services.auditing import note

log = structlog.get_logger(__name__)

#: A split shares out between two.
_LABELS = 2
_LEAST_OUTPUT_TOKENS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptPolicy:
    """See `app.settings.Prompts` for meaning and defaults. `token_budget`: of `app.settings.Preparation`."""

    max_prompts: int
    max_versions: int
    max_text_chars: int
    max_description_chars: int
    max_output_tokens: int
    token_budget: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """A version. Not `new`: the newest one said the same, and is it."""

    version: PromptVersion
    new: bool


class Prompts:
    """List, look, create, label, split, count. Everything is of one project, but for the built-in."""

    def __init__(self, unit_of_work: UnitOfWork, policy: PromptPolicy) -> None:
        self._unit_of_work = unit_of_work
        self._policy = policy

    def list(self, project_id: int) -> Sequence[StoredPrompt]:
        """By name; the built-in's is always there."""
        with self._unit_of_work() as tx:
            found = {one.name: one for one in tx.prompts.list(project_id)}
        found.setdefault(BUILT_IN, StoredPrompt(name=BUILT_IN))
        return [found[name] for name in sorted(found)]

    def get(self, project_id: int, name: str) -> StoredPrompt:
        """One. Raises `PromptNotFound`."""
        with self._unit_of_work() as tx:
            return _known(tx.prompts.get(project_id, name), name)

    def versions(self, project_id: int, name: str) -> Sequence[PromptVersion]:
        """All of one, newest first. Raises `PromptNotFound`."""
        with self._unit_of_work() as tx:
            _known(tx.prompts.get(project_id, name), name)
            found = tx.prompts.versions(project_id, name)
        return [*found, built_in()] if name == BUILT_IN else found

    def version(self, project_id: int, name: str, wanted: str) -> PromptVersion:
        """By its number or by a label. Raises `PromptNotFound`."""
        with self._unit_of_work() as tx:
            stored = _known(tx.prompts.get(project_id, name), name)
            number = int(wanted) if wanted.isascii() and wanted.isdigit() else stored.at(wanted)
            if number is None or not stored.has(number):
                raise PromptNotFound(f"The prompt {name} has no version {wanted}.")
            return _version(tx, project_id, name, number)

    def create(
        self, project_id: int, draft: PromptDraft, *, by: str, labels: Sequence[str] = (), actor: str = OPERATOR
    ) -> Created:
        """The next version of its name, with these labels, unless the newest says the same.

        Raises `PromptInvalid`, `PromptsFull`.
        """
        draft = replace(draft, texts={language: tidy(text) for language, text in draft.texts.items()})
        self._check(draft)
        if LATEST in labels:
            raise PromptInvalid(f"The label {LATEST} moves by itself.")
        with self._unit_of_work() as tx:
            known = tx.prompts.get(project_id, draft.name)
            if known is None and len(tx.prompts.list(project_id)) >= self._policy.max_prompts:
                raise PromptsFull(
                    f"This project has {self._policy.max_prompts} prompts: delete one, or raise prompts.max_prompts."
                )
            newest = tx.prompts.begin(project_id, draft.name).newest
            same = _version(tx, project_id, draft.name, newest) if newest else None
            new = same is None or (same.texts, same.config) != (draft.texts, draft.config)
            if new:
                newest = self._next(newest)
                tx.prompts.add(draft, newest, project_id=project_id, created_by=by)
            for label in labels:
                tx.prompts.label(project_id, draft.name, label, newest)
            found = _version(tx, project_id, draft.name, newest)
            if new or labels:
                told: dict[str, object] = {"version": newest, "new": new, "labels": labels}
                note(tx, Act.PROMPT_CREATE, draft.name, project_id=project_id, actor=actor, **told)
        if new:
            log.info("prompt_version_created", prompt=draft.name, version=found.version)
        return Created(version=found, new=new)

    def label(self, project_id: int, name: str, label: str, version: int, *, actor: str = OPERATOR) -> StoredPrompt:
        """Move a label. Raises `PromptNotFound`, `PromptInvalid`."""
        if label == LATEST:
            raise PromptInvalid(f"The label {LATEST} moves by itself.")
        with self._unit_of_work() as tx:
            stored = _held(tx, project_id, name)
            if not stored.has(version):
                raise PromptNotFound(f"The prompt {name} has no version {version}.")
            tx.prompts.label(project_id, name, label, version)
            found = _known(tx.prompts.get(project_id, name), name)
            note(tx, Act.PROMPT_LABEL, name, project_id=project_id, actor=actor, label=label, version=version)
        log.info("prompt_label_moved", prompt=name, label=label, version=version, before=stored.labels.get(label))
        return found

    def unlabel(self, project_id: int, name: str, label: str, *, actor: str = OPERATOR) -> None:
        """Take a label away. Raises `PromptNotFound`, `PromptLabelInUse`."""
        with self._unit_of_work() as tx:
            stored = _held(tx, project_id, name)
            if label not in stored.labels:
                raise PromptNotFound(f"The prompt {name} has no label {label} that could be taken away.")
            if stored.split and label in stored.split.weights and _without(stored, label).at(label) is None:
                raise PromptLabelInUse
            tx.prompts.label(project_id, name, label, None)
            note(tx, Act.PROMPT_UNLABEL, name, project_id=project_id, actor=actor, label=label)
        log.info("prompt_label_removed", prompt=name, label=label)

    def split(
        self, project_id: int, name: str, weights: Mapping[str, int] | None, *, actor: str = OPERATOR
    ) -> StoredPrompt:
        """Share the services out between two labels; None: not any more. Raises `PromptNotFound`, `PromptInvalid`."""
        if weights is not None and (len(weights) != _LABELS or min(weights.values()) < 0 or not sum(weights.values())):
            raise PromptInvalid("A split has two labels with a weight each, not both 0.")
        with self._unit_of_work() as tx:
            stored = _held(tx, project_id, name)
            missing = [label for label in weights or () if stored.at(label) is None]
            if missing:
                raise PromptInvalid(f"The prompt {name} has no label {missing[0]}: set it first.")
            tx.prompts.split(project_id, name, None if weights is None else Split(weights=weights))
            found = _known(tx.prompts.get(project_id, name), name)
            act = Act.PROMPT_UNSPLIT if weights is None else Act.PROMPT_SPLIT
            note(tx, act, name, project_id=project_id, actor=actor, weights=weights)
        log.info("prompt_split", prompt=name, weights=None if weights is None else dict(weights))
        return found

    def delete(self, project_id: int, name: str, *, actor: str = OPERATOR) -> None:
        """No new analysis finds it. Its versions stay: analyses that wait use them. Raises `PromptNotFound`."""
        with self._unit_of_work() as tx:
            if tx.prompts.hold(project_id, name) is None:
                raise PromptNotFound
            tx.prompts.delete(project_id, name)
            note(tx, Act.PROMPT_DELETE, name, project_id=project_id, actor=actor)
        log.info("prompt_deleted", prompt=name)

    def statistics(self, project_id: int, name: str) -> Sequence[PromptTally]:
        """Of each version that was used or rated, newest first. Raises `PromptNotFound`."""
        with self._unit_of_work() as tx:
            _known(tx.prompts.get(project_id, name), name)
            counts, ratings = tx.prompts.counts(project_id, name), tx.prompts.ratings(project_id, name)
        by_version = defaultdict(list)
        for version, count in counts:
            by_version[version].append(count)
        said = {version: (up, down) for version, up, down in ratings}
        return [
            PromptTally(version=version, tally=tally(by_version[version]), up=up, down=down)
            for version in sorted(by_version.keys() | said.keys(), reverse=True)
            for up, down in [said.get(version, (0, 0))]
        ]

    def _next(self, newest: int) -> int:
        if newest >= self._policy.max_versions:
            raise PromptsFull(f"This prompt has {newest} versions: begin another one, or raise prompts.max_versions.")
        return newest + 1

    def _check(self, draft: PromptDraft) -> None:
        policy, output = self._policy, draft.config.max_output_tokens
        wrong = [f"{language}: {problem}" for language, text in draft.texts.items() for problem in self._wrong(text)]
        if not draft.texts:
            wrong.append("It needs a text in one language at least.")
        if len(draft.description) > policy.max_description_chars:
            wrong.append(f"The description has more than {policy.max_description_chars} characters.")
        if not draft.description.isprintable():
            wrong.append("The description must be printable characters on one line.")
        if output is not None and not _LEAST_OUTPUT_TOKENS <= output <= policy.max_output_tokens:
            wrong.append(f"max_output_tokens must be {_LEAST_OUTPUT_TOKENS} to {policy.max_output_tokens}.")
        if wrong:
            raise PromptInvalid(" ".join(wrong))

    def _wrong(self, text: str) -> Sequence[str]:
        policy = self._policy
        if len(text) > policy.max_text_chars:
            return [f"The text has {len(text):,} characters; at most {policy.max_text_chars:,} are stored."]
        small = policy.token_budget < SMALL
        if found := problems(text):
            return found
        if fits(text, token_budget=policy.token_budget, small=small):
            return ()
        tokens = f"{cost(text, small=small):,} of {policy.token_budget:,} tokens (preparation.token_budget)"
        return [f"With it the instructions take {tokens}; at least half is for the log."]


def built_in() -> PromptVersion:
    """What comes with Bifrost."""
    return PromptVersion(
        name=BUILT_IN,
        version=BUILT_IN_VERSION,
        texts={language: master(language) for language in Language},
        description="What comes with Bifrost.",
        config=PromptConfig(),
        created_by="bifrost",
        created_at=None,
    )


def _known(stored: StoredPrompt | None, name: str) -> StoredPrompt:
    if stored is None and name == BUILT_IN:
        return StoredPrompt(name=BUILT_IN)
    if stored is None:
        raise PromptNotFound(f"There is no prompt {name}.")
    return stored


def _held(tx: Transaction, project_id: int, name: str) -> StoredPrompt:
    """Nobody else changes it until the transaction ends."""
    if name == BUILT_IN:
        return tx.prompts.begin(project_id, name)
    return _known(tx.prompts.hold(project_id, name), name)


def _without(stored: StoredPrompt, label: str) -> StoredPrompt:
    return replace(stored, labels={name: version for name, version in stored.labels.items() if name != label})


def _version(tx: Transaction, project_id: int, name: str, number: int) -> PromptVersion:
    found = built_in() if number == BUILT_IN_VERSION else tx.prompts.version(project_id, name, number)
    if found is None:
        raise PromptNotFound(f"The prompt {name} has no version {number}.")
    return found
