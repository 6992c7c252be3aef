"""JSON that a database can store unchanged. Pure."""

_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


class TooDeep(Exception):
    """It is nested more deeply than allowed."""


def cleaned(value: object, depth: int = 0) -> object:
    """Without NUL, which PostgreSQL cannot hold, and lone surrogates, which UTF-8 cannot. Raises `TooDeep`."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        _check(depth)
        return {_text(name): cleaned(item, depth - 1) for name, item in value.items()}
    if isinstance(value, list):
        _check(depth)
        return [cleaned(item, depth - 1) for item in value]
    return value


def _check(depth: int) -> None:
    if depth <= 0:
        raise TooDeep


def _text(text: str) -> str:
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.translate(_SURROGATES)
