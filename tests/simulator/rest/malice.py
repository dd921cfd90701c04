"""What a client of REST gets under each fault: what befalls the filer, and answers that no filer gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.simulator import malice
from tests.simulator.faults import Fault
from tests.simulator.rest.codes import Problem, status_of
from tests.simulator.rest.fields import Document
from tests.simulator.rest.parameters import OWN
from tests.simulator.rest.service import Trouble
from tests.simulator.rest.wire import Request
from tests.simulator.wire import Reply

ENDLESS = "start.endless"
DEPTH = 100_000


def trouble(fault: Fault | None) -> Trouble:
    """What befalls the filer itself."""
    if fault is None:
        return Trouble()
    if fault.kind == "job":
        problem = None if fault.after else Problem(fault.errno, fault.reason)
        return Trouble(job_seconds=fault.seconds, job_problem=problem)
    if fault.kind == "stale":
        return Trouble(stale_seconds=fault.seconds)
    return Trouble(first_page_is_empty=fault.kind == "unready")


def led_on(request: Request) -> Fault | None:
    """The fault of a request for the page to which an endless collection leads."""
    return Fault("endless") if ENDLESS in request.query else None


def struck(fault: Fault, reply: Reply, request: Request, everything: Callable[[Request], Document]) -> Reply:
    """What becomes of ``reply`` under the fault; ``everything`` asks the filer something else instead."""
    reply = replace(reply, fault=fault)
    if fault.kind == "errno":
        error = Problem(fault.errno, fault.reason)
        status = HTTPStatus(status_of(fault.errno))
        return replace(reply, status=status, body=_json({"error": error.to_json()}), headers={})
    bodies: dict[str, Callable[[], bytes]] = {
        "hollow": lambda: _json({}),
        "nested": lambda: b"[" * DEPTH + b"]" * DEPTH,
        "miscounted": lambda: _json(_miscounted(reply)),
        "endless": lambda: _json(_endless(reply, request)),
        "another": lambda: _json(_another(reply, everything(_wider(request)))),
    }
    if fault.kind in bodies:
        return replace(reply, body=bodies[fault.kind]())
    # What befell the filer itself shows in its answer already.
    return malice.carried(fault, reply) or reply


def _json(content: Document) -> bytes:
    return json.dumps(content).encode()


def _content(reply: Reply) -> Document:
    found: Any = json.loads(reply.body) if reply.body else {}
    return found if isinstance(found, dict) else {}


def _miscounted(reply: Reply) -> Document:
    """A collection that announces a record more than it has."""
    content = _content(reply)
    return {**content, "num_records": content.get("num_records", 0) + 1} if "num_records" in content else content


def _endless(reply: Reply, request: Request) -> Document:
    """A collection that goes on."""
    content = _content(reply) or {"records": [], "num_records": 0}
    links = {**content.get("_links", {}), "next": {"href": f"/api{request.path}?{ENDLESS}=1"}}
    return {**content, "_links": links}


def _wider(request: Request) -> Request:
    """The same question without its conditions; the fields that they are about are shown all the same."""
    given = parse_qsl(request.query, keep_blank_values=True)
    own = {name: value for name, value in given if name in OWN["GET", False]}
    queried = [name for name, _ in given if name not in own and not name.startswith("start.")]
    own["fields"] = ",".join([*filter(None, own.get("fields", "").split(",")), *queried]) or "*"
    return replace(request, query=urlencode({**own, "max_records": "10000"}))


def _another(reply: Reply, wider: Document) -> Document:
    """One record that was not asked for, as if it were all; the true collection where there is none."""
    content = _content(reply)
    asked = {json.dumps(_key(each)) for each in content.get("records", [])}
    others = [each for each in wider.get("records", []) if json.dumps(_key(each)) not in asked]
    return {"records": others[:1], "num_records": 1} if others else content


def _key(record: Document) -> list[Any]:
    """What tells records apart."""
    return [record.get("_links"), record.get("uuid"), *(_uuid(record.get(name)) for name in ("lun", "igroup"))]


def _uuid(reference: Any) -> Any:
    return reference.get("uuid") if isinstance(reference, dict) else None
