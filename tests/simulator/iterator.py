"""The one implementation of the ``*-get-iter`` APIs: query, desired-attributes, max-records, tag."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Generic, TypeVar, Union
from xml.sax.saxutils import escape

from tests.simulator.call import Call
from tests.simulator.documents import Node, Tree, Value
from tests.simulator.errnos import API_ERROR, INVALID_INPUT, Refusal
from tests.simulator.query import Query

DEFAULT_RECORDS = 20

# The fields a record may have: name -> None for a leaf, or the fields inside.
Fields = Mapping[str, Union["Fields", None]]
Record = TypeVar("Record")


def fields(names: str, containers: Mapping[str, Fields] | None = None) -> Fields:
    """Fields by their names, and the fields inside of those that are containers."""
    return {**dict.fromkeys(names.split()), **(containers or {})}


ITERATOR = ("max-records", "query", "desired-attributes", "tag")


@dataclass(frozen=True)
class Listing(Generic[Record]):
    """How records of one type are listed: the element each becomes, the fields that make its key, all its
    fields; None where nobody knows them all, and so any may be asked for.
    """

    item: str
    key: tuple[str, ...]
    fields: Fields | None
    describe: Callable[[Record], Tree]

    def query(self, call: Call) -> Query:
        """What the call asks for."""
        return Query(self._known(call, "query"))

    def _known(self, call: Call, argument: str) -> list[Node]:
        """An argument's items without the fields that do not exist; those are refused if the filer is strict."""
        items = _items(call.container(argument), self.item)
        if call.filer.strict:
            for item in items:
                check(item, self.fields)
        return [prune(item, self.fields) for item in items]

    def answer(self, call: Call, records: Mapping[tuple[str, ...], Record], query: Query | None = None) -> Tree:
        """The records (by key) that match, a page of them; the key orders them and tells where to go on.

        No match is ``num-records`` 0 without ``attributes-list``, as filers answer.
        """
        wanted = self._known(call, "desired-attributes")
        query = query or self.query(call)
        limit = call.number("max-records", DEFAULT_RECORDS)
        if not limit:
            raise Refusal(INVALID_INPUT, "Invalid value for max-records: 0")
        page, last, more = self._page(call, records, query, limit)
        answer: dict[str, Value] = {}
        if page:
            answer["attributes-list"] = {self.item: [self._selected(tree, wanted) for tree in page]}
        if more:
            answer["next-tag"] = _tag(f"{call.api.name}-key-td", last)
        return {**answer, "num-records": len(page)}

    def _page(
        self, call: Call, records: Mapping[tuple[str, ...], Record], query: Query, limit: int
    ) -> tuple[list[Tree], tuple[str, ...], bool]:
        keys = sorted(records)
        start = 0
        if call.container("tag"):
            start = bisect.bisect_right(keys, _untag(call.text("tag"), f"{call.api.name}-key-td"))
        page: list[Tree] = []
        last: tuple[str, ...] = ()
        for key in keys[start:]:
            tree = self.describe(records[key])
            if query.matches(tree):
                if len(page) == limit:
                    return page, last, True
                page.append(tree)
                last = key
        return page, last, False

    def _selected(self, tree: Tree, wanted: Sequence[Node]) -> Tree:
        """What was desired of a record; its key comes always."""
        if not wanted or any(not node.children for node in wanted):
            return tree
        chosen = [way for node in wanted for way, _ in node.leaves()]
        return select(tree, [*chosen, *(tuple(field.split("/")) for field in self.key)])


def trees(item: str, key: tuple[str, ...], known: Fields | None = None) -> Listing[Tree]:
    """A listing of what is described already."""
    return Listing(item, key, known, lambda tree: tree)


def check(node: Node, known: Fields | None) -> None:
    """Refuse a query or desired-attributes element that names no field of this type."""
    if known is None:
        return
    for child in node.children:
        if child.name not in known:
            raise Refusal(API_ERROR, f"Extra input: {child.name}")
        inner = known[child.name]
        if inner is not None:
            check(child, inner)
        elif child.children:
            raise Refusal(API_ERROR, f"Extra input: {child.children[0].name}")


def prune(node: Node, known: Fields | None) -> Node:
    """A query or desired-attributes element without the fields that this type does not have."""
    if known is None:
        return node
    children = [
        child if known[child.name] is None else prune(child, known[child.name])
        for child in node.children
        if child.name in known
    ]
    return Node(node.name, node.text, tuple(children))


def select(tree: Tree, ways: list[tuple[str, ...]]) -> Tree:
    """The parts of a tree that the ways lead to; a way that ends at a container takes all of it."""
    chosen: dict[str, Value] = {}
    for name, value in tree.items():
        rests = [way[1:] for way in ways if way[0] == name]
        if not rests:
            continue
        if any(not rest for rest in rests) or not isinstance(value, Mapping):
            chosen[name] = value
        else:
            chosen[name] = select(value, rests)
    return chosen


def _items(container: Node | None, item: str) -> tuple[Node, ...]:
    if container is None:
        return ()
    for child in container.children:
        if child.name != item:
            raise Refusal(API_ERROR, f"Extra input: {child.name}")
    return container.children


def _tag(name: str, key: tuple[str, ...]) -> str:
    """Where the next page starts, in the form of a recorded answer: an XML fragment (escaped once more on the
    wire).
    """
    parts = "".join(f"<key-{number}>{escape(part)}</key-{number}>" for number, part in enumerate(key))
    return f"<{name}>{parts}</{name}>"


def _untag(tag: str, name: str) -> tuple[str, ...]:
    """The key in a tag; one that this iterator did not give is refused."""
    whole = re.fullmatch(rf"<{name}>(.*)</{name}>", tag.strip(), re.DOTALL)
    if whole is None:
        raise Refusal(INVALID_INPUT, "Invalid value for tag")
    return tuple(unescape(part) for part in re.findall(r"<key-\d+>([^<]*)</key-\d+>", whole.group(1)))
