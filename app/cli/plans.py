"""`submit --dry-run`: what would become of each log, and what it would cost."""

from collections.abc import Iterable, Mapping

from app.cli import output
from app.cli.exits import Exit, Stop, explain
from app.cli.inputs import Place, read
from app.cli.options import Order
from app.client import ApiError, Client, RemotePlan
from app.pipeline import rendering
from app.pipeline.escaping import one_line

#: Language -> name -> words. The labels of a language are equally wide.
_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "nothing_submitted": "nothing was submitted",
        "ask": "Would ask ",
        "then": ", then {provider}",
        "read": "Would read",
        "first_call": " in the first call",
        "cost": "Would cost",
        "rules": "the built-in rules",
        "no_model": "nothing: no model is asked",
        "calls": "in {n} calls ",
        "tokens": "about {prompt} tokens, and at most {most} of answers",
        "unpriced": "{tokens}; the model has no price (`ai.prices`)",
        "free": "nothing: {tokens}",
        "at_most": "at most ${cost}: {tokens}",
    },
    "ko": {
        "nothing_submitted": "제출하지 않았습니다",
        "ask": "질문 대상",
        "then": ", 다음은 {provider}",
        "read": "분석 범위",
        "first_call": " (첫 호출)",
        "cost": "예상 비용",
        "rules": "내장 규칙",
        "no_model": "없음: 모델에 묻지 않음",
        "calls": "호출 {n}회, ",
        "tokens": "약 {prompt}토큰, 응답은 최대 {most}토큰",
        "unpriced": "{tokens}; 모델의 가격이 없음 (`ai.prices`)",
        "free": "없음: {tokens}",
        "at_most": "최대 ${cost}: {tokens}",
    },
}


def plan_each(client: Client, found: Iterable[Place], wanted: Order) -> list[Exit]:
    """Print the plan of every log; USAGE for one that nobody would take."""
    return [_plan(client, place, wanted) for place in found]


def _plan(client: Client, place: Place, wanted: Order) -> Exit:
    try:
        log = read(place)
        if log is None:
            output.note(f"{place.name}: empty, skipped")
            return Exit.DONE
        plan = client.plan(log.data, wanted.options)
    except Stop as error:
        output.warn(str(error))
        return Exit.USAGE
    except ApiError as error:
        if error.status not in {413, 422}:
            raise
        output.warn(f"{place.name}: {explain(error)}")
        return Exit.USAGE
    if wanted.format_ == "json":
        output.json_line(plan.raw)
    else:
        for line in _lines(log.name, plan, wanted):
            output.result(line)
    return Exit.DONE


def _lines(name: str, plan: RemotePlan, wanted: Order) -> list[str]:
    language = wanted.options.language or "en"
    words = _WORDS.get(language, _WORDS["en"])
    rest = "".join(words["then"].format(provider=one_line(provider)) for provider in plan.chain[1:])
    lines = [f"{one_line(name)}: {words['nothing_submitted']}", f"  {words['ask']}  {_asked(plan, words)}{rest}"]
    if plan.coverage:
        read = rendering.coverage_line(plan.coverage, language=language)
        lines.append(f"  {words['read']}  {read}" + (words["first_call"] if plan.calls > 1 else ""))
    return [*lines, f"  {words['cost']}  {_cost(plan, words)}"]


def _asked(plan: RemotePlan, words: Mapping[str, str]) -> str:
    if plan.provider == "rules":
        return words["rules"]
    return " ".join(dict.fromkeys(one_line(part) for part in (plan.provider, plan.model)))


def _cost(plan: RemotePlan, words: Mapping[str, str]) -> str:
    if not plan.prompt_tokens:
        return words["no_model"]
    calls = "" if plan.calls == 1 else words["calls"].format(n=plan.calls)
    tokens = calls + words["tokens"].format(prompt=f"{plan.prompt_tokens:,}", most=f"{plan.max_completion_tokens:,}")
    if plan.max_cost_usd is None:
        return words["unpriced"].format(tokens=tokens)
    if not plan.max_cost_usd:
        return words["free"].format(tokens=tokens)
    return words["at_most"].format(cost=f"{plan.max_cost_usd:,.4f}", tokens=tokens)
