"""A prepared log to a prompt that fits its budget."""

from collections.abc import Iterable
from dataclasses import replace

from app.domain.analyses import Language
from app.domain.logs import PreparedLog
from app.domain.prompts import Message, Prompt
from app.pipeline import layout
from app.pipeline.instructions import AGAIN
from app.pipeline.interpretation import ANSWER_SCHEMA
from app.pipeline.naming import hidden
from app.pipeline.tokens import estimate
from app.pipeline.wording import WIDEST, dearest, instructions, short

#: Budgets, in tokens, below which the short instructions are used.
SMALL = 3500
#: Characters of a refused answer that is shown again, and of what was wrong with it.
_ANSWER_CHARS = 160
_PROBLEM_CHARS = 160
_MOST = 10**8


def build_prompt(  # noqa: PLR0913 — the fields of one question, all by name
    prepared: PreparedLog,
    *,
    language: str,
    analysis_type: str,
    service_name: str | None,
    environment: str | None,
    model: str | None,
    max_output_tokens: int,
    text: str | None = None,
) -> Prompt:
    """The question about `prepared`; `tokens_estimated` is within the budget that the log was prepared for.

    `text`: of the stored prompt that the log was prepared for; None: the master.
    """
    coverage = prepared.coverage
    # a name may hold a secret as well as a line may
    asked, service, runs_in = (
        hidden(name, prepared.placeholders) for name in (analysis_type, service_name, environment)
    )
    system = instructions(
        text,
        language=language,
        token_budget=coverage.token_budget,
        small=coverage.token_budget < SMALL,
        values={"analysis_type": asked, "service_name": service, "environment": runs_in},
    )
    frame = _frame((asked or "", service, runs_in), (coverage.lines_total, len(prepared.shown), coverage.records))
    content = "\n".join((frame, *prepared.preface, layout.body(prepared.shown, rows(prepared))))
    return Prompt(
        system=system,
        messages=(Message(role="user", content=content),),
        schema=ANSWER_SCHEMA,
        log=prepared,
        language=language,
        model=model,
        tokens_estimated=_tokens(system, (content,)),
        max_output_tokens=max_output_tokens,
    )


def reask(prompt: Prompt, answer: str, problem: str) -> Prompt:
    """The same question with the beginning of the answer that could not be used, and why."""
    again = AGAIN[prompt.language if prompt.language in AGAIN else Language.EN]
    messages = (
        *prompt.messages,
        Message(role="assistant", content=answer[:_ANSWER_CHARS] or "{}"),
        Message(role="user", content=again.format(problem=problem[:_PROBLEM_CHARS])),
    )
    return replace(prompt, messages=messages, tokens_estimated=_tokens(prompt.system, [m.content for m in messages]))


def rows(prepared: PreparedLog) -> list[str]:
    """The table of shown templates; one that occurs once and is shown word for word needs no row."""
    numbers = {line.number for line in prepared.shown}
    chars = layout.PATTERN_CHARS if prepared.coverage.token_budget >= SMALL else layout.PATTERN_CHARS_SHORT
    table: list[str] = []
    for index in prepared.templates_shown:
        template = prepared.templates[index]
        visible = any(record[0].number in numbers for record in template.exemplars)
        if template.count > 1 or not visible:
            table.append(layout.row(template, chars=0 if visible else chars))
    return table


def overhead(token_budget: int, text: str | None = None) -> int:
    """Tokens of a prompt without its rows and lines, in the dearest language and with the longest names."""
    frame = _frame((WIDEST, WIDEST, WIDEST), (_MOST, _MOST, _MOST))
    content = f"{frame}\n{layout.body((), ())}\n"
    system = dearest(text, token_budget=token_budget, small=token_budget < SMALL)
    if token_budget < SMALL:
        return _tokens(system, (_frame(("error", None, None), (_MOST, _MOST, _MOST)) + layout.body((), ()),)) + 60
    # room for asking again
    return _tokens(system, (content,)) + estimate(WIDEST) + (_ANSWER_CHARS + _PROBLEM_CHARS)


def _frame(names: tuple[str, str | None, str | None], numbers: tuple[int, int, int]) -> str:
    analysis_type, service, environment = map(short, names)
    asked = [f"Question: {analysis_type}"] if analysis_type else []
    asked += [f"Service: {service}"] if service else []
    asked += [f"Environment: {environment}"] if environment else []
    total, sent, records = numbers
    return f"{'. '.join(asked)}\nThe log: {total} lines, {records} records; {sent} lines shown."


def _tokens(system: str, contents: Iterable[str]) -> int:
    """With a few for what marks the turns of a chat."""
    return estimate(system) + sum(estimate(content) + 8 for content in contents) + 8
