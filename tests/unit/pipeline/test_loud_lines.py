"""Whatever says ERROR reaches the prompt: by a line of its own or by the pattern that stands for it."""

import random

import pytest

from app.domain.logs import Level
from app.pipeline.preparation import PreparationLimits, prepare

SYSTEMS = ("pool", "cache", "index", "queue", "ledger", "mailer", "router", "search", "stock", "clock")
FAULTS = (
    "connection to {} refused",
    "{} is corrupt",
    "cannot write to {}",
    "lost the lease on {}",
    "{} does not answer",
    "checksum of {} is wrong",
)
FORMATS = (
    "2026-03-01T10:00:{0:02}.{0:03}Z {1} [worker-{0}] {2}",
    "2026-03-01 10:00:{0:02},{0:03} - service - {1} - {2}",
    '{{"time":"2026-03-01T10:00:{0:02}Z","level":"{1}","message":"{2}","n":{0}}}',
    "[{1}] {2} ({0})",
)


def generated(form, seed):
    """A log of 4,000 lines with 60 kinds of errors in it, and the numbers of their lines by kind."""
    chance = random.Random(seed)
    texts = [fault.format(f"the {system}") for system in SYSTEMS for fault in FAULTS]
    lines = [form.format(i % 60, "INFO", f"job {i} of {chance.choice(SYSTEMS)} done") for i in range(4000)]
    places = chance.sample(range(len(lines)), 180)
    kinds = {}
    for count, place in enumerate(places):
        text = texts[count % len(texts)]
        lines[place] = form.format(place % 60, "ERROR", text)
        kinds.setdefault(text, []).append(place + 1)
    return "\n".join(lines), kinds


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_kind_of_error_is_in_the_prompt_and_every_one_of_them_is_counted(form, seed):
    log, kinds = generated(form, seed)
    prepared = prepare(log, limits=PreparationLimits(), token_budget=8000)
    assert prepared.coverage.tokens_estimated <= 8000
    loud = {index for index, template in enumerate(prepared.templates) if template.level >= Level.ERROR}
    assert loud <= set(prepared.templates_shown)
    assert sum(prepared.templates[index].count for index in loud) == sum(map(len, kinds.values()))
    first = {template.first for template in prepared.templates if template.level >= Level.ERROR}
    assert first <= {min(numbers) for numbers in kinds.values()}
