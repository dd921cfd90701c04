"""Where this node sees the SVM's LUNs over iSCSI. The filer names its portals; this node caches them for a day."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from dataontap.client.array import IscsiPortal
from dataontap.errors import OntapError
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.iscsi_records import Portal
from dataontap.host.reach import reached

if TYPE_CHECKING:
    from dataontap.client.array import Svm
    from dataontap.host.sysfs import Nexus
    from dataontap.state.cache import Cache

LOG = logging.getLogger(__name__)

# What is safe in a path and in iscsiadm's arguments. RFC 3720 allows no other characters in iqn. and eui. names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,222}")
_LAST_PORT = 65535
_LAST_TAG = 65535  # RFC 7143, TargetPortalGroupTag: 16 bits


class FilerTarget(Protocol):
    """The SVM's interfaces for one storage protocol, as this node reaches them.

    An interface is a portal (iSCSI) or a WWPN (FC). Each is at one of the filer's nodes, if the filer tells.
    """

    @property
    def is_cached(self) -> bool:
        """Whether the filer named its interfaces less than a day ago."""

    def learn(self, svm: Svm) -> bool:
        """Ask the filer for its interfaces and cache them. Returns whether others were cached.

        OntapError if the filer has none that is usable.
        """

    def connect(self, nodes: Collection[str] = ()) -> list[Nexus]:
        """Where this node sees the interfaces, after logging in if necessary; DeviceError if it sees none.

        Only those at ``nodes`` of the filer, if any interface is there; all without ``nodes``.
        """

    def known(self) -> list[Nexus]:
        """Where this node sees or saw any of the interfaces, in any state. Empty if none is cached."""

    def interfaces(self) -> Mapping[str, str]:
        """The cached interfaces, each with its node of the filer, "" if that is not known."""

    def unreached(self, seconds: float) -> Mapping[str, str]:
        """Why this node does not reach an interface, for each that it does not reach within ``seconds``."""


class IscsiTarget:
    """This node's sessions to the SVM's iSCSI target. ``iscsi`` makes them; ``cache`` keeps the target."""

    def __init__(self, iscsi: Iscsi, cache: Cache) -> None:
        self._iscsi = iscsi
        self._cache = cache
        self._told: Target | None = None

    @property
    def is_cached(self) -> bool:
        """See ``FilerTarget``."""
        return self._cached() is not None

    def learn(self, svm: Svm) -> bool:
        """See ``FilerTarget``."""
        before, self._told = self._cached(), target_of(svm)
        portals = [[portal.address, portal.port, portal.tag, portal.node] for portal in self._told.portals]
        self._cache.put(json.dumps([self._told.name, portals]))
        return before is not None and {*map(str, before.portals)} != {*map(str, self._told.portals)}

    def connect(self, nodes: Collection[str] = ()) -> list[Nexus]:
        """See ``FilerTarget``."""
        return self._iscsi.connect(at_nodes(self._target(), nodes))

    def known(self) -> list[Nexus]:
        """See ``FilerTarget``."""
        cached = self._cached()
        return self._iscsi.known(cached) if cached is not None else []

    def interfaces(self) -> dict[str, str]:
        """See ``FilerTarget``."""
        return {str(portal): portal.node for portal in self._target().portals}

    def unreached(self, seconds: float) -> dict[str, str]:
        """See ``FilerTarget``."""
        portals = {(portal.address, portal.port): str(portal) for portal in self._target().portals}
        return {portals[place]: why for place, why in reached(portals, seconds).items() if why}

    def _target(self) -> Target:
        """The cached target with the portals that this node may use now; DeviceError if it has others only."""
        target = self._cached() or Target("", ())
        return replace(target, portals=self._iscsi.portals(target))

    def _cached(self) -> Target | None:
        """The target as the filer last described it; None if that was over a day ago."""
        if self._told is None:
            try:
                name, portals = json.loads(self._cache.get() or "null")
                found = [IscsiPortal(at, port, tag, enabled=True, node=node) for at, port, tag, node in portals]
                self._told = Target(name, _usable(found)) if _NAME.fullmatch(name) else None
            except (ValueError, TypeError, AttributeError, RecursionError, OntapError):
                return None
        return self._told


def at_nodes(target: Target, nodes: Collection[str]) -> Target:
    """The target with its portals at ``nodes`` of the filer only; with all if there are none."""
    chosen = tuple(portal for portal in target.portals if portal.node in nodes)
    if not chosen:
        return target
    others = tuple(str(portal) for portal in target.portals if portal not in chosen)
    return Target(target.name, chosen, elsewhere=others)


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
            one = Portal(str(ipaddress.ip_address(portal.address)), portal.port, portal.tag, portal.node)
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
