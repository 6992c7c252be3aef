"""Stored prompts: versions, labels, a split between two of them, and what became of each."""

import re
from typing import Any

from app.api import prompt_schemas as schemas
from app.api.auth import needs
from app.api.context import caller, container
from app.api.parsing import Blueprint
from app.api.schemas import NothingSchema
from app.domain.errors import PromptNotFound
from app.domain.keys import Scope
from app.domain.stored_prompts import WORD, PromptDraft, StoredPrompt

blueprint = Blueprint(
    "prompts",
    __name__,
    url_prefix="/api/v1",
    description="What a model is told before it reads a log: stored under a name, in versions that never change.",
)

_VERSION = re.compile(rf"[0-9]{{1,9}}|{WORD}")
Answer = tuple[object, dict[str, str]]


@blueprint.route("/prompts", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, schemas.PromptsSchema())
def find(_nothing: dict[str, Any]) -> object:
    """List the prompts of the key's project, by name.

    `default`, which is used when nobody names a prompt, is always there.
    """
    return {"items": container().prompts.list(caller().project_id)}


@blueprint.route("/prompts", methods=["POST"])
@needs(Scope.ADMIN)
@blueprint.arguments(schemas.DraftSchema())
@blueprint.alt_response(200, schema=schemas.VersionSchema(), description="The newest version says the same, and is it.")
@blueprint.response(
    201,
    schemas.VersionSchema(),
    description="Stored.",
    headers={"Location": {"description": "Where it is.", "schema": {"type": "string"}}},
)
def create(given: dict[str, Any]) -> tuple[object, int, dict[str, str]]:
    """Store the next version of a prompt; its first makes the prompt.

    Nobody uses it before it has a label, or is the newest of a prompt without `production`.
    """
    me, labels = caller(), given.pop("labels")
    created = container().prompts.create(
        me.project_id, PromptDraft(**given), by=me.name, labels=tuple(dict.fromkeys(labels)), actor=me.prefix
    )
    version = created.version
    headers = {"Location": f"/api/v1/prompts/{version.name}/versions/{version.version}"}
    return version, 201 if created.new else 200, headers


@blueprint.route("/prompts/<name>", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, schemas.PromptSchema())
def look(_nothing: dict[str, Any], name: str) -> object:
    """Look at a prompt: its labels, its newest version, its split."""
    return container().prompts.get(caller().project_id, _name(name))


@blueprint.route("/prompts/<name>", methods=["DELETE"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(204, NothingSchema(), description="Deleted.")
def delete(_nothing: dict[str, Any], name: str) -> None:
    """Delete a prompt.

    No new analysis finds it; those that use it still do. Made again, it goes on with the next version. Of `default`,
    only what was stored goes: what comes with Bifrost is used again.
    """
    container().prompts.delete(caller().project_id, _name(name), actor=caller().prefix)


@blueprint.route("/prompts/<name>/versions", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, schemas.VersionsSchema())
def versions(_nothing: dict[str, Any], name: str) -> object:
    """List the versions of a prompt, newest first."""
    return {"items": container().prompts.versions(caller().project_id, _name(name))}


@blueprint.route("/prompts/<name>/versions/<version>", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, schemas.VersionSchema())
def version(_nothing: dict[str, Any], name: str, version: str) -> object:
    """Look at a version, by its number or by a label."""
    if not _VERSION.fullmatch(version):
        raise PromptNotFound
    return container().prompts.version(caller().project_id, _name(name), version)


@blueprint.route("/prompts/<name>/labels/<label>", methods=["PUT"])
@needs(Scope.ADMIN)
@blueprint.arguments(schemas.LabelSchema())
@blueprint.response(200, schemas.PromptSchema())
def label(wanted: dict[str, Any], name: str, label: str) -> StoredPrompt:
    """Move a label to a version.

    New analyses use it at once. `latest` moves by itself; without `production` the newest version is used.
    """
    me = caller()
    moved: StoredPrompt = container().prompts.label(
        me.project_id, _name(name), _name(label), wanted["version"], actor=me.prefix
    )
    return moved


@blueprint.route("/prompts/<name>/labels/<label>", methods=["DELETE"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(204, NothingSchema(), description="Taken away.")
def unlabel(_nothing: dict[str, Any], name: str, label: str) -> None:
    """Take a label away."""
    container().prompts.unlabel(caller().project_id, _name(name), _name(label), actor=caller().prefix)


@blueprint.route("/prompts/<name>/split", methods=["PUT"])
@needs(Scope.ADMIN)
@blueprint.arguments(schemas.SplitSchema())
@blueprint.response(200, schemas.PromptSchema())
def split(wanted: dict[str, Any], name: str) -> StoredPrompt:
    """Share a prompt out between two labels, by weight.

    For whoever names the prompt without a label. A service of a project always gets the same one; analyses without a
    service are shared out by their logs.
    """
    me = caller()
    shared: StoredPrompt = container().prompts.split(me.project_id, _name(name), wanted["labels"], actor=me.prefix)
    return shared


@blueprint.route("/prompts/<name>/split", methods=["DELETE"])
@needs(Scope.ADMIN)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(204, NothingSchema(), description="Ended.")
def unsplit(_nothing: dict[str, Any], name: str) -> None:
    """End the split: all get `production` again."""
    container().prompts.split(caller().project_id, _name(name), None, actor=caller().prefix)


@blueprint.route("/prompts/<name>/stats", methods=["GET"])
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, schemas.PromptStatisticsSchema())
def statistics(_nothing: dict[str, Any], name: str) -> object:
    """Count what became of each version: ends, degraded ones, time, tokens, cost, feedback.

    Of all time, since a version never changes. The counts outlive the analyses.
    """
    return {"name": name, "versions": container().prompts.statistics(caller().project_id, _name(name))}


def _name(text: str) -> str:
    """What is no name is the name of nothing."""
    if not re.fullmatch(WORD, text):
        raise PromptNotFound
    return text
