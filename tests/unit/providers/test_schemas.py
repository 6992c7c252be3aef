"""The schema that every constrained decoder understands."""

from app.providers.schemas import strict


def test_bounds_go_and_every_object_is_closed():
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
            "minimum": {"type": "string", "enum": ["LOW", "HIGH"], "description": "a property may have any name"},
            "list": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/part"}},
            "either": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"x": {"type": "integer"}}}]},
        },
        "$defs": {"part": {"type": "object", "properties": {"line": {"type": "integer", "minimum": 1}}}},
    }
    part = {"type": "object", "properties": {"line": {"type": "integer"}}, "required": ["line"]}
    inner = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    closed = {"additionalProperties": False}
    assert strict(schema) == {
        "type": "object",
        "properties": {
            "a": {"type": "number"},
            "minimum": {"type": "string", "enum": ["LOW", "HIGH"], "description": "a property may have any name"},
            "list": {"type": "array", "items": {"$ref": "#/$defs/part"}},
            "either": {"anyOf": [{"type": "null"}, inner | closed]},
        },
        "required": ["a", "minimum", "list", "either"],
        "$defs": {"part": part | closed},
        **closed,
    }


def test_the_schema_given_is_left_as_it_is():
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}
    strict(schema)
    assert schema == {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}
