"""What a line's end cuts in two: parts of collectors, a name whose value stands below it, a token that was wrapped."""

from app.pipeline.kinds.fields import NAME_SEEN

#: What a line ends with whose secret is on the next one.
NAMED = (
    rf"(?:(?:{NAME_SEEN})[\"']?[ \t]*(?:[:=][ \t]*(?:[|>][+-]?)?[ \t]*\\?|\\)"
    r"|--?[\w-]*(?:password|passwd|token|secret|api-key)[ \t=]*\\)"
)
_MARKS = (
    r"AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|eyJ|sk-|sk_live_|xox[abp]-|npm_|pypi-|hf_|AIza|SG\.|[Bb]earer |[Bb]asic "
)
_CUT = rf"(?:{_MARKS})[\w.+/=~-]*"
#: Finds lines (re2) that may go on in their next one. The parts of CRI and Docker are known by their middle: an
#: automaton that counts characters from where a line begins is slow.
SEEN = (
    r' std(?:out|err) P |(?:[^n]|[^\\]n)","stream":"'
    rf"|(?m:(?i:{NAMED})$|(?:{_CUT})(?:\n[\w.+/=~-]{{4,}}(?:[\s\"',;)}}\]]|\z)|\z))"
)
