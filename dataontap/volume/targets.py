"""Where the SVM's LUNs are reached: asked of the filer, cached on this node for a day."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

from dataontap.errors import DeviceError, OntapError
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.iscsi_records import Portal
from dataontap.host.reach import reached

if TYPE_CHECKING:
    from dataontap.client.array import Array, IscsiPortal
    from dataontap.host.reach import Place
    from dataontap.host.sysfs import Nexus
    from dataontap.state.cache import Cache

LOG = logging.getLogger(__name__)

# What may stand in a path and in iscsiadm's arguments; RFC 3720 has no more characters in iqn. and eui. names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,222}")
_LAST_PORT = 65535
_LAST_TAG = 65535  # RFC 7143, TargetPortalGroupTag: 16 bits
_REACH_SECONDS = 2.0


class IscsiTarget:
    """The SVM's iSCSI target, and this node's sessions to it."""

    def __init__(self, client: Callable[[], Array], iscsi: Iscsi, cache: Cache) -> None:
        self._client = client
        self._iscsi = iscsi
        self._cache = cache

    def connect(self) -> list[Nexus]:
        """Where this node sees the target, after logging in as far as need be; DeviceError if it cannot."""
        cached = self._cached()
        if cached is not None:
            try:
                return self._iscsi.connect(cached)
            except DeviceError as error:
                LOG.warning("%s; asking the filer whether its portals are others now", error)
        return self._iscsi.connect(self._ask())

    def reached(self) -> dict[Place, str]:
        """Where the filer says that the target is served, each place with why this node does not reach it."""
        return reached([(portal.address, portal.port) for portal in self._ask().portals], _REACH_SECONDS)

    def known(self) -> list[Nexus]:
        """Where this node has sessions to the target, in whatever state, as far as the target is cached."""
        cached = self._cached()
        return self._iscsi.known(cached) if cached is not None else []

    def _cached(self) -> Target | None:
        try:
            name, portals = json.loads(self._cache.get() or "null")
            return Target(name, tuple(Portal(*portal) for portal in portals))
        except (ValueError, TypeError):
            return None

    def _ask(self) -> Target:
        """What the filer says of its target; OntapError where it has none that can be used."""
        client = self._client()
        name = client.get_iscsi_service_details()
        if name is None:
            raise OntapError("the SVM has no iSCSI service; see vserver iscsi create")
        if not _NAME.fullmatch(name):
            raise OntapError(f"the filer names an iSCSI target that is none: {name!r}")
        portals = _usable(client.get_iscsi_target_details())
        self._cache.put(json.dumps([name, [[portal.address, portal.port, portal.tag] for portal in portals]]))
        return Target(name, portals)


def _usable(found: Sequence[IscsiPortal]) -> tuple[Portal, ...]:
    """The portals that a login can be tried at, each once; OntapError if there is none.

    One that is disabled, or that the filer describes by halves, is no reason not to use the others.
    """
    usable: dict[str, Portal] = {}
    odd = []
    for portal in found:
        problem = _problem(portal)
        if problem:
            odd.append(problem)
            LOG.warning("an iSCSI interface of the filer is left out: %s", problem)
        else:
            one = Portal(str(ipaddress.ip_address(portal.address)), portal.port, portal.tag)
            usable.setdefault(str(one), one)
    if not usable:
        first = f": {odd[0]}" if odd else ""
        raise OntapError(f"the filer has no usable iSCSI portal{first}; see vserver iscsi interface show")
    return tuple(usable.values())


def _problem(portal: IscsiPortal) -> str:
    """Why a portal cannot be used, for people; nothing if it can."""
    if not portal.enabled:
        return f"{portal.address[:40]!r} is disabled"
    try:
        address = ipaddress.ip_address(portal.address)
    except ValueError:
        return f"{portal.address[:40]!r} is no IP address"
    if address.is_unspecified or address.is_multicast or "%" in portal.address:  # a scope is one of this node's
        return f"{portal.address[:40]!r} is no address of a portal"
    if not 0 < portal.port <= _LAST_PORT:
        return f"{address} has no TCP port"
    if not 0 < portal.tag <= _LAST_TAG:
        return f"{address} has no portal group tag"
    return ""
