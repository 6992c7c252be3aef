"""Which shapes are one template: words of many values are variables, long shapes that differ little are alike.

Two passes over distinct shapes. The first counts: where four or more shapes differ in one word only, that word is a
variable. The second follows Drain (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS
2017): a tree of length and first words, then similarity position by position. Words that keep digits are statuses and
codes (see `constants`) and are never variables.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from app.domain.logs import Level
from app.pipeline.shapes import ANY, Shape

#: Values a word must take, all other words being equal, to be a variable; more when few other words speak for it.
_VALUES = 4
_VALUES_OF_SHORT = 7
_ROUNDS = 3
#: Share of equal words, `<*>` not counted, from which two shapes are one template.
_ALIKE = 0.8
#: Two words that look like values (paths, hosts, `key=value`) make less of a difference than two plain words.
_VALUE = 0.5
#: Two different keys of `key=value` make more of one.
_OTHER_KEY = 2.0
_VALUE_LIKE = re.compile(r"<\*>|\w[/._=:@-]+\w|^/")
#: Shapes of equal length and head that are compared with each other; a log with more is random text.
_CAREFUL = 2000
_MASKS = 4
#: Clusters one leaf of the tree holds; beyond, a shape joins the nearest one that has its codes.
_LEAF = 32
#: Words that are never variables: codes, and what is done to a resource.
_FIXED = re.compile(r"\d|^\W?(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$")
#: Words whose nature is remembered: a log has few, and each one is compared many times.
_REMEMBERED = 1 << 14

Key = tuple[Level, Shape]
Words = tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class _Cluster:
    words: list[str]
    members: list[Key] = field(default_factory=list)


def merge(shapes: Iterable[Key]) -> Mapping[Key, Words]:
    """Each shape's template as words. Shapes come in order of weight: the earlier decides how a cluster begins."""
    buckets: dict[tuple[Level, int, Words], list[Key]] = defaultdict(list)
    for key in shapes:
        level, shape = key
        buckets[level, len(shape.words), shape.words[: shape.head]].append(key)
    merged: dict[Key, Words] = {}
    for (_, _, head), keys in buckets.items():
        merged.update(_merge_bucket(keys, len(head)))
    return merged


def _merge_bucket(keys: Sequence[Key], head: int) -> Mapping[Key, Words]:
    if len(keys) == 1:
        return {keys[0]: keys[0][1].words}
    careful = _merge_carefully(keys[:_CAREFUL], head)
    if len(keys) <= _CAREFUL:
        return careful
    return {**careful, **_merge_quickly(keys[_CAREFUL:], set(careful.values()), head)}


def _merge_quickly(keys: Sequence[Key], known: Iterable[Words], head: int) -> Mapping[Key, Words]:
    """Shapes beyond counting: into a known template that fits word for word, else by their first word and codes."""
    masks = Counter(tuple(index for index, word in enumerate(words) if word == ANY) for words in known)
    common = [frozenset(mask) for mask, _ in masks.most_common(_MASKS)]
    learned = {(mask, _masked(words, mask)): words for words in known for mask in common if mask <= _wild(words)}
    merged: dict[Key, Words] = {}
    for key in keys:
        own = key[1].words
        coarse = (*own[: head + 1], *(word if _fixed(word) else ANY for word in own[head + 1 :]))
        tries = (learned.get((mask, _masked(own, mask))) for mask in common)
        merged[key] = next((found for found in tries if found), coarse)
    return merged


def _wild(words: Words) -> frozenset[int]:
    return frozenset(index for index, word in enumerate(words) if word == ANY)


def _masked(words: Words, mask: frozenset[int]) -> Words:
    return tuple(ANY if index in mask else word for index, word in enumerate(words))


def _merge_carefully(keys: Sequence[Key], head: int) -> Mapping[Key, Words]:
    words = {key: key[1].words for key in keys}
    for _ in range(_ROUNDS if len(keys) >= _VALUES else 0):
        holes = _holes(set(words.values()), head)
        if not holes:
            break
        words = {key: holes.get(old, old) for key, old in words.items()}
    leaves: dict[Words, list[_Cluster]] = defaultdict(list)
    placed: dict[Words, _Cluster] = {}
    for key, own in words.items():
        cluster = placed.get(own)
        if cluster is None:
            first = own[head] if head < len(own) and ANY not in own[head] else ""
            codes = tuple(word for word in own if _fixed(word))
            cluster = placed[own] = _place(leaves[first, *codes], own, head)
        cluster.members.append(key)
    return {key: tuple(cluster.words) for group in leaves.values() for cluster in group for key in cluster.members}


def _holes(shapes: Iterable[Words], head: int) -> Mapping[Words, Words]:
    """Shapes whose most varied word is a variable -> the same with `<*>` for that word."""
    siblings: dict[tuple[int, int], int] = defaultdict(int)
    sums: dict[Words, tuple[int, list[int]]] = {}
    for words in shapes:
        hashes = [hash((index, word)) for index, word in enumerate(words)]
        total = sum(hashes)
        sums[words] = (total, hashes)
        for index in range(head, len(words)):
            # shapes that differ here only have the same sum of all other words
            siblings[index, total - hashes[index]] += 1
    found: dict[Words, Words] = {}
    for words, (total, hashes) in sums.items():
        counts = [(siblings[i, total - hashes[i]], -i) for i in range(head, len(words))]
        varied = [one for one in counts if one[0] >= _VALUES and not _fixed(words[-one[1]])]
        if not varied:
            continue
        count, index = max(varied)
        spoken = sum(ANY not in word for word in words[head:])
        needed = _VALUES if spoken > 2 else _VALUES_OF_SHORT
        if count >= needed and words[-index] != ANY:
            found[words] = (*words[:-index], ANY, *words[-index + 1 :])
    return found


def _place(leaf: list[_Cluster], words: Words, head: int) -> _Cluster:
    """The cluster of `leaf` that `words` belongs to, widened to hold it; a new one when none is alike."""
    best, score = None, 0.0
    for cluster in leaf:
        likeness = _likeness(cluster.words, words, head)
        if likeness > score:
            best, score = cluster, likeness
    if best is not None and (score >= _ALIKE or len(leaf) >= _LEAF):
        best.words = [own if own == other else ANY for own, other in zip(best.words, words, strict=True)]
        return best
    cluster = _Cluster(words=list(words))
    leaf.append(cluster)
    return cluster


def _likeness(ours: Sequence[str], theirs: Sequence[str], head: int) -> float:
    same, different = 0, 0.0
    for own, other in zip(ours[head:], theirs[head:], strict=True):
        if own == other:
            same += _spoken(own)
        elif own != ANY:
            different += _difference(own, other)
    return same / (same + different) if same else 0.0


@lru_cache(maxsize=_REMEMBERED)
def _fixed(word: str) -> bool:
    return bool(_FIXED.search(word))


@lru_cache(maxsize=_REMEMBERED)
def _spoken(word: str) -> bool:
    """Does it speak for a likeness? Neither a variable nor punctuation does."""
    return ANY not in word and any(map(str.isalpha, word))


@lru_cache(maxsize=_REMEMBERED)
def _value_like(word: str) -> bool:
    return bool(_VALUE_LIKE.search(word))


def _difference(own: str, other: str) -> float:
    key, equals, _ = own.partition("=")
    if equals and "=" in other and not other.startswith(f"{key}="):
        return _OTHER_KEY
    return _VALUE if _value_like(own) and _value_like(other) else 1.0
