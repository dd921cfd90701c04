"""ZAPI documents: bytes to a request and back.  The one importer of lxml in the simulator.

The frame of an answer (declaration, DOCTYPE, single quotes, attribute order) is that of answers recorded from
clustered ONTAP filers in Cinder's, Ansible's and Trident's tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union
from xml.sax.saxutils import escape

from lxml import etree

from tests.simulator.errnos import API_ERROR, Refusal

NAMESPACE = "http://www.netapp.com/filer/admin"

# An answer's content: a list is its name's element repeated, a mapping nests.
Value = Union[str, int, "Tree", Sequence["Value"]]
Tree = Mapping[str, Value]


@dataclass(frozen=True)
class Node:
    """An element of a request, without its namespace."""

    name: str
    text: str = ""
    children: tuple[Node, ...] = ()

    def child(self, name: str) -> Node | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def leaves(self, prefix: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
        """Every childless element below this one, as (names on the way, text)."""
        found = []
        for child in self.children:
            way = (*prefix, child.name)
            found += child.leaves(way) if child.children else [(way, child.text)]
        return found


@dataclass(frozen=True)
class Request:
    """One call: the API with its arguments, and the vserver it is tunnelled to."""

    call: Node
    vfiler: str | None = field(default=None)


def parse(document: bytes) -> Request:
    """The request in a document; a Refusal for anything that is not exactly one well-formed call.

    Entities are not expanded, DTDs not loaded, nothing is fetched.
    """
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refusal(API_ERROR, f"Malformed XML request: {error}") from None
    subset: Any = root.getroottree().docinfo.internalDTD
    if subset is not None and any(True for _ in subset.iterentities()):
        raise Refusal(API_ERROR, "Malformed XML request: entities are not allowed")
    if root.tag not in {"netapp", f"{{{NAMESPACE}}}netapp"}:
        raise Refusal(API_ERROR, "Malformed XML request: expected a netapp element")
    if not re.fullmatch(r"1\.\d+", root.get("version", "1.0")):
        raise Refusal(API_ERROR, f"Unsupported API version {root.get('version')}")
    calls = [_node(element) for element in root]
    if len(calls) != 1:
        raise Refusal(API_ERROR, "Malformed XML request: expected exactly one API")
    return Request(calls[0], root.get("vfiler") or None)


def api_name(document: bytes) -> str | None:
    """The API that a document calls, if it does."""
    try:
        return parse(document).call.name
    except Refusal:
        return None


def other_way_round(document: bytes) -> bytes:
    """The request for one record that the one in ``document`` does not ask for; itself if that asks for all."""
    root = etree.fromstring(document)
    leaves = [
        leaf for query in root.iter("{*}query") for leaf in query.iter("{*}*") if not len(leaf) and leaf.text
    ]
    if not leaves:
        return document
    for leaf in leaves:
        leaf.text = f"!{leaf.text}"
    call = root[0]
    for name in ("{*}max-records", "{*}tag"):
        for argument in call.findall(name):
            call.remove(argument)
    etree.SubElement(call, etree.QName(etree.QName(call).namespace, "max-records")).text = "1"
    return etree.tostring(root)


def _node(element: etree._Element) -> Node:
    if not isinstance(element.tag, str):
        raise Refusal(API_ERROR, "Malformed XML request: an entity reference")
    name = etree.QName(element)
    if name.namespace not in {None, NAMESPACE}:
        raise Refusal(API_ERROR, f"Malformed XML request: unknown namespace {name.namespace}")
    # Old clients pad texts with newlines; Cinder's recorded answers do, too.
    return Node(name.localname, (element.text or "").strip(), tuple(_node(child) for child in element))


def passed(content: Tree, ontapi: int) -> bytes:
    """The whole answer to a call that was carried out."""
    body = render(content)
    return _framed(f'<results status="passed">{body}</results>' if body else '<results status="passed"/>', ontapi)


def failed(errno: str | int, reason: str, ontapi: int) -> bytes:
    """The whole answer to a call that was refused (still HTTP 200)."""
    legal = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", reason)
    shown = escape(legal, {'"': "&quot;", "'": "&apos;"})
    return _framed(f'<results reason="{shown}" status="failed" errno="{errno}"></results>', ontapi)


def _framed(results: str, ontapi: int) -> bytes:
    return (
        "<?xml version='1.0' encoding='UTF-8' ?>\n"
        "<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_gx.dtd'>\n"
        f"<netapp version='1.{ontapi}' xmlns='{NAMESPACE}'>\n{results}</netapp>"
    ).encode()


def render(tree: Tree) -> str:
    """The elements of a tree, in its order."""
    return "".join(_element(name, value) for name, value in tree.items())


def _element(name: str, value: Value) -> str:
    if isinstance(value, Mapping):
        return f"<{name}>{render(value)}</{name}>"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(_element(name, item) for item in value)
    return f"<{name}>{escape(text(value))}</{name}>"


def text(value: str | int) -> str:
    """A leaf's text: booleans in lower case, numbers in decimal."""
    return str(value).lower() if isinstance(value, bool) else str(value)
