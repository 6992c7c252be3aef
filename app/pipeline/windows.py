"""A log that one prompt cannot show: its errors divided into windows, runs of the log with a prompt each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.domain.logs import Level, Line, Template, Window, Windows
from app.pipeline.fitting import Fitted, Source, example_cost, fit_window

#: Share of a window that its errors may take; the rest shows what preceded them.
_ERRORS = 0.8
#: Tokens kept free for the sentence that says which part of the log a window is.
PREFACE = 90
#: Tokens of the last prompt: its question at most, one finding at its shortest, and the share they may take together.
QUESTION, FINDING, FINDINGS = 300, 300, 0.5
#: The first prompt and the one that makes a single diagnosis of all answers: without both, windows are of no use.
_OTHER_CALLS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowLimits:
    """Questions of one analysis, and tokens of all of them with their answers. See `app.settings.Windows`."""

    max_calls: int = 1
    max_tokens: int = 0

    def most(self, token_budget: int) -> int:
        """Windows at most, when each question takes its whole budget."""
        return max(min(self.max_calls, self.max_tokens // max(token_budget, 1)) - _OTHER_CALLS, 0)


def divide(
    templates: Sequence[Template], source: Source, first: Fitted, *, room: int, chars: int, most: int
) -> Windows | None:
    """At most `most` windows of `room` tokens for the errors that `first` shows no example of; None without such.

    Each error is in one window at most. When there are too many, the most telling go first: `templates` come so.
    """
    # as many as the last prompt has room for, beside what the first one found
    most = min(most, int(room * FINDINGS - QUESTION) // FINDING - 1)
    if most < 1:
        return None
    for_errors = int((room - PREFACE) * _ERRORS)
    costs = _costs(templates, unshown(templates, first.shown), room=for_errors)
    runs = needed = _runs(templates, costs, room=for_errors)
    telling = sorted(costs)
    while len(runs) > most:
        # as many as would fill them, if all cost the same; at least one less
        telling = telling[: min(len(telling) - 1, max(len(telling) * most // len(runs), 1))]
        runs = _runs(templates, {index: costs[index] for index in telling}, room=for_errors)
    if not runs:
        return None
    quiet = _quiet(templates, first)
    parts = [
        _window(templates, source, run, others=_within(templates, quiet, bounds), room=(room - PREFACE, chars))
        for run, bounds in zip(runs, _bounds(templates, runs, source.total), strict=True)
    ]
    return Windows(
        parts=tuple(part for _, part in sorted(zip(map(min, runs), parts, strict=True), key=lambda pair: pair[0])),
        needed=len(needed),
        room=room,
    )


def unshown(templates: Sequence[Template], shown: Iterable[Line]) -> list[int]:
    """Errors of which no example is shown, most telling first."""
    numbers = {line.number for line in shown}
    return [
        index
        for index, template in enumerate(templates)
        if template.level >= Level.ERROR and not any(record[0].number in numbers for record in template.exemplars)
    ]


def _costs(templates: Sequence[Template], indices: Iterable[int], *, room: int) -> dict[int, int]:
    """Template -> tokens of its example. What is too long for a window of its own is left out as before."""
    costs = ((index, example_cost(templates[index], room=room)) for index in indices)
    return {index: cost for index, cost in costs if cost is not None}


def _runs(templates: Sequence[Template], costs: Mapping[int, int], *, room: int) -> list[list[int]]:
    """Templates in the order of their first records, cut wherever the next one would not fit."""
    runs: list[list[int]] = []
    left = 0
    for index in sorted(costs, key=lambda index: templates[index].first):
        if costs[index] > left or not runs:
            runs.append([])
            left = room
        runs[-1].append(index)
        left -= costs[index]
    return runs


def _bounds(templates: Sequence[Template], runs: Sequence[Sequence[int]], total: int) -> list[tuple[int, int]]:
    """The lines of the log that are each run's, as (from, before): together they are all of it."""
    starts = [1, *(templates[run[0]].first for run in runs[1:]), total + 1]
    return list(pairwise(starts))


def _quiet(templates: Sequence[Template], first: Fitted) -> list[int]:
    """What is no error and not even counted by the first prompt, most telling first."""
    shown = set(first.templates_shown)
    return [i for i, template in enumerate(templates) if template.level < Level.ERROR and i not in shown]


def _within(templates: Sequence[Template], indices: Iterable[int], bounds: tuple[int, int]) -> list[int]:
    return [index for index in indices if bounds[0] <= templates[index].first < bounds[1]]


def _window(
    templates: Sequence[Template], source: Source, run: Sequence[int], *, others: Sequence[int], room: tuple[int, int]
) -> Window:
    fitted = fit_window(templates, source, room=room[0], chars=room[1], loud=run, others=others)
    return Window(
        first=templates[run[0]].first,
        last=templates[run[-1]].first,
        shown=fitted.shown,
        templates_shown=fitted.templates_shown,
        owners=fitted.owners,
        tokens=fitted.tokens,
    )
