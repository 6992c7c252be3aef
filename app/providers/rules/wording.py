"""The words around a signature's own: counts, places and times, in the languages of a diagnosis."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: `{field}` or `{field|what to say when it is unknown}` in a signature's text.
FIELD = re.compile(r"\{([a-z_]+)(?:\|([^{}]*))?\}")
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]")
_EMPTY = re.compile(r"\s*\([\s,;:]*\)")
_SPACES = re.compile(r"  +")
_GAP = re.compile(r" +(?=[,.;:)](?:\s|$))")
VALUE_CHARS = 160
#: Values of one field that are told before "and 3 more".
VALUES_TOLD = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """One language. Every value is a `str.format` text."""

    times: str
    once: str
    at_least: str
    line: str
    lines: str
    consequences: str
    others: str
    recovered: str
    own_code: str
    exception: str
    began: str
    explains: str
    separately: str
    more: str
    healthy: str
    healthy_warnings: str
    healthy_cause: str
    healthy_steps: str
    warnings_steps: str
    warnings_title: str
    warnings_cause: str
    unknown_title: str
    unknown_fatal: str
    unknown_cause: str
    unknown_before: str
    unknown_others: str
    unknown_steps: tuple[str, ...]
    also_unknown: str


ENGLISH = Words(
    times="{count} times",
    once="once",
    at_least="at least {count}×",
    line="line {first}",
    lines="lines {first}–{last}",
    consequences="Consequences: {list}.",
    others="Also seen: {list}.",
    recovered="It works again from line {line} on.",
    own_code="In the code of the application it happens at {where} (line {line} of the log).",
    exception="The trace ends in {type}: {message}",
    began="It begins at line {line}{time}.",
    explains="The first consequence follows at line {line}{time}: {title}.",
    separately="Separately: {title}. {step}",
    more="{values} and {count} more",
    healthy="No issue found in {records} records ({templates} distinct messages, {lines} lines): no error and no known failure.",
    healthy_warnings="{count} warning(s) look harmless; the most frequent ({times}): {quote}",
    healthy_cause="Nothing in this log points to a failure.",
    healthy_steps="Nothing to do. If something fails nevertheless, send the log of the time and the component where it fails.",
    warnings_steps=(
        "1. Read the warning at line {line} and decide whether it is expected.\n"
        "2. If it is, lower its level or mend what it complains about, so that a real one is seen."
    ),
    warnings_title="No error, but {count} of {records} records are warnings; the most frequent ({times}): {quote}",
    warnings_cause="No known failure signature and no error: only warnings. What they complain about has not failed yet.",
    unknown_title="An error that no rule knows ({times}): {quote}",
    unknown_fatal="A fatal error that no rule knows ({times}): {quote}",
    unknown_cause=(
        "Not known: no failure signature matches. The first error is at line {line}{time}; what was logged just before it is the "
        "best lead."
    ),
    unknown_before=" Just before it, in line {line}: {quote}.",
    unknown_others="{count} more kind(s) of error, such as line {line}: {quote}",
    unknown_steps=(
        "Read the log around line {line}, from about 20 lines before it.",
        "Search the source and the issue tracker of the component for the message's fixed words.",
        "Compare with a log of a time when it worked: which message is new? Check what was deployed or changed just before.",
        "For an explanation of messages the rules do not know, submit the log again with a model configured.",
    ),
    also_unknown="{count} error record(s) that no rule knows (first: {quote}, line {line})",
)

KOREAN = Words(
    times="{count}회",
    once="1회",
    at_least="최소 {count}회",
    line="{first}번째 줄",
    lines="{first}–{last}번째 줄",
    consequences="이로 인한 현상: {list}.",
    others="그 밖에 발견된 것: {list}.",
    recovered="{line}번째 줄부터 다시 정상입니다.",
    own_code="애플리케이션 코드에서의 발생 위치: {where} (로그 {line}번째 줄).",
    exception="스택 트레이스의 마지막 예외: {type}: {message}",
    began="{line}번째 줄{time}에서 시작됩니다.",
    explains="첫 번째 영향은 {line}번째 줄{time}에 나타납니다: {title}.",
    separately="별도 확인: {title}. {step}",
    more="{values} 외 {count}개",
    healthy="문제가 발견되지 않았습니다. 레코드 {records}건(서로 다른 메시지 {templates}종, {lines}줄)에 오류나 알려진 장애 패턴이 없습니다.",
    healthy_warnings="경고 {count}건은 무해해 보입니다. 가장 잦은 경고({times}): {quote}",
    healthy_cause="이 로그에는 장애를 가리키는 내용이 없습니다.",
    healthy_steps="조치할 것이 없습니다. 그래도 장애가 있다면 장애가 난 시각과 구성 요소의 로그를 보내 주세요.",
    warnings_steps=(
        "1. {line}번째 줄의 경고를 읽고 예상된 것인지 판단하세요.\n"
        "2. 예상된 것이라면 로그 레벨을 낮추거나 원인을 고쳐, 진짜 경고가 묻히지 않게 하세요."
    ),
    warnings_title="오류는 없지만 레코드 {records}건 중 {count}건이 경고입니다. 가장 잦은 경고({times}): {quote}",
    warnings_cause="알려진 장애 패턴이나 오류는 없고 경고뿐입니다. 경고가 가리키는 부분은 아직 실패하지 않았습니다.",
    unknown_title="규칙에 없는 오류({times}): {quote}",
    unknown_fatal="규칙에 없는 치명적 오류({times}): {quote}",
    unknown_cause=(
        "원인을 알 수 없습니다. 일치하는 장애 패턴이 없습니다. 첫 오류는 {line}번째 줄{time}에 있으며, 그 직전에 기록된 내용이 "
        "가장 좋은 단서입니다."
    ),
    unknown_before=" 직전의 {line}번째 줄: {quote}.",
    unknown_others="다른 종류의 오류 {count}가지, 예: {line}번째 줄: {quote}",
    unknown_steps=(
        "{line}번째 줄 앞 20줄 정도부터 로그를 읽으세요.",
        "메시지의 고정된 단어로 해당 구성 요소의 소스와 이슈 트래커를 검색하세요.",
        "정상이던 때의 로그와 비교해 새로 나타난 메시지를 찾고, 직전에 배포되거나 변경된 것을 확인하세요.",
        "규칙이 모르는 메시지의 설명이 필요하면 모델을 설정한 뒤 로그를 다시 제출하세요.",
    ),
    also_unknown="기타 오류 {count}건 ({quote}, {line}번째 줄)",
)

WORDS = {"en": ENGLISH, "ko": KOREAN}


def words(language: str) -> Words:
    """The language's words; English for one we do not have."""
    return WORDS.get(language, ENGLISH)


def fill(text: str, fields: Mapping[str, Sequence[str]], language: Words) -> str:
    """Put fields in; one that is unknown becomes its fallback, or nothing.

    `[[: {path}]]` is left out when its field is unknown. Between backticks stands a command: it gets one value, not a list.
    """
    text = _OPTIONAL.sub(
        lambda found: found[1] if all(fields.get(name) for name, _ in FIELD.findall(found[1])) else "", text
    )
    known = FIELD.sub(lambda found: found[0] if fields.get(found[1]) else found[2] or "", text)
    # tidied before values come in: they stay as they are
    parts = [part if index % 2 else _tidy(part) for index, part in enumerate(known.split("`"))]
    return "`".join(
        FIELD.sub(
            (lambda found: fields[found[1]][0]) if index % 2 else (lambda found: values(fields[found[1]], language)),
            part,
        )
        for index, part in enumerate(parts)
    )


def _tidy(text: str) -> str:
    """Without the gaps that empty fields leave."""
    return _GAP.sub("", _SPACES.sub(" ", _EMPTY.sub("", text)))


def values(told: Sequence[str], language: Words) -> str:
    """The values of a field as one text: all of a few, the first ones of many."""
    short = [_short(value, VALUE_CHARS) for value in told[:VALUES_TOLD]]
    joined = ", ".join(short)
    rest = len(told) - len(short)
    return language.more.format(values=joined, count=rest) if rest > 0 else joined


def quoted(text: str, chars: int = VALUE_CHARS) -> str:
    """A piece of the log inside a sentence."""
    return f"“{_short(' '.join(text.split()), chars)}”"


def _short(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1].rstrip() + "…"
