"""Asking a simulated filer in tests: arguments in, the answer's elements or its errno out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from tests.simulator.filer import Filer

NAMESPACE = "http://www.netapp.com/filer/admin"
Arguments = Mapping[str, Any]


class Refused(Exception):  # noqa: N818 - the filer's answer, not an error of the test
    """The filer said no."""

    def __init__(self, errno: int, reason: str) -> None:
        super().__init__(f"{errno} {reason}")
        self.errno, self.reason = errno, reason


def body(arguments: Arguments) -> str:
    """Arguments as elements; a mapping nests."""
    return "".join(
        f"<{name}>{body(value) if isinstance(value, Mapping) else escape(str(value))}</{name}>"
        for name, value in arguments.items()
    )


def document(api: str, arguments: Arguments | None = None, vserver: str | None = "svm1") -> bytes:
    """A whole request."""
    tunnel = f" vfiler={quoteattr(vserver)}" if vserver else ""
    call = f"<{api}>{body(arguments or {})}</{api}>"
    return f"<netapp xmlns='{NAMESPACE}' version='1.15'{tunnel}>{call}</netapp>".encode()


def ask(
    filer: Filer,
    api: str,
    arguments: Arguments | None = None,
    *,
    vserver: str | None = "svm1",
    account: str | None = "admin",
) -> etree._Element:
    """The ``results`` of a passed call without their namespace; Refused otherwise."""
    answer = filer(document(api, arguments, vserver), account)
    root = etree.fromstring(answer.replace(f" xmlns='{NAMESPACE}'".encode(), b""))
    results = root[0]
    if results.get("status") != "passed":
        raise Refused(int(results.get("errno", "0")), results.get("reason", ""))
    return results


def errno_of(filer: Filer, api: str, arguments: Arguments | None = None, vserver: str | None = "svm1") -> int:
    """The errno that a call is refused with; 0 when it passes."""
    try:
        ask(filer, api, arguments, vserver=vserver)
    except Refused as refused:
        return refused.errno
    return 0


def texts(results: etree._Element, name: str) -> list[str]:
    """The text of every element of that name, in order."""
    return [element.text or "" for element in results.iter(name)]
