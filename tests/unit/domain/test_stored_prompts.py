"""Which version a name means."""

import pytest

from app.domain.stored_prompts import PromptWish, Split, StoredPrompt


def wish(text: str) -> PromptWish:
    found = PromptWish.parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "name", "label", "version"),
    [("a", "a", None, None), ("a-b_1@prod", "a-b_1", "prod", None), ("a@12", "a", None, 12), ("a@0", "a", None, 0)],
)
def test_a_wish_is_a_name_perhaps_with_a_label_or_a_version(text, name, label, version):
    assert wish(text) == PromptWish(name=name, label=label, version=version)


@pytest.mark.parametrize("text", ["", "@a", "a@", "A", "1a", "a b", "a@b@c", "a@1.5", "a\n", "a@-1", "가", "a" * 51])
def test_anything_else_is_none(text):
    assert PromptWish.parse(text) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("a", 2),
        ("a@production", 2),
        ("a@latest", 3),
        ("a@1", 1),
        ("a@3", 3),
        ("a@4", None),
        ("a@0", None),
        ("a@x", None),
    ],
)
def test_a_wish_means_a_version(text, version):
    stored = StoredPrompt(name="a", newest=3, labels={"production": 2})
    assert stored.resolve(wish(text), sticky="s") == version


def test_without_production_the_newest_is_meant_but_the_built_in_stays():
    assert StoredPrompt(name="a", newest=3).resolve(wish("a"), sticky="s") == 3
    assert StoredPrompt(name="default", newest=3).resolve(wish("default"), sticky="s") == 0


def test_a_split_follows_the_weights_and_sticks():
    split = Split(weights={"production": 80, "candidate": 20})
    services = [f"1\0a\0service-{number}" for number in range(5000)]
    chosen = {service: split.pick(service) for service in services}
    share = sum(label == "candidate" for label in chosen.values()) / len(services)
    assert 0.17 < share < 0.23
    assert {service: Split(weights={"candidate": 20, "production": 80}).pick(service) for service in services} == chosen


def test_a_larger_share_takes_no_service_away():
    services = [f"service-{number}" for number in range(2000)]
    small, large = (Split(weights={"production": 100 - part, "candidate": part}) for part in (10, 30))
    before = {service for service in services if small.pick(service) == "candidate"}
    assert before <= {service for service in services if large.pick(service) == "candidate"}


def test_a_weight_of_nothing_is_nobody():
    split = Split(weights={"production": 1, "candidate": 0})
    assert {split.pick(str(number)) for number in range(500)} == {"production"}
    stored = StoredPrompt(name="a", newest=2, labels={"production": 1, "candidate": 2}, split=split)
    assert stored.resolve(wish("a@candidate"), sticky="s") == 2
