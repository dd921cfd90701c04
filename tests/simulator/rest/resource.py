"""A resource: its path, its fields, and the functions that find and change its records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable
from urllib.parse import quote, unquote

from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import NOT_FOUND, Problem
from tests.simulator.rest.fields import Document, Schema, values

Keys = Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """A record as REST describes it, and what it is in the filer's memory; its values may be functions."""

    document: Document
    record: Any = None


def absent(_: Call) -> Problem:
    """The common refusal of what is not there."""
    return Problem(NOT_FOUND, "entry doesn't exist")


@dataclass(frozen=True)
class Resource:
    """A collection and its records.

    ``path`` may name fields of the owner, ``/protocols/san/igroups/{igroup.uuid}/initiators``; a record's own path
    has the rest of the schema's key behind it. ``rows`` finds the records that a call may be about: at least those
    that its path and its exact conditions name. ``create`` returns the keys of what it made. ``extra`` are query
    parameters of single methods. ``absent`` says why a path leads nowhere; ``owner`` raises a Problem where the
    record is missing that a collection belongs to. A ``single`` resource is one record without a key. A ``slow``
    one's changes may be jobs.
    """

    path: str
    schema: Schema
    rows: Callable[[Call], Iterable[Row]]
    create: Callable[[Call], Sequence[Keys]] | None = None
    change: Callable[[Call, Row], None] | None = None
    remove: Callable[[Call, Row], None] | None = None
    postable: frozenset[str] = frozenset()
    patchable: frozenset[str] = frozenset()
    extra: Mapping[str, frozenset[str]] = field(default_factory=dict)
    absent: Callable[[Call], Problem] = absent
    owner: Callable[[Call], object] | None = None
    cluster_only: bool = False
    introduced: int = 0
    single: bool = False
    slow: bool = False
    readable: bool = True
    several: bool = False  # whether a POST may have {"records": [...]}

    @property
    def own_key(self) -> list[str]:
        """The fields of the key that a record's path ends with."""
        return [name for name in self.schema.key if f"{{{name}}}" not in self.path]

    @property
    def record_path(self) -> str:
        """The template of a record's path."""
        return self.path if self.single else self.path + "".join(f"/{{{name}}}" for name in self.own_key)

    def methods(self, one: bool) -> set[str]:
        """What can be done with the collection, or with one record."""
        several = {"POST"} if self.create and not one else set()
        changes = {method for method, act in (("PATCH", self.change), ("DELETE", self.remove)) if act}
        return {*(("GET",) if self.readable else ()), *several, *changes}

    def href(self, document: Mapping[str, Any]) -> str:
        """Where a record is."""
        return "/api" + re.sub(r"\{(.*?)\}", lambda name: _quoted(document, name[1]), self.record_path)


def matching(resource: Resource, call: Call) -> Iterator[Row]:
    """The records that a call is about: those of its path that meet its conditions."""
    conditions = call.parameters.conditions.items()
    for row in resource.rows(call):
        if all(name in map(str, values(row.document, field)) for field, name in call.place.items()) and all(
            condition.matches(values(row.document, field)) for field, condition in conditions
        ):
            yield row


def only(resource: Resource, call: Call) -> Row:
    """The record at the call's path; a Problem if there is none."""
    found = next(matching(resource, call), None)
    if found is None:
        raise resource.absent(call)
    return found


def _quoted(document: Mapping[str, Any], name: str) -> str:
    found = values(document, name)
    return quote(str(found[0]), safe=":") if found else ""


@dataclass(frozen=True)
class Match:
    """Where a path leads: to a resource or to one of its records."""

    resource: Resource
    place: Mapping[str, str]
    one: bool

    @property
    def template(self) -> str:
        """The path with the names of its variables."""
        return self.resource.record_path if self.one else self.resource.path


class Routes:
    """Finds the resource at a path."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        # A path without variables is meant before one with them.
        found = [(each.record_path, each, True) for each in resources if each.single or each.own_key]
        found += [(each.path, each, False) for each in resources if not each.single]
        self._routes = [
            (re.compile(_pattern(template)), re.findall(r"\{(.*?)\}", template), resource, one)
            for template, resource, one in sorted(found, key=lambda route: route[0].count("{"))
        ]

    def find(self, path: str) -> Match | None:
        """The resource or the record at a path; doubled and trailing slashes do not count."""
        plain = "/" + "/".join(part for part in path.split("/") if part)
        for pattern, names, resource, one in self._routes:
            match = pattern.fullmatch(plain)
            if match:
                return Match(resource, dict(zip(names, map(unquote, match.groups()))), one)
        return None


def _pattern(template: str) -> str:
    return re.sub(r"\\\{.*?\\\}", "([^/]+)", re.escape(template))
