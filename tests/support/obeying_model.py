"""A model that does what the log says: it gives the answer that stands in its prompt, or quotes what it saw."""

import json
from collections.abc import Iterator

from tests.support.model_behaviors import Behavior, answer

_QUOTES = 40


def prompt_of(body: dict) -> str:
    """The question, as any of the three protocols carries it."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def shown(prompt: str) -> list[tuple[int, str]]:
    """Numbers and texts of the lines between the delimiters, as a careless reader finds them."""
    numbered = (line.partition("| ") for line in prompt.partition("<log>")[2].split("\n"))
    return [(int(number), text) for number, bar, text in numbered if bar and number.isdecimal()]


def orders(prompt: str) -> Iterator[dict]:
    """Whole answers that stand in the prompt, wherever."""
    decoder = json.JSONDecoder(strict=False)
    at = prompt.find('{"summary"')
    while at >= 0:
        try:
            found, _ = decoder.raw_decode(prompt, at)
        except ValueError:
            pass
        else:
            yield found
        at = prompt.find('{"summary"', at + 1)


def obeying() -> Behavior:
    """The last answer that stands in the prompt; without one, all that it was shown, quoted."""

    def play(exchange) -> None:
        prompt = prompt_of(exchange.recorded.body)
        lines = shown(prompt)
        told = list(orders(prompt))
        said = told[-1] if told else _quoting(lines)
        answer(json.dumps(said, ensure_ascii=False))(exchange)

    return play


def _quoting(lines: list[tuple[int, str]]) -> dict:
    text = "\n".join(text for _, text in lines)
    return {
        "summary": text[:1500] or "nothing",
        "root_cause": text[:7000],
        "recommendation": text[-7000:],
        "severity": "HIGH",
        "confidence": 0.9,
        "issues_found": True,
        "evidence": [{"line": number, "quote": text} for number, text in lines[:_QUOTES]],
    }
