"""The catalog: what every signature must have, and that each knows its lines."""

import re
from pathlib import Path

import pytest
import re2
import yaml

from app.providers.rules.catalog import Escalation, load
from app.providers.rules.wording import FIELD, words

CATALOG = load()
LINES = yaml.safe_load((Path(__file__).parent / "lines.yaml").read_text(encoding="utf-8"))
MEASURED = {"count", "first", "last", "where", "path", "type", "message", "statuses", "share", "requests"}
CASES = [pytest.param(name, line, id=f"{name}-{n}") for name, lines in LINES.items() for n, line in enumerate(lines)]


@pytest.mark.parametrize(("name", "line"), CASES)
def test_a_line_shows_its_signature_first(name, line):
    found = CATALOG.matches(line)
    assert found, "no signature knows it"
    assert found[0].signature.id == name


def test_every_signature_with_patterns_has_a_line_here():
    assert set(LINES) == {s.id for s in CATALOG.signatures if s.patterns}


def test_there_are_many_signatures_and_no_two_of_the_same_name():
    assert len(CATALOG.by_id) == len(CATALOG.signatures) >= 140


def test_every_pattern_is_one_that_re2_takes():
    for signature in CATALOG.signatures:
        for pattern in (*signature.patterns, *signature.details, *signature.unless):
            re2.compile(pattern)


def test_a_signature_can_be_told_by_something():
    assert not [s.id for s in CATALOG.signatures if not (s.patterns or s.meter or s.trace)]


def test_a_signature_names_only_others_that_exist():
    known = {f"@{group}" for signature in CATALOG.signatures for group in signature.groups} | set(CATALOG.by_id)
    for signature in CATALOG.signatures:
        company = {name for step in signature.escalate for name in step.company}
        named = {*signature.explains, *signature.covers, *signature.only_with, *company}
        assert named <= known - {signature.id}, signature.id


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_text_uses_only_fields_that_a_match_can_fill(language):
    for signature in CATALOG.signatures:
        seen = [signature, *(CATALOG.by_id[name] for name in signature.covers)]
        patterns = "".join(pattern for other in seen for pattern in (*other.patterns, *other.details))
        known = MEASURED | set(re.findall(r"\(\?P<(\w+)>", patterns))
        text = signature.text(language)
        for part in (text.title, text.cause, *text.steps):
            assert {name for name, _ in FIELD.findall(part)} <= known, signature.id


def test_korean_is_korean_and_english_has_none():
    hangul = re.compile(r"[가-힣]")
    for signature in CATALOG.signatures:
        en, ko = signature.en, signature.ko
        assert all(hangul.search(part) for part in (ko.title, ko.cause, *ko.steps)), signature.id
        assert not any(hangul.search(part) for part in (en.title, en.cause, *en.steps)), signature.id
        assert not en.title.endswith("."), signature.id


def test_an_unknown_key_in_a_signature_is_refused():
    with pytest.raises(ValueError, match="sverity"):
        Escalation.model_validate({"to": "HIGH", "sverity": "LOW"})


def test_an_unknown_language_is_answered_in_english():
    assert words("fr") is words("en")
    assert words("ko") is not words("en")
