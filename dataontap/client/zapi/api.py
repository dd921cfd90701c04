"""ZAPI, NetApp's XML over HTTP: elements, calls and errnos. The only importer of lxml and six.

lxml is used instead of the standard library's parser, because a filer's answer is untrusted: it is read without
entities, DTD and network. six converts between text and bytes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable, Union

from dataontap.client.retry import Again, never_again, persist
from dataontap.client.text import one_line
from dataontap.client.zapi import codes
from dataontap.errors import OntapError, Refusal, TransportError

LOG = logging.getLogger(__name__)

NAMESPACE = "http://www.netapp.com/filer/admin"
# Every filer supports this version. Calls that need a newer version are made after asking for the filer's version.
OLDEST_VERSION = (1, 15)

# ONTAP's answers may contain control characters (netapp-lib and Ansible strip them, too).
_NOT_XML = bytes(range(9)) + b"\x0b\x0c" + bytes(range(14, 32))
# Most elements and attributes of an answer. Each takes up to 200 bytes of memory. The largest possible answer, a
# page of 100 igroups with 256 initiators each, has 103,000 of them.
MARKUP_LIMIT = 250_000
# Most characters of a reason, and of a message with a hint after "dataontap: snapshot NAME: "; fewest of a reason.
_REASON_LIMIT = 120
_ROOM = 132
_LEAST_REASON = 30

Send = Callable[[bytes], bytes]
# A list holds several elements, each a one-entry mapping: lists in ZAPI are repeated names in a container.
Arguments = Mapping[str, Union[str, int, bool, "Arguments", "list[Arguments]", None]]


class NaElement:
    """An element of a ZAPI document: a name, attributes, and either text or children."""

    __slots__ = ("_element",)

    def __init__(self, element: Any) -> None:
        self._element = element

    @classmethod
    def build(cls, name: str, arguments: Arguments | None = None) -> NaElement:
        """A new element with ``arguments`` as children. Arguments that are None are left out.

        Raises ValueError for text that XML cannot carry.
        """
        from lxml import etree

        element = etree.Element(name)
        _append(element, arguments or {})
        return cls(element)

    @property
    def name(self) -> str:
        """The name without its namespace."""
        return str(self._element.tag).rpartition("}")[2]

    def get_attr(self, name: str) -> str | None:
        """The attribute ``name``, or None."""
        value = self._element.get(name)
        return None if value is None else str(value)

    def get_content(self) -> str:
        """The text, without the white space around it that some filers add."""
        return (self._element.text or "").strip()

    def get_text_length(self) -> int:
        """The number of characters of text in the element and all elements below it."""
        return sum(map(len, self._element.itertext()))

    def get_children(self) -> Iterator[NaElement]:
        """The child elements, in order."""
        return (NaElement(child) for child in self._element if isinstance(child.tag, str))

    def get_child_by_name(self, name: str) -> NaElement | None:
        """The first child ``name``, or None."""
        return next((child for child in self.get_children() if child.name == name), None)

    def get_child_content(self, name: str, default: str = "") -> str:
        """The text of the first child ``name``, or ``default`` where there is no such child."""
        child = self.get_child_by_name(name)
        return default if child is None else child.get_content()

    def get_int(self, name: str, default: int | None = None) -> int:
        """The whole number in the child ``name``; raises OntapError if there is none and no ``default``."""
        text = self.get_child_content(name)
        try:
            return int(text)
        except ValueError:
            if default is not None and not text:
                return default
            raise OntapError(f"the filer's {self.name} has no usable {name}: {text[:40]!r}") from None

    def to_string(self) -> bytes:
        """The element as a document, in UTF-8."""
        from lxml import etree

        return bytes(etree.tostring(self._element, xml_declaration=True, encoding="utf-8"))

    @classmethod
    def from_string(cls, document: bytes) -> NaElement:
        """The root of ``document``; raises OntapError when it is not plain, harmless XML."""
        import six
        from lxml import etree

        document = six.ensure_binary(document)
        # Each element, comment and instruction begins with "<"; each attribute has a "=".
        if document.count(b"<") + document.count(b"=") > MARKUP_LIMIT:
            raise OntapError(f"the answer has more than {MARKUP_LIMIT} elements; is HOSTNAME an ONTAP filer?")
        parser = etree.XMLParser(
            resolve_entities=False, load_dtd=False, dtd_validation=False, no_network=True, huge_tree=False
        )
        try:
            tree = etree.fromstring(document.translate(None, _NOT_XML), parser)
        except etree.XMLSyntaxError as error:
            raise OntapError(f"the answer is not XML: {error.msg}; is HOSTNAME an ONTAP filer?") from None
        dtd: Any = tree.getroottree().docinfo.internalDTD
        if dtd is not None and any(True for _ in dtd.iterentities()):
            raise OntapError("the answer declares XML entities; is HOSTNAME an ONTAP filer?")
        return cls(tree)


def refusal(api: str, code: str, reason: str, *, hint: str = "", transient: bool = False) -> Refusal:
    """The error for a call that failed with an errno. ``hint`` is the remedy."""
    kind = codes.REFUSALS.get(code, Refusal)
    message = f"{api} failed: {reason} (errno {code}){hint and '; ' + hint}"
    return kind(message, call=api, code=code, transient=transient)


class NaServer:
    """A filer that is reached by ``send`` (an HTTPS POST in production), tunnelled to one vserver or vfiler.

    ``again`` is called before a retry. It waits, longer each time, or raises the error that it is given.
    """

    def __init__(
        self,
        send: Send,
        *,
        version: tuple[int, int] = OLDEST_VERSION,
        tunnel: str | None = None,
        again: Again = never_again,
    ) -> None:
        self._send = send
        self.tunnel = tunnel
        self.again = again
        self.version = version
        # Finds the name that the tunnel's SVM has now, if the filer has none of this name. Raises the refusal or a
        # better error.
        self.find_tunnel: Callable[[Refusal], str] | None = None

    def send_request(
        self,
        api: str,
        arguments: Arguments | None = None,
        *,
        enable_tunneling: bool = True,
        repeatable: bool = True,
        once: bool = False,
    ) -> NaElement:
        """Call ``api``; returns and raises as ``invoke_successfully`` does."""
        element = NaElement.build(api, arguments)
        return self.invoke_successfully(
            element, enable_tunneling=enable_tunneling, repeatable=repeatable, once=once
        )

    def invoke_successfully(
        self,
        element: NaElement,
        *,
        enable_tunneling: bool = False,
        repeatable: bool = True,
        once: bool = False,
    ) -> NaElement:
        """The ``results`` of a call that passed.

        A call is retried if the filer was too busy. It is also retried if its answer was lost and it is
        ``repeatable``. A call that creates an object is not repeatable, because the object may exist already. A
        call with ``once`` is never retried here, because its preconditions must be checked again first. Raises
        Refusal with the filer's errno if the call failed, TransportError if there was no answer, and OntapError if
        the answer is not ZAPI.
        """
        asked = self.tunnel
        try:
            return self._persist(element, enable_tunneling, repeatable=repeatable, once=once)
        except Refusal as error:
            if error.code != codes.EVSERVERNOTFOUND or not enable_tunneling or self.find_tunnel is None:
                raise
            if self.tunnel == asked:  # else connecting, for this call, has found it
                self.tunnel = self.find_tunnel(error)
            error.transient = self.tunnel != asked
            if once or not error.transient:
                raise
        return self._persist(element, enable_tunneling, repeatable=repeatable)  # nothing was done before

    def _persist(self, element: NaElement, tunnelled: bool, *, repeatable: bool, once: bool = False) -> NaElement:
        return persist(lambda: self._invoke(element, tunnelled), self.again, repeatable=repeatable, once=once)

    def _invoke(self, element: NaElement, tunnelled: bool) -> NaElement:
        began = time.monotonic()
        outcome = "no answer"
        try:
            results = self._results(self._send(self._envelope(element, tunnelled)), element.name)
            outcome = "passed" if results.get_attr("status") == "passed" else f"errno {results.get_attr('errno')}"
        except TransportError as error:
            if error.sent and error.status is None:
                raise error.during(element.name) from error
            raise
        finally:
            LOG.debug("%s: %s in %.3f s", _describe(element), outcome, time.monotonic() - began)
        if outcome != "passed":
            raise self._failure(element.name, results)
        return results

    def _envelope(self, element: NaElement, tunnelled: bool) -> bytes:
        """The request around ``element``. SVMs are named in the attribute ``vfiler``, as vFilers are."""
        from lxml import etree

        major, minor = self.version
        root = etree.Element("netapp", {"version": f"{major}.{minor}", "xmlns": NAMESPACE})
        if tunnelled and self.tunnel:
            root.set("vfiler", self.tunnel)
        root.append(element._element)
        return NaElement(root).to_string()

    @staticmethod
    def _results(answer: bytes, api: str) -> NaElement:
        root = NaElement.from_string(answer)
        results = root.get_child_by_name("results") if root.name == "netapp" else None
        if results is None or results.get_attr("status") is None:
            raise OntapError(f"the answer to {api} is XML, but not ONTAP's; is HOSTNAME an ONTAP filer?")
        return results

    def _failure(self, api: str, results: NaElement) -> Refusal:
        code = results.get_attr("errno") or results.get_child_content("errorno") or "unknown"
        reason = results.get_attr("reason") or results.get_child_content("reason") or "no reason given"
        hint = self._hint(code, reason)
        room = _ROOM - len(f"{api} failed:  (errno {code}); {hint}")
        limit = max(_LEAST_REASON, room) if hint else _REASON_LIMIT
        busy = code in codes.BUSY or (api == "clone-create" and codes.BUSY_CLONE_REASON in reason)
        return refusal(api, code, one_line(reason, limit), hint=hint, transient=busy)

    def _hint(self, code: str, reason: str) -> str:
        """The remedy, if it is known."""
        if code == codes.EVSERVERNOTFOUND:
            return f"CLUSTER_MODE_VSERVER is {self.tunnel!r}"
        if code == codes.EAPIERROR and not self.tunnel and "vserver" in reason.lower():
            return "is CLUSTER_MODE_VSERVER missing?"
        return codes.HINTS.get(code, "")


def _append(parent: Any, arguments: Arguments) -> None:
    """The arguments as child elements; ZAPI's booleans are ``true`` and ``false``."""
    import six
    from lxml import etree

    for name, value in arguments.items():
        if value is None:
            continue
        child = etree.SubElement(parent, name)
        if isinstance(value, Mapping):
            _append(child, value)
        elif isinstance(value, list):
            for item in value:
                _append(child, item)
        elif isinstance(value, bool):
            child.text = "true" if value else "false"
        else:
            child.text = six.ensure_text(str(value))


def _describe(element: NaElement) -> str:
    """A call with its arguments, for the log."""
    return f"{element.name}({', '.join(_leaves(element))})"


def _leaves(element: NaElement) -> Iterator[str]:
    for child in element.get_children():
        if any(True for _ in child.get_children()):
            yield from _leaves(child)
        elif child.get_content():
            yield f"{child.name}={child.get_content()}"
