"""ONTAP's query language, as far as clients use it: ``*``, ``a|b``, ``!x``, ``low..high``, ``<n``, ``>=n``; an
empty leaf says nothing.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.simulator.documents import Node, Tree, Value, text

Way = tuple[str, ...]
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Query:
    """What a record must be like.  Siblings of one name are alternatives, never conditions to be met together
    (Cinder).
    """

    def __init__(self, items: Sequence[Node]) -> None:
        self._items = [_conditions(item) for item in items]

    def matches(self, tree: Tree) -> bool:
        """Whether a record fits; everything fits an empty query."""
        return not self._items or any(
            all(any(_fits(tree, way, pattern) for pattern in patterns) for way, patterns in item.items())
            for item in self._items
        )

    def alternatives(self, *way: str) -> list[str] | None:
        """The patterns one of which a field must match, if the query says so; none of them is a negation."""
        if len(self._items) != 1:
            return None
        patterns = self._items[0].get(way, [])
        if len(patterns) != 1 or "!" in patterns[0]:
            return None
        return [pattern.strip() for pattern in patterns[0].split("|")]

    def plain(self, *way: str) -> str | None:
        """The one literal value that a field must have, if the query says so: then a look-up does for a
        search.
        """
        patterns = self.alternatives(*way) or []
        if len(patterns) != 1 or re.search(r"\*|\.\.", patterns[0]):
            return None
        return patterns[0]


def _conditions(item: Node) -> dict[Way, list[str]]:
    found: dict[Way, list[str]] = {}
    for way, pattern in item.leaves():
        if pattern:
            found.setdefault(way, []).append(pattern)
    return found


def _fits(tree: Tree, way: Way, pattern: str) -> bool:
    values = list(_values(tree, way))
    if pattern.startswith("!"):
        return not any(_alternatives(value, pattern[1:]) for value in values)
    return any(_alternatives(value, pattern) for value in values)


def _values(value: Value, way: Way) -> Iterator[str | int]:
    """Every leaf that the way leads to; a repeated element has several."""
    if isinstance(value, Mapping):
        if way and way[0] in value:
            yield from _values(value[way[0]], way[1:])
    elif isinstance(value, (str, int)):
        if not way:
            yield value
    else:
        for element in value:
            yield from _values(element, way)


def _alternatives(value: str | int, pattern: str) -> bool:
    return any(_one(value, alternative.strip()) for alternative in pattern.split("|"))


def _one(value: str | int, pattern: str) -> bool:
    if pattern.startswith("!"):
        return not _one(value, pattern[1:])
    if isinstance(value, bool):
        return text(value) == pattern.lower()
    if isinstance(value, int):
        return _number(value, pattern)
    if "*" not in pattern:
        return value == pattern
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), value, re.DOTALL) is not None


def _number(value: int, pattern: str) -> bool:
    """Numbers compare as numbers; only they have ranges here, because LUN names may hold dots."""
    span = re.fullmatch(r"((?:-?\d{1,18})?)\.\.((?:-?\d{1,18})?)", pattern)
    if span is not None:
        low, high = span.groups()
        return (not low or int(low) <= value) and (not high or value <= int(high))
    bound = re.fullmatch(r"([<>]=?)?(-?\d{1,18})", pattern)
    if bound is not None:
        sign, number = bound.groups()
        return COMPARISONS[sign or "="](value, int(number))
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), str(value)) is not None
