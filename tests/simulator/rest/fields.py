"""The fields that records of a resource have: their types, which of them are shown, since when there are any.

Names are dotted and lead through lists: ``initiators.name`` is the name of each initiator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.simulator.rest.codes import LUN_SIZE_INVALID, LUN_SIZE_UNITS, Problem, invalid

Document = dict[str, Any]


class Kind(Enum):
    """What values a field has."""

    TEXT = "text"
    NUMBER = "integer"
    SIZE = "size"  # a number of bytes, for whose values LUNs have codes of their own
    FLAG = "true|false"
    TIME = "time"
    OPAQUE = "object"  # a container whose fields are not listed here; no record has it


class Level(Enum):
    """When a field is shown."""

    PLACE = -1  # never: the record's path tells whose it is
    KEY = 0  # always; they make the record's path
    SUMMARY = 1  # always, too
    COMMON = 2  # when asked for, or with "*"
    EXPENSIVE = 3  # when asked for, or with "**"


@dataclass(frozen=True)
class Field:
    """A leaf; ``listed`` says that a record may have it several times; ``since`` is an ONTAPI minor version."""

    name: str
    kind: Kind
    level: Level
    listed: bool
    since: int


SUFFIXES = {"n": Kind.NUMBER, "s": Kind.SIZE, "b": Kind.FLAG, "t": Kind.TIME, "*": Kind.OPAQUE}


def _fields(names: str, level: Level, since: Mapping[str, int]) -> Iterator[Field]:
    for word in names.split():
        name, _, suffix = word.partition(":")
        plain = name.replace("[]", "")
        kind = SUFFIXES[suffix] if suffix else Kind.TEXT
        yield Field(
            plain, kind, level, "[]" in name, max((since[each] for each in since if _in(plain, each)), default=0)
        )


def _in(name: str, container: str) -> bool:
    return name == container or name.startswith(f"{container}.")


class Schema:
    """A resource's fields, from names with ``[]`` behind lists and a suffix for what is not text.

    ``:n`` is a number, ``:s`` a size, ``:b`` a flag, ``:t`` a time, ``:*`` a container of unknown fields.
    ``since`` has fields or containers with the ONTAPI version that they came with; ``place`` names those fields of
    the key that are only in the path.
    """

    def __init__(
        self,
        key: str,
        summary: str = "",
        common: str = "",
        expensive: str = "",
        *,
        since: Mapping[str, int] | None = None,
        place: str = "",
    ) -> None:
        levels = {
            Level.PLACE: place,
            Level.KEY: key,
            Level.SUMMARY: summary,
            Level.COMMON: common,
            Level.EXPENSIVE: expensive,
        }
        found = [each for level, names in levels.items() for each in _fields(names, level, since or {})]
        self._fields = {field.name: field for field in found}
        self.key = tuple(field.name for field in found if field.level in {Level.PLACE, Level.KEY})

    def field(self, name: str, ontapi: int) -> Field | None:
        """The field of that name in this release."""
        field = self._fields.get(name)
        return field if field is not None and field.since <= ontapi and field.level is not Level.PLACE else None

    def names(self, ontapi: int) -> list[str]:
        """The fields that there are in this release."""
        return [name for name in self._fields if self.field(name, ontapi) is not None]

    def chosen(self, wanted: Iterable[str], queried: Iterable[str], ontapi: int, *, lenient: bool) -> list[str]:
        """The names of the fields to show; a Problem if one that is wanted does not exist, unless ``lenient``."""
        here = [field for name, field in self._fields.items() if self.field(name, ontapi) is not None]
        names = {field.name for field in here if field.level in {Level.KEY, Level.SUMMARY}} | set(queried)
        for name in wanted:
            found = {field.name for field in here if _is_asked(field, name)}
            if not found and not lenient:
                raise invalid("fields", name, "field,...")
            names |= found
        return sorted(names)


def _is_asked(field: Field, name: str) -> bool:
    if name in {"*", "**"}:
        return name == "**" or field.level is not Level.EXPENSIVE
    if field.kind is Kind.OPAQUE:
        return _in(name, field.name) or _in(field.name, name)
    return _in(field.name, name)


def values(document: Any, name: str) -> list[Any]:
    """Every value that a dotted name leads to; a function among them is called for its value."""
    found = [document]
    for part in name.split("."):
        found = [inner[part] for inner in _flat(found) if isinstance(inner, dict) and part in inner]
    return [each for each in _flat(found) if each is not None]


def _flat(found: Iterable[Any]) -> Iterator[Any]:
    for each in found:
        known = each() if callable(each) else each
        if isinstance(known, list):
            yield from _flat(known)
        else:
            yield known


def select(document: Document, names: Iterable[str]) -> Document:
    """The parts of a document that the names lead to."""
    tree: dict[str, list[str]] = {}
    for name in names:
        first, _, rest = name.partition(".")
        tree.setdefault(first, []).append(rest)
    chosen: Document = {}
    for name, rests in tree.items():
        if name in document:
            part = _part(document[name], rests)
            if part is not None and part != {}:
                chosen[name] = part
    return chosen


def _part(value: Any, rests: list[str]) -> Any:
    known = value() if callable(value) else value
    if isinstance(known, list):
        return [_part(each, rests) for each in known] or None
    return select(known, rests) if isinstance(known, dict) and "" not in rests else known


UNITS = {unit: 1024**power for power, unit in enumerate(["", "K", "M", "G", "T", "P"])}
LARGEST_NUMBER = (1 << 63) - 1


def number(name: str, value: object) -> int:
    """An integer; as a text it may have a unit, which is a power of 1024."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise invalid(name, value, "integer")
    text = str(value).strip().upper()
    digits = text.rstrip("BKMGTP")
    unit = text[len(digits) :].removesuffix("B")
    if not digits.removeprefix("-").isdecimal() or not digits.isascii() or unit not in UNITS:
        raise invalid(name, value, "integer")
    amount: int = int(digits) * UNITS[unit]
    if abs(amount) > LARGEST_NUMBER:
        raise invalid(name, value, "integer")
    return amount


def size(name: str, value: object) -> int:
    """As ``number``; refused with the codes of LUNs' sizes."""
    try:
        return number(name, value)
    except Problem:
        has_number = isinstance(value, str) and value[:1].isdecimal()
        code = LUN_SIZE_UNITS if has_number else LUN_SIZE_INVALID
        raise Problem(code, f"The size {value!r} is invalid.", target=name) from None


def flag(name: str, value: object) -> bool:
    """A boolean; as a text in any case, as Cinder and Ansible send it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise invalid(name, value, "true|false")


def typed(field: Field, value: object) -> Any:
    """A value of a request as the field's type."""
    if field.kind is Kind.NUMBER:
        return number(field.name, value)
    if field.kind is Kind.SIZE:
        return size(field.name, value)
    if field.kind is Kind.FLAG:
        return flag(field.name, value)
    if not isinstance(value, str):
        raise invalid(field.name, value, field.kind.value)
    return value
