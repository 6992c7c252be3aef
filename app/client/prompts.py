"""The calls of the API about stored prompts, and what it answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from app.client.errors import UnexpectedAnswer
from app.client.transport import Call, Transport
from app.domain.stored_prompts import WORD

_PATH = "/api/v1/prompts"
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A name with its labels. `raw` is the API's object."""

    name: str
    newest: int
    labels: Mapping[str, int]
    split: Mapping[str, int] | None
    updated_at: datetime | None
    raw: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptVersion:
    """What never changes: texts by language (`en`, `ko`). `raw` is the API's object."""

    name: str
    version: int
    texts: Mapping[str, str]
    description: str
    max_output_tokens: int | None
    created_by: str
    created_at: datetime | None
    raw: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewVersion:
    """What becomes the next version of `name`, unless the newest says the same."""

    name: str
    texts: Mapping[str, str]
    description: str = ""
    max_output_tokens: int | None = None
    labels: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A version. Not `new`: the newest said the same, and is it."""

    version: PromptVersion
    new: bool


class RemotePrompts:
    """Of the key's project on one server. All raise `ClientError`s."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Sequence[Prompt]:
        """By name."""
        return [self._prompt(one) for one in self._transport.items(self._send("GET", ""))]

    def get(self, name: str) -> Prompt:
        """One."""
        return self._prompt(self._send("GET", f"/{name}"))

    def versions(self, name: str) -> Sequence[PromptVersion]:
        """All of one, newest first."""
        return [self._version(one) for one in self._transport.items(self._send("GET", f"/{name}/versions"))]

    def version(self, name: str, version: int | str) -> PromptVersion:
        """By its number or by a label."""
        return self._version(self._send("GET", f"/{name}/versions/{version}"))

    def create(self, new: NewVersion) -> Stored:
        """Store the next version."""
        fields = {
            "name": new.name,
            "texts": dict(new.texts),
            "description": new.description,
            "max_output_tokens": new.max_output_tokens,
            "labels": list(new.labels),
        }
        answer = self._transport.send(Call(method="POST", path=_PATH, body=orjson.dumps(fields), headers=_JSON))
        return Stored(version=self._version(answer.body), new=answer.status == 201)

    def label(self, name: str, label: str, version: int) -> Prompt:
        """Move a label."""
        return self._prompt(self._send("PUT", f"/{name}/labels/{label}", {"version": version}))

    def unlabel(self, name: str, label: str) -> None:
        """Take a label away."""
        self._send("DELETE", f"/{name}/labels/{label}")

    def split(self, name: str, weights: Mapping[str, int]) -> Prompt:
        """Share it out between two labels."""
        return self._prompt(self._send("PUT", f"/{name}/split", {"labels": dict(weights)}))

    def unsplit(self, name: str) -> None:
        """End that."""
        self._send("DELETE", f"/{name}/split")

    def delete(self, name: str) -> None:
        """No new analysis finds it."""
        self._send("DELETE", f"/{name}")

    def statistics(self, name: str) -> Mapping[str, object]:
        """What became of each version, as the API tells it."""
        return self._send("GET", f"/{name}/stats")

    def _send(self, method: str, path: str, fields: Mapping[str, object] | None = None) -> Mapping[str, object]:
        body = None if fields is None else orjson.dumps(fields)
        headers = None if fields is None else _JSON
        return self._transport.send(Call(method=method, path=_PATH + path, body=body, headers=headers)).body

    def _prompt(self, raw: Mapping[str, object]) -> Prompt:
        split = raw.get("split")
        return Prompt(
            name=self._name(raw),
            newest=_number(raw.get("newest")) or 0,
            labels=_numbers(raw.get("labels")),
            split=None if split is None else _numbers(split),
            updated_at=_moment(raw.get("updated_at")),
            raw=raw,
        )

    def _version(self, raw: Mapping[str, object]) -> PromptVersion:
        texts = raw.get("texts")
        return PromptVersion(
            name=self._name(raw),
            version=_number(raw.get("version")) or 0,
            texts={str(key): str(value) for key, value in texts.items()} if isinstance(texts, Mapping) else {},
            description=str(raw.get("description") or ""),
            max_output_tokens=_number(raw.get("max_output_tokens")),
            created_by=str(raw.get("created_by") or ""),
            created_at=_moment(raw.get("created_at")),
            raw=raw,
        )

    def _name(self, raw: Mapping[str, object]) -> str:
        name = raw.get("name")
        # it becomes a path and a file
        if not isinstance(name, str) or not re.fullmatch(WORD, name):
            raise UnexpectedAnswer(f"{self._transport.url} answered with a prompt that has no name")
        return name


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _numbers(value: object) -> Mapping[str, int]:
    found = value if isinstance(value, Mapping) else {}
    return {str(name): number for name, number in found.items() if isinstance(number, int)}


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
