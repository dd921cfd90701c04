"""GET: one record, or a page of those that match."""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulator.rest.call import Call
from tests.simulator.rest.fields import Document, select
from tests.simulator.rest.links import linked
from tests.simulator.rest.paging import Page, page, unready
from tests.simulator.rest.resource import Resource, matching, only
from tests.simulator.rest.wire import Request, Response

# One record is shown with all that is not expensive, without being asked.
EVERYTHING = ("*",)


def chosen(call: Call, resource: Resource, fields: Iterable[str]) -> list[str]:
    """The fields that a client gets to see; what it queries for is always among them."""
    parameters = call.parameters
    return resource.schema.chosen(fields, parameters.conditions, call.ontapi, lenient=parameters.lenient)


def shown(resource: Resource, document: Document, names: Iterable[str], *, links: bool) -> Document:
    """These fields of a record."""
    found = select(document, names)
    return linked(found, resource.href(document)) if links else found


def one(call: Call, resource: Resource, request: Request) -> Response:
    """The record at the path."""
    names = chosen(call, resource, call.parameters.fields or EVERYTHING)
    return Response(200, shown(resource, only(resource, call).document, names, links=request.wants_links))


def several(
    call: Call, resource: Resource, request: Request, limit: int, *, first_is_empty: bool = False
) -> Response:
    """A page of the collection, at most ``limit`` records; ``return_records=false`` only counts them."""
    if resource.owner is not None:
        resource.owner(call)
    parameters = call.parameters
    names = chosen(call, resource, parameters.fields)
    if first_is_empty:
        found = unready(request.path, parameters)
    else:
        documents = (row.document for row in matching(resource, call))
        found = page(request.path, resource.schema.key, documents, parameters, min(limit, parameters.max_records))
    links = request.wants_links
    records = [shown(resource, each, names, links=links) for each in found.documents]
    content: Document = {} if parameters.return_records is False else {"records": records}
    return Response(200, {**content, "num_records": len(records), **_page_links(request, found)})


def _page_links(request: Request, found: Page) -> Document:
    """The next page's address comes to clients without links, too."""
    links: Document = {}
    if request.wants_links:
        links["self"] = {"href": f"/api{request.path}" + (f"?{request.query}" if request.query else "")}
    if found.next:
        links["next"] = {"href": found.next}
    return {"_links": links} if links else {}
