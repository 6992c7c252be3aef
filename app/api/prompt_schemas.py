"""What goes in and what comes out about stored prompts."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from app.api.fields import PromptWord
from app.api.schemas import Strict
from app.api.statistics_schemas import TallySchema
from app.domain.analyses import Language
from app.domain.prompts import PromptConfig
from app.domain.stored_prompts import LATEST, PRODUCTION, StoredPrompt


def _about(text: str, **more: object) -> dict[str, object]:
    return {"description": text, **more}


_MAX_VERSION = 10**9 - 1
_MAX_WEIGHT = 10_000
_MAX_LABELS = 32


class Whole(fields.Integer):
    """A JSON number without a fraction: neither a string nor a boolean."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        """Between these."""
        super().__init__(strict=True, validate=validate.Range(least, most), **options)

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool | str):
            raise self.make_error("invalid")
        return super()._validated(value)


class DraftSchema(Strict):
    """The next version of a prompt."""

    name = PromptWord(required=True, metadata=_about("New, or one there is.", pattern=PromptWord.PATTERN))
    texts = fields.Dict(
        keys=fields.Enum(Language, by_value=fields.String),
        values=fields.String(),
        required=True,
        metadata=_about(
            "Language -> text, in one language at least. `{{service_name}}`, `{{environment}}`, `{{analysis_type}}` "
            "and `{{language}}` are filled in; how to read the log and how to answer is always added.",
            example={"en": "You diagnose logs of {{service_name}}."},
        ),
    )
    description = fields.String(load_default="", metadata=_about("What is new, on one line.", maxLength=500))
    max_output_tokens = Whole(
        1, 1_000_000, allow_none=True, load_default=None, metadata=_about("Tokens the answer may have.")
    )
    labels = fields.List(
        PromptWord(),
        load_default=list,
        validate=validate.Length(max=_MAX_LABELS),
        metadata=_about("To be moved to it."),
    )

    @post_load
    def _shape(self, found: dict[str, Any], **_: Any) -> dict[str, Any]:
        config = PromptConfig(max_output_tokens=found.pop("max_output_tokens"))
        return {**found, "config": config}


class LabelSchema(Strict):
    """Where a label shall be."""

    version = Whole(0, _MAX_VERSION, required=True, metadata=_about("0: what comes with Bifrost, of `default` only."))


class SplitSchema(Strict):
    """Shares of two labels."""

    labels = fields.Dict(
        keys=PromptWord(),
        values=Whole(0, _MAX_WEIGHT),
        required=True,
        metadata=_about("Label -> weight, of two labels.", example={"production": 90, "candidate": 10}),
    )


def _labels(prompt: StoredPrompt) -> dict[str, int]:
    """With `latest`, and with `production` where it goes without saying."""
    shown = {label: prompt.at(label) for label in (*prompt.labels, PRODUCTION, LATEST)}
    return {label: version for label, version in sorted(shown.items()) if version is not None}


class PromptSchema(Schema):
    """A prompt."""

    name = fields.String()
    newest = fields.Integer(metadata=_about("Its newest version; 0: what comes with Bifrost."))
    labels = fields.Function(
        _labels,
        metadata=_about("Label -> version.", type="object", additionalProperties={"type": "integer"}),
    )
    split = fields.Function(
        lambda prompt: None if prompt.split is None else dict(prompt.split.weights),
        metadata=_about("Label -> weight, when it is shared out.", type=["object", "null"]),
    )
    updated_at = fields.AwareDateTime(allow_none=True)


class PromptsSchema(Schema):
    """All of them, by name."""

    items = fields.List(fields.Nested(PromptSchema))


class VersionSchema(Schema):
    """A version: it never changes."""

    name = fields.String()
    version = fields.Integer()
    texts = fields.Function(
        lambda version: {language.value: text for language, text in version.texts.items()},
        metadata=_about("Language -> text.", type="object", additionalProperties={"type": "string"}),
    )
    description = fields.String()
    max_output_tokens = fields.Function(
        lambda version: version.config.max_output_tokens,
        metadata=_about("Null: as the server's settings say.", type=["integer", "null"]),
    )
    created_by = fields.String(metadata=_about("The name of the key."))
    created_at = fields.AwareDateTime(allow_none=True, metadata=_about("Null for what comes with Bifrost."))


class VersionsSchema(Schema):
    """All versions, newest first."""

    items = fields.List(fields.Nested(VersionSchema))


class PromptTallySchema(Schema):
    """What became of the analyses that used a version. Outlives them."""

    version = fields.Integer()
    tally = fields.Nested(TallySchema)
    feedback = fields.Function(
        lambda found: {"up": found.up, "down": found.down},
        metadata=_about("Answers that people rated.", type="object", additionalProperties={"type": "integer"}),
    )


class PromptStatisticsSchema(Schema):
    """A prompt's versions that were used or rated, newest first. Some seconds old."""

    name = fields.String()
    versions = fields.List(fields.Nested(PromptTallySchema))
