"""What a client gets under each fault; among it answers that no filer gives."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from tests.simulator import documents
from tests.simulator.faults import Fault
from tests.simulator.wire import Delivery, Reply

GARBAGE = bytes(range(256)) * 16
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><p>Welcome!<br></body></html>\n"
DEPTH = 100_000


# How the answer comes over the wire; the answer itself is the true one, or nothing.
_DELIVERIES = {
    "reset": Delivery(share=0, end="reset"),
    "hangup": Delivery(share=0, end="hangup"),
    "certificate": Delivery(share=0, end="reset"),
    "takeover": Delivery(share=0, end="reset"),
    "truncated": Delivery(share=0.5, end="reset"),
}


def struck(fault: Fault, reply: Reply, ontapi: int) -> Reply:
    """What becomes of ``reply`` under the fault."""
    reply = replace(reply, fault=fault)
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
    bodies = {
        "errno": lambda: documents.failed(fault.errno, fault.reason, ontapi),
        "short": lambda: reply.body[: len(reply.body) // 2],
        "garbage": lambda: GARBAGE,
        "page": lambda: PAGE,
        "hollow": lambda: documents.passed({}, ontapi),
        "bomb": bomb,
        "external": external,
        "nested": nested,
    }
    return replace(reply, body=bodies[fault.kind]())


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
