"""What this node may use of iSCSI: the networks that portals are in, and open-iscsi's interfaces."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataontap.errors import DeviceError

if TYPE_CHECKING:
    from dataontap.host.iscsi_records import Portal
    from dataontap.host.iscsi_sessions import Session


@dataclass(frozen=True)
class Scope:
    """The options ISCSI_NETWORKS and ISCSI_INTERFACES. Each allows everything if it is empty."""

    networks: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()

    def portals(self, found: Sequence[Portal]) -> tuple[Portal, ...]:
        """The filer's portals that are in the networks. Raises DeviceError if none of them is."""
        inside = tuple(portal for portal in found if self._has(portal.address))
        if found and not inside:
            addresses = _first([portal.address for portal in found])
            raise DeviceError(f"no iSCSI portal ({addresses}) is in ISCSI_NETWORKS ({_first(self.networks)})")
        return inside

    def has_session(self, session: Session) -> bool:
        """Whether a session is by an interface and to a portal that may be used."""
        return self.has_interface(session.interface) and self._has(session.address)

    def has_interface(self, name: str) -> bool:
        """Whether an interface may be used. The kernel does not always tell a session's: "" is allowed."""
        return not (self.interfaces and name) or name in self.interfaces

    def _has(self, address: str) -> bool:
        if not self.networks:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:  # a host name, in a record that the admin made
            return False
        return any(found in ipaddress.ip_network(network) for network in self.networks)


EVERYTHING = Scope()


def _first(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if names[1:] else names[0]
