"""The target that this node reaches the SVM's LUNs through. The filer tells it; this node caches it for a day."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dataontap.errors import OntapError
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.iscsi_records import Portal

if TYPE_CHECKING:
    from dataontap.client.array import IscsiPortal, Svm
    from dataontap.host.sysfs import Nexus
    from dataontap.state.cache import Cache

LOG = logging.getLogger(__name__)

# What is safe in a path and in iscsiadm's arguments. RFC 3720 allows no other characters in iqn. and eui. names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,222}")
_LAST_PORT = 65535
_LAST_TAG = 65535  # RFC 7143, TargetPortalGroupTag: 16 bits


class IscsiTarget:
    """This node's sessions to the SVM's iSCSI target. ``iscsi`` makes them; ``cache`` keeps the target."""

    def __init__(self, iscsi: Iscsi, cache: Cache) -> None:
        self._iscsi = iscsi
        self._cache = cache

    def cached(self) -> Target | None:
        """The target as the filer last described it; None if that was over a day ago."""
        try:
            name, portals = json.loads(self._cache.get() or "null")
            return Target(name, tuple(Portal(*portal) for portal in portals))
        except (ValueError, TypeError):
            return None

    def keep(self, target: Target) -> None:
        """Cache the target that the filer has just described."""
        portals = [[portal.address, portal.port, portal.tag] for portal in target.portals]
        self._cache.put(json.dumps([target.name, portals]))

    def connect(self, target: Target) -> list[Nexus]:
        """Where this node sees the target, after logging in if necessary. DeviceError if it cannot log in."""
        return self._iscsi.connect(target)

    def known(self) -> list[Nexus]:
        """Where this node has sessions to the cached target, in any state. Empty if no target is cached."""
        cached = self.cached()
        return self._iscsi.known(cached) if cached is not None else []


def target_of(svm: Svm) -> Target:
    """The target as the filer describes it; OntapError if it has no usable target."""
    name = svm.get_iscsi_service_details()
    if name is None:
        raise OntapError("the SVM has no iSCSI service; see vserver iscsi create")
    if not _NAME.fullmatch(name):
        raise OntapError(f"the filer's name of its iSCSI target is not valid: {name!r}")
    return Target(name, _usable(svm.get_iscsi_target_details()))


def _usable(found: Sequence[IscsiPortal]) -> tuple[Portal, ...]:
    """The portals where a login can be tried, each once. OntapError if there is none.

    A portal that is disabled, or incompletely described, does not stop the use of the others.
    """
    usable: dict[str, Portal] = {}
    odd = []
    for portal in found:
        problem = _problem(portal)
        if problem:
            odd.append(problem)
            LOG.warning("ignoring an iSCSI interface of the filer: %s", problem)
        else:
            one = Portal(str(ipaddress.ip_address(portal.address)), portal.port, portal.tag)
            usable.setdefault(str(one), one)
    if not usable:
        first = f": {odd[0]}" if odd else ""
        raise OntapError(f"the filer has no usable iSCSI portal{first}; see vserver iscsi interface show")
    return tuple(usable.values())


def _problem(portal: IscsiPortal) -> str:
    """Why a portal cannot be used, for people; "" if it can be used."""
    if not portal.enabled:
        return f"{portal.address[:40]!r} is disabled"
    try:
        address = ipaddress.ip_address(portal.address)
    except ValueError:
        return f"{portal.address[:40]!r} is not an IP address"
    if address.is_unspecified or address.is_multicast or "%" in portal.address:  # a scope names a node's interface
        return f"{portal.address[:40]!r} cannot be a portal's address"
    if not 0 < portal.port <= _LAST_PORT:
        return f"{address} has no TCP port"
    if portal.tag is not None and not 0 < portal.tag <= _LAST_TAG:
        return f"{address} has no portal group tag"
    return ""
