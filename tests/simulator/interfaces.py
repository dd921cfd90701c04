"""A vserver's logical interfaces: where its LUNs are reached, and by which names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.identity import wwpn
from tests.simulator.provision import FIRST

if TYPE_CHECKING:
    from tests.simulator.call import Call
    from tests.simulator.documents import Tree
    from tests.simulator.filer import Filer
    from tests.simulator.model import Interface


def seen(call: Call, protocol: str | None = None) -> list[Interface]:
    """The interfaces that a call concerns, of one protocol or of all, by vserver and number."""
    found = [
        each
        for each in call.filer.state.interfaces.values()
        if call.scope in {None, each.vserver} and protocol in {None, each.protocol}
    ]
    return sorted(found, key=lambda each: (each.vserver, each.protocol, each.number))


def by_name(interface: Interface, tree: Tree) -> tuple[tuple[str, ...], Tree]:
    """An entry of a listing whose key is the vserver and the interface's name."""
    return (interface.vserver, interface.name), tree


def address(filer: Filer, interface: Interface) -> str:
    """Its address: a portal of this machine's if the LUNs are exported there (see lio), or its own."""
    if interface.protocol == "iscsi" and 0 < interface.number <= len(filer.portals):
        return filer.portals[interface.number - 1]
    return interface.address


def is_up(filer: Filer, interface: Interface) -> bool:
    """Whether hosts reach it: an interface for SAN stays on its node, also when that is taken over."""
    return interface.is_up and interface.node != filer.serving.taken_over


def remove(filer: Filer, interface: Interface) -> None:
    """It is gone, with the sessions over it."""
    sessions = filer.state.sessions.values()
    over = [each for each in sessions if (each.vserver, each.interface) == interface.key]
    filer.state.commit(gone=[interface, *over])


def port_of(interface: Interface) -> str:
    """The node's port that it is on: e0c, e0d ... or 0b, 0c ..."""
    if interface.protocol == "iscsi":
        return f"e0{chr(ord('b') + interface.number)}"
    return f"0{chr(ord('a') + interface.number)}"


def wwpn_of(filer: Filer, interface: Interface) -> str:
    """The world-wide port name of an FC interface: a port's of this machine if the LUNs are exported there."""
    if interface.vserver == FIRST and 0 < interface.number <= len(filer.wwpns):
        return filer.wwpns[interface.number - 1]
    return wwpn(filer.vservers[interface.vserver,].number, interface.number)
