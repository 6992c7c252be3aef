"""Stored prompts: instructions under a name, in versions that never change, with labels that move."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.domain.analyses import Language
from app.domain.prompts import PromptConfig
from app.domain.statistics import Tally

#: What is used when nobody names a prompt. Its version 0 comes with Bifrost and is in no database.
BUILT_IN = "default"
BUILT_IN_VERSION = 0
#: The label of what is used when a name comes without one.
PRODUCTION = "production"
#: Always the newest version; nobody moves it.
LATEST = "latest"
#: Of names and labels.
WORD = "[a-z][a-z0-9_-]{0,49}"
_WISH = re.compile(rf"({WORD})(?:@(?:({WORD})|([0-9]{{1,9}})))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptDraft:
    """What becomes the next version of `name`, unless it says the same as the newest."""

    name: str
    #: In one language or both. An analysis in another language gets what there is, and answers in its own.
    texts: Mapping[Language, str]
    description: str = ""
    config: PromptConfig = field(default_factory=PromptConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptVersion:
    """A version: never changed, never deleted. `created_at` is None for the built-in one."""

    name: str
    version: int
    texts: Mapping[Language, str]
    description: str
    config: PromptConfig
    created_by: str
    created_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A share for each of two labels, of the services that name the prompt without a label."""

    weights: Mapping[str, int]

    def pick(self, sticky: str) -> str:
        """The label for `sticky`; the same one each time, until the weights change.

        By its SHA-256 modulo the sum of the weights, which is even to one part in 2^44 at least.
        """
        shares = sorted(self.weights.items())
        place = int.from_bytes(hashlib.sha256(sticky.encode(errors="replace")).digest()[:8]) % sum(
            weight for _, weight in shares
        )
        return shares[0][0] if place < shares[0][1] else shares[1][0]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptWish:
    """Which prompt somebody asks for: by a label, by a version, or as the name's owner has decided."""

    name: str
    label: str | None = None
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> "PromptWish | None":
        """`name`, `name@label` or `name@3`; None when it is none of them."""
        found = _WISH.fullmatch(text)
        if found is None:
            return None
        return cls(name=found[1], label=found[2], version=None if found[3] is None else int(found[3]))


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPrompt:
    """A name with its labels. Its versions are 1 to `newest`, and 0 when it is the built-in's name."""

    name: str
    newest: int = BUILT_IN_VERSION
    #: Label -> version, without `latest`.
    labels: Mapping[str, int] = field(default_factory=dict)
    split: Split | None = None
    updated_at: datetime | None = None

    def has(self, version: int) -> bool:
        """Is there such a version?"""
        return (0 if self.name == BUILT_IN else 1) <= version <= self.newest

    def at(self, label: str) -> int | None:
        """The version that has this label. The built-in is in production until somebody says otherwise."""
        if label == LATEST:
            return self.newest
        return self.labels.get(label, BUILT_IN_VERSION if (self.name, label) == (BUILT_IN, PRODUCTION) else None)

    def resolve(self, wish: PromptWish, *, sticky: str) -> int | None:
        """The version wished for; None when there is none.

        Without label and version: by the split, else what is in production, else the newest.
        """
        if wish.version is not None:
            return wish.version if self.has(wish.version) else None
        if wish.label is not None:
            return self.at(wish.label)
        label = self.split.pick(sticky) if self.split else PRODUCTION
        found = self.at(label)
        return self.newest if found is None else found


class Rating(StrEnum):
    """What somebody thinks of a diagnosis."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """What somebody said of an analysis; the last word counts."""

    analysis_id: int
    rating: Rating
    comment: str | None
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptTally:
    """What became of the analyses that used a version, and what people said of its answers. Outlives them."""

    version: int
    tally: Tally
    up: int = 0
    down: int = 0
