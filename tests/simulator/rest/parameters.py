"""The query string of a REST request: what is to be shown, how much of it, and of which records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

from tests.simulator.rest.codes import FIELD_TWICE, Problem, invalid, unexpected
from tests.simulator.rest.fields import Schema, flag
from tests.simulator.rest.queries import Condition, condition

MOST_RECORDS = 10_000
LONGEST_WAIT = 120
# Which of REST's own parameters a request may have, by method and whether it is about one record.
OWN: Mapping[tuple[str, bool], frozenset[str]] = {
    ("GET", False): frozenset(
        ["fields", "order_by", "max_records", "return_records", "return_timeout", "ignore_unknown_fields"]
    ),
    ("GET", True): frozenset(["fields", "return_records", "return_timeout", "ignore_unknown_fields"]),
    ("POST", False): frozenset(["return_records", "return_timeout"]),
    ("PATCH", True): frozenset(["return_records", "return_timeout"]),
    ("DELETE", True): frozenset(["return_records", "return_timeout"]),
    ("PATCH", False): frozenset(["return_records", "return_timeout", "continue_on_failure", "serial_records"]),
    ("DELETE", False): frozenset(["return_records", "return_timeout", "continue_on_failure", "serial_records"]),
}
# Cinder sends svm=NAME for svm.name=NAME.
OTHER_NAMES = {"svm": "svm.name"}


@dataclass(frozen=True)
class Parameters:
    """A checked query string; ``extra`` has those parameters that only some calls have, such as
    ``allow_delete_while_mapped``, and ``start`` where a page begins.
    """

    fields: tuple[str, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    max_records: int = MOST_RECORDS
    return_records: bool | None = None
    return_timeout: int | None = None
    lenient: bool = False
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    start: Mapping[str, str] = field(default_factory=dict)
    given: Sequence[tuple[str, str]] = ()

    def exact(self, name: str) -> tuple[str, ...] | None:
        """The values one of which a field must have, if the query says so."""
        found = self.conditions.get(name)
        return found.exact if found is not None else None

    def says(self, name: str) -> bool:
        """Whether an extra flag is given and true."""
        return name in self.extra and flag(name, self.extra[name])

    def next_page(self, path: str, start: Mapping[str, str]) -> str:
        """The address of the page that begins behind ``start``."""
        own = [(f"start.{name}", value) for name, value in start.items()]
        kept = [pair for pair in self.given if not pair[0].startswith("start.")]
        return f"/api{path}?" + "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in [*own, *kept])


class Reader:
    """Reads a query string for one resource and one release."""

    def __init__(self, schema: Schema, ontapi: int, method: str, one: bool, extra: frozenset[str]) -> None:
        self._schema, self._ontapi = schema, ontapi
        self._own = OWN.get((method, one), frozenset())
        self._queries = method != "POST" and not one
        self._extra = extra

    def read(self, query: str) -> Parameters:
        """The parameters; a Problem for what does not exist, comes twice, or is not of its type."""
        given = [(OTHER_NAMES.get(name, name), value) for name, value in parse_qsl(query, keep_blank_values=True)]
        own: dict[str, str] = {}
        conditions: dict[str, Condition] = {}
        extra: dict[str, str] = {}
        start: dict[str, str] = {}
        for name, value in given:
            if name in {*own, *conditions, *extra}:
                raise Problem(FIELD_TWICE, f'Field "{name}" was specified twice.', target=name)
            if name in self._own:
                own[name] = value
            elif name in self._extra:
                extra[name] = value
            elif name.startswith("start.") and self._queries:
                start[name.removeprefix("start.")] = value
            else:
                conditions[name] = self._condition(name, value)
        return Parameters(
            fields=tuple(each for each in own.get("fields", "").split(",") if each),
            order=self._order(own.get("order_by", "")),
            max_records=_count("max_records", own.get("max_records", str(MOST_RECORDS)), 1, MOST_RECORDS),
            return_records=_records(own.get("return_records")),
            return_timeout=_timeout(own.get("return_timeout")),
            lenient=flag("ignore_unknown_fields", own.get("ignore_unknown_fields", "false")),
            conditions=conditions,
            extra=extra,
            start=start,
            given=given,
        )

    def _condition(self, name: str, value: str) -> Condition:
        field = self._schema.field(name, self._ontapi)
        if field is None or not self._queries:
            raise unexpected(name)
        return condition(field, value)

    def _order(self, text: str) -> tuple[tuple[str, bool], ...]:
        """(field, whether it descends) for each field."""
        order = []
        for part in filter(None, text.split(",")):
            name, _, direction = part.strip().partition(" ")
            if self._schema.field(name, self._ontapi) is None or direction not in {"", "asc", "desc"}:
                raise invalid("order_by", part, "field [asc|desc],...")
            order.append((name, direction == "desc"))
        return tuple(order)


def _count(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
        raise invalid(name, text, f"{least}..{most}")
    return int(text)


def _timeout(text: str | None) -> int | None:
    return None if text is None else _count("return_timeout", text, 0, LONGEST_WAIT)


def _records(text: str | None) -> bool | None:
    """Cinder really sends ``return_records=false?max_records=10000``, and filers bear it."""
    return None if text is None else flag("return_records", text.partition("?")[0])
