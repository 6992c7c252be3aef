"""How many tokens a text has, without its tokenizer: an estimate meant to be high rather than low.

Vocabularies differ; the costliest common family decides. LLaMA's tokenizer, and those made after it such as
Mistral's, "split all numbers into individual digits, and fallback to bytes to decompose unknown UTF-8 characters"
(Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, section 2.1). So a digit is one token,
and Hangul, kana and ideographs (three bytes each, some of them in the vocabulary) are nearly two. English words have
about four letters a token; logs are less like English, hence 3.5. The weights are ours, chosen on the high side.
"""

from math import ceil

#: Hundredths of a token, by class of byte.
_LETTER, _DIGIT, _PUNCTUATION, _SPACE, _NEWLINE, _FOREIGN = 29, 100, 80, 20, 100, 62

_DIGITS = b"0123456789"
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SPACES = b" \t"


def _weigh(byte: int) -> int:
    for members, weight in ((_DIGITS, _DIGIT), (_LETTERS, _LETTER), (_SPACES, _SPACE), (b"\n", _NEWLINE)):
        if byte in members:
            return weight
    return _FOREIGN if byte >= 0x80 else _PUNCTUATION


#: Byte -> its weight, for `bytes.translate`: the sum of the translated bytes is the estimate.
_WEIGHTS = bytes(_weigh(byte) for byte in range(256))


def estimate(text: str) -> int:
    """Tokens in `text`. Parts may be added up: the whole never has more than they have together."""
    return ceil(sum(text.encode().translate(_WEIGHTS)) / 100)
