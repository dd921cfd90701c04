"""Collections come in pages: their order, and where the next page begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key, partial
from typing import Any, Optional

from tests.simulator.rest.fields import Document, values
from tests.simulator.rest.parameters import Parameters

# A record behind the values that it is sorted by.
Placed = tuple[list[Optional[str]], Document]


@dataclass(frozen=True)
class Page:
    """Some of the records, and the address of the next page if there are more."""

    documents: Sequence[Document]
    next: str | None


def page(path: str, key: Sequence[str], found: Iterable[Document], parameters: Parameters, limit: int) -> Page:
    """At most ``limit`` records, from where the parameters say; the key decides where the order does not."""
    order = [*parameters.order, *((name, False) for name in key)]
    placed = [(_place(document, order), document) for document in found]
    if any(descending for _, descending in order):
        placed.sort(key=cmp_to_key(partial(_compare_placed, order)))
    else:
        placed.sort(key=_sortable)
    if parameters.start:
        after = [_as_text(parameters.start.get(name)) for name, _ in order]
        placed = [one for one in placed if _compare(one[0], after, order) > 0]
    shown = placed[:limit]
    documents = [document for _, document in shown]
    if len(shown) == len(placed):
        return Page(documents, None)
    start = {name: value for (name, _), value in zip(order, shown[-1][0]) if value is not None}
    return Page(documents, parameters.next_page(path, start))


def unready(path: str, parameters: Parameters) -> Page:
    """An empty page that is not the last: the filer's time was over. The next page begins at the start."""
    return Page((), parameters.next_page(path, {}))


def _place(document: Mapping[str, Any], order: Sequence[tuple[str, bool]]) -> list[str | None]:
    return [_as_text(next(iter(values(document, name)), None)) for name, _ in order]


def _compare_placed(order: Sequence[tuple[str, bool]], one: Placed, other: Placed) -> int:
    return _compare(one[0], other[0], order)


def _sortable(placed: Placed) -> list[tuple[bool, str]]:
    """Records without a field come after those with it."""
    return [(part is None, part or "") for part in placed[0]]


def _as_text(value: Any) -> str | None:
    """Numbers so wide that they sort as texts."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:020}"
    return None if value is None else str(value)


def _compare(one: Sequence[str | None], other: Sequence[str | None], order: Sequence[tuple[str, bool]]) -> int:
    """Records without a field come after those with it."""
    for left, right, (_, descending) in zip(one, other, order):
        if left != right:
            before = right is None or (left is not None and left < right)
            return 1 if before == descending else -1
    return 0
