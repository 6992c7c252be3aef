"""Lines of a log that speak to the model that reads it: they are evidence of nothing but that."""

import re
from collections.abc import Iterable

#: The form of an answer: whatever a quote of it says, the line was written for us.
_ANSWERS = re.compile(r"\bissues_found\b|\"evidence\\{0,3}\"\s*:\s*\[|\"root_cause\\{0,3}\"\s*:")
#: Marks of conversations, of several families of models, and our own delimiters.
_MARKS = re.compile(
    r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|</?log>|<(?:start|end)_of_turn>|^\s*#{2,3} ?(?:Assistant|System|Human)\b"
)
#: Orders, as people write them to models.
_ORDERS = re.compile(
    r"(?i:\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|earlier|all|your|system)\b.{0,40}"
    r"\b(?:instructions?|prompts?|rules?|orders?|messages?)\b"
    r"|\byou are (?:now|no longer)\b|\b(?:new|updated) system prompt\b|\b(?:answer|report|reply|respond|say)\b.{0,40}"
    r"\b(?:healthy|nothing (?:is )?wrong|no issues?)\b)"
    r"|(?:이전|앞선|위의|기존|모든).{0,12}(?:지시|명령|프롬프트|규칙|안내).{0,12}(?:무시|잊|따르지)"
    r"|(?:이상이? ?없다고|정상이라고|정상으로).{0,12}(?:답|보고|승인|말|응답)|너는 이제"
)


def is_answer(text: str) -> bool:
    """Does this line hold an answer that was made for us?"""
    return bool(_ANSWERS.search(text))


def addressed(texts: Iterable[str]) -> bool:
    """Does any of these lines speak to a model? May err on both sides: it lowers confidence and hides nothing."""
    return any(_ANSWERS.search(text) or _MARKS.search(text) or _ORDERS.search(text) for text in texts)
