"""Clients that others have written for real filers, behind one face: arguments in, elements or an errno out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from xml.etree import ElementTree

from netapp_lib.api.zapi import zapi

with warnings.catch_warnings():
    # It imports distutils, which only setuptools still has from Python 3.12 on, to compare versions of OpenSSL.
    warnings.simplefilter("ignore")
    from netapp.NaElement import NaElement
    from netapp.NaServer import NaServer
    from Ontap import Filer

Arguments = Mapping[str, Any]


class Refused(Exception):  # noqa: N818 - the filer's answer, not an error of the test
    """The filer said no, as the client tells it."""

    def __init__(self, errno: str, reason: str) -> None:
        super().__init__(f"{errno} {reason}")
        self.errno, self.reason = errno, reason


class Client(Protocol):
    """One library's way to a filer's SVM."""

    def __init__(self, port: int, *, login: str = "admin", password: str = "secret") -> None: ...

    def send(self, api: str, arguments: Arguments, vserver: str | None) -> ElementTree.Element:
        """The ``results`` of a passed call; Refused otherwise."""


class Library:
    """netapp-lib: what Ansible and older Cinders use."""

    def __init__(self, port: int, *, login: str = "admin", password: str = "secret") -> None:
        self._server = zapi.NaServer(
            "127.0.0.1", transport_type="https", username=login, password=password, port=port
        )
        self._server.set_api_version(1, 180)

    def send(self, api: str, arguments: Arguments, vserver: str | None) -> ElementTree.Element:
        self._server.set_vserver(vserver)
        request = zapi.NaElement(api)
        request.translate_struct(_texts(arguments))
        try:
            results = self._server.invoke_successfully(request, enable_tunneling=vserver is not None)
        except zapi.NaApiError as error:
            raise Refused(str(error.code), str(error.message)) from error
        return _plain(results.to_string())


def server(port: int, login: str = "admin", password: str = "secret") -> NaServer:
    """The SDK's connection, with all that it can say of itself."""
    connection = NaServer("127.0.0.1", 1, 180)
    connection.set_style("LOGIN")
    connection.set_admin_user(login, password)
    connection.set_transport_type("HTTPS")
    connection.set_port(port)
    connection.set_originator_id("tests")
    return connection


def wrapped(port: int) -> Filer:
    """The wrapper's filer; its own constructor has no port."""
    filer = Filer.__new__(Filer)
    filer.api = server(port)
    filer.name = "127.0.0.1"
    filer.perf_obj_info = {}
    about = filer.invoke("system-get-version")
    filer.cluster_mode = about.child_get_string("is-clustered") == "true"
    return filer


class Kit:
    """The core of NetApp's own SDK (Manageability SDK 9.5), as ontap-api-wrapper carries it."""

    def __init__(self, port: int, *, login: str = "admin", password: str = "secret") -> None:
        self._server = server(port, login, password)

    def send(self, api: str, arguments: Arguments, vserver: str | None) -> ElementTree.Element:
        self._server.set_vfiler(vserver or "")
        results = self._server.invoke_elem(_element(api, arguments))
        if results.results_status() == "failed":
            raise Refused(str(results.results_errno()), str(results.results_reason()))
        return _plain(results.sprintf())


def _texts(value: Any) -> Any:
    """Numbers as text: the library takes a 0 for nothing."""
    if isinstance(value, Mapping):
        return {name: _texts(each) for name, each in value.items()}
    return value if isinstance(value, list) else str(value)


def _element(name: str, value: Any) -> NaElement:
    if not isinstance(value, Mapping):
        return NaElement(name, str(value))
    element = NaElement(name)
    for child, content in value.items():
        several = content if isinstance(content, Sequence) and not isinstance(content, str) else [content]
        for each in several:
            element.child_add(_element(child, each))
    return element


def _plain(document: str | bytes) -> ElementTree.Element:
    """The elements without their namespace."""
    root = ElementTree.fromstring(document)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


CLIENTS: dict[str, type[Client]] = {"netapp-lib": Library, "NMSDK": Kit}
