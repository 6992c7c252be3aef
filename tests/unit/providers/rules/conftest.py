"""Asking the rules about a log, from text to grounded diagnosis."""

import pytest

from app.domain.prompts import Prompt
from app.pipeline.grounding import Grounded, ground
from app.pipeline.interpretation import interpret
from app.pipeline.preparation import PreparationLimits, prepare
from app.providers.rules import Rules


class Watching:
    """Counts its checks; can interrupt at the first one."""

    def __init__(self, error=None):
        self.error, self.checks, self.tokens = error, 0, []

    def check(self):
        self.checks += 1
        if self.error:
            raise self.error

    def seconds_left(self):
        return None

    def token(self, text):
        self.tokens.append(text)


def prompt_of(log, language="en", budget=8000, bytes_replaced=0):
    prepared = prepare(log, limits=PreparationLimits(), token_budget=budget, bytes_replaced=bytes_replaced)
    return Prompt(
        system="",
        messages=(),
        schema={},
        log=prepared,
        language=language,
        model=None,
        tokens_estimated=0,
        max_output_tokens=1200,
    )


def ask(log, language="en") -> Grounded:
    prompt = prompt_of(log, language)
    return ground(interpret(Rules().complete(prompt, Watching()).text), prompt.log)


@pytest.fixture
def diagnose():
    """log -> diagnosis, all of whose evidence stands in the log."""

    def run(log, language="en"):
        grounded = ask(log, language)
        assert grounded.dropped == 0
        return grounded.diagnosis

    return run


@pytest.fixture
def watching():
    return Watching


@pytest.fixture
def make_prompt():
    return prompt_of
