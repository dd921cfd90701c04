"""POST, PATCH and DELETE: what a request is to do, checked before it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.simulator.rest import bodies
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import invalid, unexpected
from tests.simulator.rest.fields import Document
from tests.simulator.rest.resource import Keys, Match, Resource, Row, matching, only
from tests.simulator.rest.showing import EVERYTHING, chosen, shown
from tests.simulator.rest.sight import Sight
from tests.simulator.rest.wire import Request, Response


def action(call: Call, match: Match, request: Request) -> Callable[[], Response]:
    """What the request is to do; a Problem if its body alone shows that it cannot be."""
    resource, given = match.resource, bodies.parse(request.body)
    if request.method == "DELETE":
        if given:
            raise unexpected(next(iter(given)))
        return lambda: _each(call, match, resource.remove)
    if request.method == "PATCH":
        changing = replace(call, body=_read(call, given, resource, resource.patchable))
        return lambda: _each(changing, match, resource.change)
    making = [
        replace(call, body=_read(call, each, resource, resource.postable)) for each in _items(given, resource)
    ]
    return lambda: _create(making, resource, links=request.wants_links)


def _items(given: dict[str, Any], resource: Resource) -> list[dict[str, Any]]:
    """The objects that a body is to make: one, or where the resource takes them, several."""
    if "records" not in given or not resource.several:
        return [given]
    items = given["records"]
    if (
        len(given) > 1
        or not isinstance(items, list)
        or not items
        or not all(isinstance(each, dict) for each in items)
    ):
        raise invalid("records", items)
    return items


def _read(call: Call, given: dict[str, Any], resource: Resource, settable: frozenset[str]) -> bodies.Body:
    return bodies.read(given, resource.schema, settable, call.ontapi)


def _create(calls: list[Call], resource: Resource, *, links: bool) -> Response:
    if resource.create is None:
        raise AssertionError("a POST is let in only where something can be made")
    made = [key for call in calls for key in resource.create(call)]
    content: Document = {"num_records": len(made)}
    if calls[0].parameters.return_records:
        content["records"] = [_made(calls[0], resource, key, links) for key in made]
    return Response(201, content, {"Location": resource.href(_nested({**calls[0].place, **made[0]}))})


def _made(call: Call, resource: Resource, key: Keys, links: bool) -> Document:
    """A new record, also where collections do not show it yet."""
    anew = replace(call, place={**call.place, **key}, sight=Sight(call.filer, lambda: 0.0))
    return shown(resource, only(resource, anew).document, chosen(anew, resource, EVERYTHING), links=links)


def _each(call: Call, match: Match, act: Callable[[Call, Row], None] | None) -> Response:
    """Act on the one record, or one by one on all that match the query."""
    if act is None:
        raise AssertionError("a request is let in only where something can be done")
    if match.one:
        act(call, only(match.resource, call))
        return Response(200, {})
    rows = list(matching(match.resource, call))
    for row in rows:
        act(call, row)
    return Response(200, {"num_records": len(rows)})


def _nested(flat: Keys) -> Document:
    found: Document = {}
    for name, value in flat.items():
        inner = found
        *way, last = name.split(".")
        for part in way:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return found
