"""Where the SVM's LUNs are reached: asked of the filer, remembered on this node for a day."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
from typing import TYPE_CHECKING, Callable

from dataontap.errors import DeviceError, OntapError
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.iscsi_records import Portal

if TYPE_CHECKING:
    from dataontap.client.client_cmode import CmodeClient
    from dataontap.host.sysfs import Nexus
    from dataontap.memory import Memory

LOG = logging.getLogger(__name__)

# What may stand in a path and in iscsiadm's arguments; RFC 3720 has no more characters in iqn. and eui. names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,222}")


class IscsiTarget:
    """The SVM's iSCSI target, and this node's sessions to it."""

    def __init__(self, client: Callable[[], CmodeClient], iscsi: Iscsi, memory: Memory) -> None:
        self._client = client
        self._iscsi = iscsi
        self._memory = memory

    def connect(self) -> list[Nexus]:
        """Where this node sees the target, after logging in as far as need be; DeviceError if it cannot."""
        remembered = self._remembered()
        if remembered is not None:
            try:
                return self._iscsi.connect(remembered)
            except DeviceError as error:
                LOG.warning("%s; asking the filer whether its portals are others now", error)
        return self._iscsi.connect(self._ask())

    def known(self) -> list[Nexus]:
        """Where this node has sessions to the target, in whatever state, as far as it remembers the target."""
        remembered = self._remembered()
        return self._iscsi.known(remembered) if remembered is not None else []

    def _remembered(self) -> Target | None:
        try:
            name, portals = json.loads(self._memory.get() or "null")
            return Target(name, tuple(Portal(*portal) for portal in portals))
        except (ValueError, TypeError):
            return None

    def _ask(self) -> Target:
        """What the filer says of its target; OntapError where it has none, or one with an impossible name."""
        client = self._client()
        name = client.get_iscsi_service_details()
        if name is None:
            raise OntapError("the SVM has no iSCSI service; see vserver iscsi create")
        found = [portal for portal in client.get_iscsi_target_details() if portal.enabled]
        try:
            portals = tuple(
                Portal(str(ipaddress.ip_address(portal.address)), portal.port, portal.tag) for portal in found
            )
        except ValueError as error:
            raise OntapError(f"the filer names an iSCSI portal that is none: {error}") from None
        if not _NAME.fullmatch(name):
            raise OntapError(f"the filer names an iSCSI target that is none: {name!r}")
        self._memory.put(json.dumps([name, [[portal.address, portal.port, portal.tag] for portal in portals]]))
        return Target(name, portals)
