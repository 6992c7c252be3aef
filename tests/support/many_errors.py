"""A log with more errors than one prompt can show, and a model that quotes what it is shown of it."""

import json
import random
import re

_LINE = re.compile(r"^(\d+)\| (.*)$", re.MULTILINE)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def many_errors(count: int, *, others: int = 1, seed: int = 7) -> str:
    """`count` errors that share no template, `others` lines of information before each."""
    chance = random.Random(seed)

    def word() -> str:
        return "".join(chance.choices(_LETTERS, k=7))

    lines = []
    for number in range(count):
        moment = f"2026-03-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        lines += [f"{moment} INFO api request {number} served in {other} ms" for other in range(others)]
        lines.append(f"{moment} ERROR {word()} {word()}: {word()} {word()} {word()} failed")
    return "\n".join(lines) + "\n"


def shown_in(content: str) -> dict[int, str]:
    """Line number -> text, of the log that a prompt shows."""
    log = content.rpartition("\n<log>\n")[2].partition("\n</log>")[0]
    return {int(number): text for number, text in _LINE.findall(log)}


def quoting(content: str, **changes) -> str:
    """The answer of a model that quotes the first and the last error it is shown, and one line that nobody wrote."""
    errors = [(number, text) for number, text in shown_in(content).items() if " ERROR " in text]
    quotes = [{"line": number, "quote": text} for number, text in dict([errors[0], errors[-1]]).items()]
    return json.dumps(
        {
            "summary": f"Errors from line {errors[0][0]} to {errors[-1][0]}.",
            "root_cause": "Something failed.",
            "recommendation": "Look at it.",
            "severity": "HIGH",
            "confidence": 0.9,
            "issues_found": True,
            "evidence": [*quotes, {"line": 1, "quote": "a line that nobody wrote"}],
        }
        | changes
    )
