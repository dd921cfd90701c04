"""What a client gets under each fault; among it answers that no filer gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from tests.simulator import documents
from tests.simulator.errnos import Refusal
from tests.simulator.faults import Fault
from tests.simulator.filer import NOT_CARRIED_OUT
from tests.simulator.wire import Delivery, Reply

GARBAGE = bytes(range(256)) * 16
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><p>Welcome!<br></body></html>\n"
DEPTH = 100_000
ENDLESS = "endless"  # the next-tag of an endless list


# How the answer comes over the wire; the answer itself is the true one, or nothing.
_DELIVERIES = {
    "reset": Delivery(share=0, end="reset"),
    "hangup": Delivery(share=0, end="hangup"),
    "certificate": Delivery(share=0, end="reset"),
    "takeover": Delivery(share=0, end="reset"),
    "truncated": Delivery(share=0.5, end="reset"),
}


def question(fault: Fault | None, document: bytes) -> bytes:
    """What the filer is asked where a client asks ``document``."""
    return documents.other_way_round(document) if fault is not None and fault.kind == "another" else document


def led_on(document: bytes) -> Fault | None:
    """The fault of a request for the page to which an endless list leads; that page is of no filer's making."""
    if ENDLESS.encode() not in document:
        return None
    try:
        call = documents.parse(document).call
    except Refusal:
        return None
    tag = call.child("tag")
    return Fault("endless", api=call.name) if tag is not None and tag.text == ENDLESS else None


def struck(fault: Fault, reply: Reply, ontapi: int) -> Reply:
    """What becomes of ``reply`` under the fault."""
    reply = replace(reply, fault=fault)
    return carried(fault, reply) or replace(reply, body=_body(fault, reply, ontapi))


def carried(fault: Fault, reply: Reply) -> Reply | None:
    """What becomes of it, if the fault is one of HTTP's or of the connection's; so for both APIs."""
    if fault.kind == "status":
        page = f"<html><body>{fault.status}</body></html>".encode()
        # The challenge makes clients that wait for one send their password; others do not mind it.
        challenge = {"WWW-Authenticate": 'Basic realm="Administrator"'} if fault.status == 401 else {}
        return replace(
            reply, status=HTTPStatus(fault.status), body=page, content_type="text/html", headers=challenge
        )
    if fault.kind == "drip":
        return replace(reply, delivery=Delivery(gap=fault.seconds))
    if fault.kind in _DELIVERIES:
        return replace(reply, delivery=_DELIVERIES[fault.kind])
    plain = {"short": reply.body[: len(reply.body) // 2], "garbage": GARBAGE, "page": PAGE}
    return replace(reply, body=plain[fault.kind]) if fault.kind in plain else None


def _body(fault: Fault, reply: Reply, ontapi: int) -> bytes:
    bodies: dict[str, Callable[[], bytes]] = {
        "errno": lambda: documents.failed(fault.errno, fault.reason, ontapi),
        "hollow": lambda: documents.passed({}, ontapi),
        "bomb": bomb,
        "external": external,
        "nested": nested,
        "volume-errors": lambda: _with_an_error(reply, fault, ontapi),
        "miscounted": lambda: _miscounted(reply.body),
        "endless": lambda: _endless(reply, ontapi),
        "another": lambda: _another(reply.body),
    }
    return bodies[fault.kind]()


def _with_an_error(reply: Reply, fault: Fault, ontapi: int) -> bytes:
    """A list, the true one or an empty one, that says that it lacks a volume."""
    error = {"errno": fault.errno, "name": fault.volume, "reason": fault.reason}
    return _with_more(_list(reply, ontapi), {"volume-errors": {"volume-error": error}})


def _miscounted(document: bytes) -> bytes:
    """A list that announces a record more than it has."""
    return re.sub(rb"(?<=<num-records>)\d+", lambda number: b"%d" % (int(number[0]) + 1), document)


def _another(document: bytes) -> bytes:
    """The one record that was asked for by ``question``, as if it were all; a list without a query as it is."""
    return _without_next_tag(document) if b"<num-records>1</num-records>" in document else document


def _endless(reply: Reply, ontapi: int) -> bytes:
    """A list that goes on."""
    return _with_more(_without_next_tag(_list(reply, ontapi)), {"next-tag": ENDLESS})


def _list(reply: Reply, ontapi: int) -> bytes:
    """The true answer; an empty list where the filer was not asked."""
    asked = reply.answer is not None and reply.answer.status != NOT_CARRIED_OUT
    return reply.body if asked else documents.passed({"num-records": 0}, ontapi)


def _without_next_tag(document: bytes) -> bytes:
    return re.sub(b"<next-tag>.*?</next-tag>", b"", document, flags=re.DOTALL)


def _with_more(document: bytes, content: documents.Tree) -> bytes:
    """An answer to a call that passed, with more in it; one that was refused stays as it is."""
    if b'<results status="passed">' not in document:
        return document
    return document.replace(b"</results>", documents.render(content).encode() + b"</results>")


def bomb() -> bytes:
    """Each entity is ten of the one before: 10**10 times three letters."""
    entities = [b'<!ENTITY e0 "lol">']
    entities += [b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 11)]
    return _document(b"&e10;", b"".join(entities))


def external(path: str = "/etc/hostname") -> bytes:
    """An entity that is a file of whoever reads this."""
    return _document(b"&file;", b'<!ENTITY file SYSTEM "file://%s">' % path.encode())


def nested() -> bytes:
    """Elements in elements."""
    return _document(b"<a>" * DEPTH + b"</a>" * DEPTH)


def _document(results: bytes, subset: bytes = b"") -> bytes:
    doctype = b"<!DOCTYPE netapp [%s]>" % subset if subset else b""
    return (
        b"<?xml version='1.0' encoding='UTF-8' ?>\n%s\n"
        b"<netapp version='1.180' xmlns='http://www.netapp.com/filer/admin'>"
        b'<results status="passed"><num-records>0</num-records><next-tag>%s</next-tag></results></netapp>'
    ) % (doctype, results)
