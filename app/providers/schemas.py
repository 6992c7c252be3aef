"""The answer's JSON schema in the dialect that every constrained decoder understands."""

from collections.abc import Mapping

#: Bounds and patterns that one server or the other refuses (Bedrock knows no `minimum`, OpenAI's strict mode no
#: `default`); the answer is validated against the whole schema afterwards anyway.
_KEPT = frozenset({"type", "properties", "items", "enum", "const", "anyOf", "description", "$ref", "$defs"})


def strict(schema: Mapping[str, object]) -> dict[str, object]:
    """A copy with known words only, every property required and no others allowed."""
    plain = {word: _strict(word, value) for word, value in schema.items() if word in _KEPT}
    properties = plain.get("properties")
    if isinstance(properties, dict):
        plain |= {"required": list(properties), "additionalProperties": False}
    return plain


def _strict(word: str, value: object) -> object:
    if word in {"properties", "$defs"} and isinstance(value, Mapping):
        return {name: strict(part) if isinstance(part, Mapping) else part for name, part in value.items()}
    if isinstance(value, Mapping):
        return strict(value)
    if word == "anyOf" and isinstance(value, list):
        return [strict(part) if isinstance(part, Mapping) else part for part in value]
    return value
