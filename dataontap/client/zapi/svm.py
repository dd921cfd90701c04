"""The SVM over ZAPI: its pools, its targets, and what the account may do."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from dataontap.client.array import FcPort, IscsiPortal, Pool
from dataontap.client.initiators import canonical
from dataontap.client.svm import NoSuchSvm, Svm, chosen, noted, take_note, twin
from dataontap.client.zapi import codes, rights
from dataontap.client.zapi.api import Arguments, NaElement, NaServer
from dataontap.client.zapi.base import BaseClient, Memory
from dataontap.client.zapi.listing import Question, listed
from dataontap.client.zapi.luns import is_true, number
from dataontap.errors import OntapError, Refusal, TransportError

if TYPE_CHECKING:
    from dataontap.state.cache import Text

LOG = logging.getLogger(__name__)


class SvmMemory(Protocol):
    """What is noted of the SVM; see ``state.cache.FilerCaches``."""

    def noted_svm(self) -> Text:
        """Its uuid."""

    def svm_name(self) -> Text:
        """The name that it has instead of the configured name."""


class SvmCalls(BaseClient):
    """Methods are described in ``Svm`` of ``client.array``."""

    account_commands = "ontap-account-zapi.txt"

    def __init__(self, server: NaServer, remembered: Memory | None = None, svms: SvmMemory | None = None) -> None:
        super().__init__(server, remembered)
        self._svms = svms
        self._configured = server.tunnel
        if svms is None or server.tunnel is None:
            return
        server.find_tunnel = self._find_tunnel
        if svms.svm_name().get(of_any_age=True) == twin(server.tunnel):
            server.tunnel = twin(server.tunnel)

    def get_iscsi_service_details(self) -> str | None:
        """The name of the SVM's iSCSI target; None if it has no iSCSI service."""
        names = self.iterate(
            "iscsi-service-get-iter",
            "iscsi-service-info",
            lambda record: record.get_child_content("node-name"),
            key=("node-name",),
            query={},
            wanted={"node-name": ""},
        )
        return next(iter(names), None)

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        """The SVM's iSCSI interfaces, including disabled ones. A missing number is 0."""
        names = ("ip-address", "ip-port", "tpgroup-tag", "is-interface-enabled", "current-node")
        return self.iterate(
            "iscsi-interface-get-iter",
            "iscsi-interface-list-entry-info",
            _portal,
            key=(),
            query={},
            wanted=dict.fromkeys(names, ""),
        )

    def is_fcp_enabled(self) -> bool | None:
        """See ``Svm``."""
        services = self.iterate(
            "fcp-service-get-iter",
            "fcp-service-info",
            lambda record: record.get_child_content("is-available").lower() != "false",
            key=(),
            query={},
            wanted={"is-available": ""},
        )
        return next(iter(services), None)

    def get_fc_target_ports(self) -> list[FcPort]:
        """See ``Svm``. ZAPI does not tell here which interfaces are disabled."""
        return self.iterate(
            "fcp-interface-get-iter",
            "fcp-interface-info",
            _fc_port,
            key=(),
            query={},
            wanted=dict.fromkeys(("port-name", "current-node"), ""),
        )

    def get_svm_uuid(self) -> str:
        """The SVM's uuid. It makes one request, which is not repeated."""
        return self._settled(once=True).uuid

    def _settled(self, *, once: bool = False) -> Svm:
        """The configuration's SVM, whatever its name is now. Notes its uuid, and calls go to it from now on."""
        note = self._svms.noted_svm() if self._svms is not None else None
        svm = chosen(self._vservers(once=once), self._configured, noted(note) if note is not None else None)
        if note is not None:
            take_note(note, svm.uuid)
        if self._svms is not None and self._configured is not None:
            self.server.tunnel = svm.name
            name = self._svms.svm_name()
            if svm.name == self._configured:
                name.drop()
            else:
                LOG.warning("SVM %s is called %s at this filer", self._configured, svm.name)
                name.put(svm.name)
        return svm

    def _vservers(self, *, once: bool) -> list[Svm]:
        """The SVMs that may be the configuration's."""
        name = self._configured
        asked = {"vserver-type": "data", **({"vserver-name": f"{name}|{twin(name)}"} if name else {})}
        wanted = dict.fromkeys(("vserver-name", "vserver-type", "uuid", "state"), "")
        question = Question("vserver-get-iter", "vserver-info", ("vserver-name", "uuid"), asked, wanted)

        def ask(arguments: Arguments) -> NaElement:
            return self.server.send_request(question.api, arguments, enable_tunneling=False, once=once)

        return listed(question, ask, _svm)

    def _find_tunnel(self, error: Refusal) -> str:
        """The SVM's name now. Raises ``error`` if the filer does not have the SVM, or does not tell."""
        try:
            return self._settled().name
        except (NoSuchSvm, Refusal) as failure:
            raise error from failure

    def get_admin_vservers(self) -> list[str]:
        """The names of the cluster's admin vservers, which only an account of the cluster sees."""
        return self.iterate(
            "vserver-get-iter",
            "vserver-info",
            lambda record: record.get_child_content("vserver-name"),
            key=("vserver-name", "vserver-type"),
            query={"vserver-type": "admin"},
            wanted={"vserver-name": "", "vserver-type": ""},
        )

    def get_capabilities(self) -> frozenset[str] | None:
        """The calls that our account may make, or None if the filer is too old to tell.

        The request is not tunnelled, as in Cinder, because an account's rights do not depend on the SVM.
        """
        try:
            granted = self.iterate(
                "system-user-capability-get-iter",
                "capability-info",
                _api_names,
                key=(),
                query={},
                wanted={"operation-list": {"operation-info": {"api-name": ""}}},
                tunnelled=False,
            )
        except Refusal as error:
            if error.code != codes.EAPINOTFOUND:
                raise
            return None
        return frozenset[str]().union(*granted)

    def get_pools(self, names: Collection[str]) -> list[Pool]:
        """The SVM's volumes that have one of these names."""
        return self.iterate(
            "volume-get-iter",
            "volume-attributes",
            _pool,
            key=("volume-id-attributes/name",),
            query={"volume-id-attributes": {"name": "|".join(names)}},
            wanted={
                "volume-id-attributes": {"name": "", "type": ""},
                "volume-state-attributes": {"state": ""},
                "volume-space-attributes": {"size-available": "", "size-total": ""},
                "volume-autosize-attributes": {"is-enabled": ""},
                "volume-clone-attributes": {"volume-clone-parent-attributes": {"name": ""}},
            },
        )

    def check_connection(self) -> None:
        """See ``Svm``. It also notes the SVM's uuid, once: no other call over ZAPI tells it."""
        self.get_ontapi_version()
        if self._svms is None or self._configured is None or noted(self._svms.noted_svm()) is not None:
            return
        try:
            self._settled()
        except TransportError:
            raise
        except OntapError as error:
            LOG.info("the SVM's uuid is not noted: %s", error)

    def require_svm(self) -> None:
        """See ``Svm``. Over ZAPI every call to an SVM that does not exist is refused."""

    def is_whole_cluster(self) -> bool:
        """See ``Svm``."""
        return bool(self.get_admin_vservers())

    def get_missing_rights(self, protocol: str, *, per_node: bool) -> list[str] | None:
        """See ``Svm``. It asks for the rights and does not try the calls: half of them change something."""
        granted = self.get_capabilities()
        return None if granted is None else sorted(rights.needed(protocol, per_node=per_node) - granted)


def _svm(record: NaElement) -> Svm:
    return Svm(*(record.get_child_content(name) for name in ("vserver-name", "uuid", "state")))


def _portal(record: NaElement) -> IscsiPortal:
    return IscsiPortal(
        record.get_child_content("ip-address"),
        number(record, "ip-port"),
        number(record, "tpgroup-tag"),
        is_true(record, "is-interface-enabled"),
        record.get_child_content("current-node"),
    )


def _fc_port(record: NaElement) -> FcPort:
    name, node = record.get_child_content("port-name"), record.get_child_content("current-node")
    return FcPort(canonical(name), enabled=True, node=node)


def _api_names(record: NaElement) -> set[str]:
    """The calls in a capability. An operation may have several."""
    return {
        name.strip()
        for operations in record.get_children()
        for operation in operations.get_children()
        for name in operation.get_child_content("api-name").split(",")
    }


def _pool(record: NaElement) -> Pool:
    identity = record.get_child_by_name("volume-id-attributes")
    clone = record.get_child_by_name("volume-clone-attributes")
    return Pool(
        name=identity.get_child_content("name") if identity is not None else "",
        type=identity.get_child_content("type", "rw") if identity is not None else "",
        is_clone=clone is not None and clone.get_child_by_name("volume-clone-parent-attributes") is not None,
        state=_inner(record, "volume-state-attributes", "state"),
        size=_optional(_inner(record, "volume-space-attributes", "size-total")),
        available=_optional(_inner(record, "volume-space-attributes", "size-available")),
        grows=_inner(record, "volume-autosize-attributes", "is-enabled").lower() == "true",
    )


def _inner(record: NaElement, group: str, name: str) -> str:
    """A volume's attribute; "" if the filer omits it, as it does for a volume that is offline."""
    attributes = record.get_child_by_name(group)
    return attributes.get_child_content(name, "") if attributes is not None else ""


def _optional(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
