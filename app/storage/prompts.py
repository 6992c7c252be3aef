"""Stored prompts: heads with their labels, versions that are only ever added, and what became of them."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from app.domain.analyses import Language
from app.domain.prompts import ClaimedPrompt, PromptConfig
from app.domain.statistics import Counts
from app.domain.stored_prompts import PromptDraft, PromptVersion, Split, StoredPrompt
from app.storage import codecs
from app.storage.statistics import SUMMED, counts_of

_CONFIG = codecs.Column(PromptConfig)
_HEAD = """SELECT p.name, p.newest, p.split, p.updated_at, coalesce((
        SELECT json_object_agg(l.label, l.version ORDER BY l.label) FROM prompt_labels l
        WHERE l.project_id = p.project_id AND l.name = p.name
    ), '{}') AS labels FROM prompts p WHERE p.project_id = :project_id"""
_LIST = text(f"{_HEAD} AND p.deleted_at IS NULL ORDER BY p.name")
_GET = text(f"{_HEAD} AND p.name = :name AND p.deleted_at IS NULL")
_HOLD = text("SELECT FROM prompts WHERE project_id = :project_id AND name = :name FOR UPDATE")
_BEGIN = text("""
    INSERT INTO prompts (project_id, name) VALUES (:project_id, :name)
    ON CONFLICT (project_id, name) DO UPDATE SET deleted_at = NULL
""")
_TOUCH = text("UPDATE prompts SET updated_at = now() WHERE project_id = :project_id AND name = :name")
#: A version is a row for each of its languages.
_OF_VERSION = "name, version, config, description, created_by, created_at"
_VERSIONS = f"""SELECT {_OF_VERSION}, json_object_agg(language, template ORDER BY language) AS texts
    FROM prompt_templates WHERE project_id = :project_id AND name = :name"""
_ALL_VERSIONS = text(f"{_VERSIONS} GROUP BY {_OF_VERSION} ORDER BY version DESC")
_VERSION = text(f"{_VERSIONS} AND version = :version GROUP BY {_OF_VERSION}")
_ADD = text("""
    INSERT INTO prompt_templates (project_id, name, version, language, template, config, description, created_by)
    SELECT :project_id, :name, :version, language, template, CAST(:config AS jsonb), :description, :created_by
    FROM unnest(CAST(:languages AS text[]), CAST(:texts AS text[])) AS given (language, template)
""")
_NEWEST = text("UPDATE prompts SET newest = :version WHERE project_id = :project_id AND name = :name")
_LABEL = text("""
    INSERT INTO prompt_labels (project_id, name, label, version) VALUES (:project_id, :name, :label, :version)
    ON CONFLICT (project_id, name, label) DO UPDATE SET version = excluded.version, moved_at = now()
""")
_UNLABEL = text("DELETE FROM prompt_labels WHERE project_id = :project_id AND name = :name AND label = :label")
_UNLABEL_ALL = text("DELETE FROM prompt_labels WHERE project_id = :project_id AND name = :name")
_SPLIT = text("UPDATE prompts SET split = CAST(:split AS jsonb) WHERE project_id = :project_id AND name = :name")
_DELETE = text("UPDATE prompts SET deleted_at = now(), split = NULL WHERE project_id = :project_id AND name = :name")
_COUNTS = text(f"""
    SELECT prompt_version, provider, model, status, {SUMMED} FROM prompt_metrics
    WHERE project_id = :project_id AND prompt_name = :name
    GROUP BY prompt_version, provider, model, status
""")
_RATINGS = text("""
    SELECT prompt_version, up, down FROM prompt_feedback WHERE project_id = :project_id AND prompt_name = :name
""")


class PostgresPrompts:
    """`prompt_ports.Prompts` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, project_id: int) -> Sequence[StoredPrompt]:
        """All of a project, by name."""
        return [_head(row) for row in self._connection.execute(_LIST, {"project_id": project_id})]

    def get(self, project_id: int, name: str) -> StoredPrompt | None:
        """One, with its labels."""
        row = self._connection.execute(_GET, {"project_id": project_id, "name": name}).first()
        return None if row is None else _head(row)

    def hold(self, project_id: int, name: str) -> StoredPrompt | None:
        """The same; until the transaction ends nobody else changes it."""
        self._connection.execute(_HOLD, {"project_id": project_id, "name": name})
        return self.get(project_id, name)

    def begin(self, project_id: int, name: str) -> StoredPrompt:
        """The same; made without a version when it is new, alive again when it was deleted."""
        self._connection.execute(_BEGIN, {"project_id": project_id, "name": name})
        found = self.get(project_id, name)
        assert found is not None, "it was just made, and we hold it"
        return found

    def versions(self, project_id: int, name: str) -> Sequence[PromptVersion]:
        """All of one, newest first."""
        rows = self._connection.execute(_ALL_VERSIONS, {"project_id": project_id, "name": name})
        return [_version(row) for row in rows]

    def version(self, project_id: int, name: str, version: int) -> PromptVersion | None:
        """One of them."""
        values = {"project_id": project_id, "name": name, "version": version}
        row = self._connection.execute(_VERSION, values).first()
        return None if row is None else _version(row)

    def add(self, draft: PromptDraft, version: int, *, project_id: int, created_by: str) -> None:
        """Store a version."""
        values: dict[str, Any] = {"project_id": project_id, "name": draft.name, "version": version}
        given = {
            "languages": [language.value for language in draft.texts],
            "texts": list(draft.texts.values()),
            "config": _CONFIG.dump(draft.config),
            "description": draft.description,
            "created_by": created_by,
        }
        self._connection.execute(_ADD, values | given)
        self._connection.execute(_NEWEST, values)
        self._connection.execute(_TOUCH, values)

    def label(self, project_id: int, name: str, label: str, version: int | None) -> bool:
        """Move it to this version; None: take it away. False: it was not there."""
        values = {"project_id": project_id, "name": name, "label": label, "version": version}
        changed = self._connection.execute(_UNLABEL if version is None else _LABEL, values).rowcount
        self._connection.execute(_TOUCH, values)
        return changed == 1

    def split(self, project_id: int, name: str, split: Split | None) -> None:
        """Share the services out; None: not any more."""
        shares = None if split is None else orjson.dumps(split.weights).decode()
        values = {"project_id": project_id, "name": name, "split": shares}
        self._connection.execute(_SPLIT, values)
        self._connection.execute(_TOUCH, values)

    def delete(self, project_id: int, name: str) -> None:
        """No new analysis finds it; those that use it still do."""
        values = {"project_id": project_id, "name": name}
        self._connection.execute(_UNLABEL_ALL, values)
        self._connection.execute(_DELETE, values)
        self._connection.execute(_TOUCH, values)

    def counts(self, project_id: int, name: str) -> Sequence[tuple[int, Counts]]:
        """Version and counts of ended analyses, added up by version, provider, model and status."""
        rows = self._connection.execute(_COUNTS, {"project_id": project_id, "name": name})
        return [(row.prompt_version, counts_of(row)) for row in rows]

    def ratings(self, project_id: int, name: str) -> Sequence[tuple[int, int, int]]:
        """Version, thumbs up, thumbs down."""
        rows = self._connection.execute(_RATINGS, {"project_id": project_id, "name": name})
        return [(row.prompt_version, row.up, row.down) for row in rows]


def claimed_prompt(row: Row[Any]) -> ClaimedPrompt | None:
    """Of a claim's row."""
    ref = codecs.prompt_ref(row.prompt_name, row.prompt_version)
    if ref is None:
        return None
    return ClaimedPrompt(ref=ref, text=row.template, config=_config(row.config))


def _config(value: object) -> PromptConfig:
    return _CONFIG.load(value) or PromptConfig()


def _head(row: Row[Any]) -> StoredPrompt:
    return StoredPrompt(
        name=row.name,
        newest=row.newest,
        labels=row.labels,
        split=None if row.split is None else Split(weights=row.split),
        updated_at=row.updated_at,
    )


def _version(row: Row[Any]) -> PromptVersion:
    return PromptVersion(
        name=row.name,
        version=row.version,
        texts={Language(language): template for language, template in row.texts.items()},
        description=row.description,
        config=_config(row.config),
        created_by=row.created_by,
        created_at=row.created_at,
    )
