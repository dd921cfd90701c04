"""The body of a REST request: JSON, nested or with dotted keys, checked against the resource's fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulator.rest.codes import FIELD_TWICE, MALFORMED, Problem, invalid, not_settable, unexpected
from tests.simulator.rest.fields import Kind, Schema, typed

Items = list[dict[str, Any]]


class Body:
    """The fields of a body by dotted names; a list of objects is a list of such mappings under the list's name."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def text(self, name: str) -> str:
        """A text; "" if it is not given."""
        return str(self._given.get(name, ""))

    def number(self, name: str) -> int | None:
        """A number, if it is given."""
        value = self._given.get(name)
        return value if isinstance(value, int) else None

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean."""
        return bool(self._given.get(name, default))

    def items(self, name: str) -> Items:
        """A list of objects."""
        found: Items = self._given.get(name, [])
        return found


def parse(body: bytes) -> dict[str, Any]:
    """The object in a body; nothing is an empty one."""
    if not body.strip():
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(MALFORMED, "The request body is not well-formed JSON.") from None
    if not isinstance(found, dict):
        raise Problem(MALFORMED, "The request body is not a JSON object.")
    return found


def read(given: Mapping[str, Any], schema: Schema, settable: frozenset[str], ontapi: int) -> Body:
    """A body's fields; a Problem for one that does not exist, cannot be set here, or is not of its type.

    ``settable`` has dotted names; lists of objects are among them by the names of their items' fields.
    """
    return Body(dict(_read(given, "", schema, settable, ontapi)))


def _read(
    given: Mapping[str, Any], prefix: str, schema: Schema, settable: frozenset[str], ontapi: int
) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for key, value in given.items():
        for name, leaf in _leaves(f"{prefix}{key}", value):
            if name in seen:
                raise Problem(FIELD_TWICE, f'Field "{name}" was specified twice.', target=name)
            seen.add(name)
            if isinstance(leaf, list):
                _require_container(name, schema, settable, ontapi)
                yield name, [_item(each, name, schema, settable, ontapi) for each in leaf]
            else:
                yield name, _leaf(name, leaf, schema, settable, ontapi)


def _item(given: Any, name: str, schema: Schema, settable: frozenset[str], ontapi: int) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise invalid(name, given, "object")
    return dict(_read(given, f"{name}.", schema, settable, ontapi))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}", inner)
    else:
        yield name, value


def _require_container(name: str, schema: Schema, settable: frozenset[str], ontapi: int) -> None:
    inside = [each for each in schema.names(ontapi) if each.startswith(f"{name}.")]
    if not inside:
        raise unexpected(name)
    if not settable.intersection(inside):
        raise not_settable(name)


def _leaf(name: str, value: Any, schema: Schema, settable: frozenset[str], ontapi: int) -> Any:
    field = schema.field(name, ontapi)
    if field is None or field.kind is Kind.OPAQUE:
        raise unexpected(name)
    if name not in settable:
        raise not_settable(name)
    return typed(field, value)
