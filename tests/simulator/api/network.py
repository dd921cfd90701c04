"""Where hosts reach the LUNs: iSCSI and FC services, interfaces and ports.

Each vserver has two interfaces of each kind, one on each node; the addresses are those reserved for
documentation, unless the filer's LUNs are exported in earnest (see lio).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.filer import Filer
from tests.simulator.identity import PORTAL_GROUP, iscsi_name, wwpn
from tests.simulator.iterator import ITERATOR, fields, trees
from tests.simulator.model import Vserver
from tests.simulator.nodes import node_of_interface

INTERFACES = (1, 2)


def interface_names(vserver: str) -> set[str]:
    """The names of a vserver's interfaces."""
    return {f"{vserver}_{kind}_{interface}" for kind in ("iscsi", "fc") for interface in INTERFACES}


def address(filer: Filer, vserver: Vserver, interface: int) -> str:
    """An iSCSI interface's address: a portal, or 192.0.2.x for the first vservers, 198.51.100.x after them."""
    if filer.portals:
        return filer.portals[interface - 1]
    place = 2 * vserver.number + interface
    return f"192.0.2.{place}" if place < 255 else f"198.51.100.{place % 255}"


def _service(vserver: Vserver) -> Tree:
    return {
        "alias-name": vserver.name,
        "is-available": "iscsi" not in vserver.stopped,
        "login-timeout": 15,
        "max-cmds-per-session": 128,
        "max-conn-per-session": 4,
        "max-error-recovery-level": 0,
        "node-name": iscsi_name(vserver.uuid, vserver.number),
        "retain-timeout": 20,
        "tcp-window-size": 131400,
        "vserver": vserver.name,
    }


def _iscsi_interface(filer: Filer, vserver: Vserver, interface: int) -> Tree:
    return {
        "current-node": node_of_interface(interface),
        "current-port": f"e0{chr(ord('b') + interface)}",
        "interface-name": f"{vserver.name}_iscsi_{interface}",
        "ip-address": address(filer, vserver, interface),
        "ip-port": 3260,
        "is-interface-enabled": "iscsi" not in vserver.stopped,
        "relative-port-id": interface,
        "tpgroup-name": f"{vserver.name}_iscsi_{interface}",
        "tpgroup-tag": PORTAL_GROUP + interface,
        "vserver": vserver.name,
    }


def _ip_interface(filer: Filer, vserver: Vserver, interface: int) -> Tree:
    return {
        "address": address(filer, vserver, interface),
        "administrative-status": "up",
        "current-node": node_of_interface(interface),
        "current-port": f"e0{chr(ord('b') + interface)}",
        "data-protocols": {"data-protocol": ["iscsi"]},
        "home-node": node_of_interface(interface),
        "home-port": f"e0{chr(ord('b') + interface)}",
        "interface-name": f"{vserver.name}_iscsi_{interface}",
        "is-home": True,
        "netmask": "255.255.255.0",
        "netmask-length": 24,
        "operational-status": "up",
        "role": "data",
        "vserver": vserver.name,
    }


def _fc_interface(vserver: Vserver, interface: int) -> Tree:
    return {
        "current-node": node_of_interface(interface),
        "current-port": f"0{chr(ord('a') + interface)}",
        "interface-name": f"{vserver.name}_fc_{interface}",
        "node-name": wwpn(vserver.number, 0),
        "port-address": f"{vserver.number:x}{interface:04x}",
        "port-name": wwpn(vserver.number, interface),
        "relative-port-id": interface,
        "vserver": vserver.name,
    }


def _fc_port(vserver: Vserver, interface: int) -> Tree:
    return {
        "fcp-adapter": f"{vserver.name}_fc_{interface}",
        "is-used": True,
        "port-name": wwpn(vserver.number, interface),
        "vserver": vserver.name,
    }


SERVICES = trees(
    "iscsi-service-info",
    ("vserver",),
    fields(
        "alias-name is-available login-timeout max-cmds-per-session max-conn-per-session max-error-recovery-level"
        " node-name retain-timeout tcp-window-size vserver"
    ),
)
ISCSI_INTERFACES = trees(
    "iscsi-interface-list-entry-info",
    ("vserver", "interface-name"),
    fields(
        "current-node current-port interface-name ip-address ip-port is-interface-enabled relative-port-id"
        " sendtargets-fqdn tpgroup-name tpgroup-tag vserver"
    ),
)
IP_INTERFACES = trees(
    "net-interface-info",
    ("vserver", "interface-name"),
    fields(
        "address address-family administrative-status comment current-node current-port dns-domain-name"
        " extended-status failover-group failover-policy firewall-policy force-subnet-association home-node"
        " home-port interface-name ipspace is-auto-revert is-dns-update-enabled is-home is-ipv4-link-local is-vip"
        " lif-uuid listen-for-dns-query netmask netmask-length operational-status probe-port role"
        " routing-group-name service-policy subnet-name use-failover-group vserver wwpn",
        {"data-protocols": fields("data-protocol"), "service-names": fields("lif-service-name")},
    ),
)
FC_INTERFACES = trees(
    "fcp-interface-info",
    ("vserver", "interface-name"),
    fields("current-node current-port interface-name node-name port-address port-name relative-port-id vserver"),
)
FC_SERVICES = trees("fcp-service-info", ("vserver",), fields("is-available node-name vserver"))
FC_PORTS = trees("fcp-port-name-info", ("vserver", "port-name"), fields("fcp-adapter is-used port-name vserver"))


def _seen(call: Call) -> list[Vserver]:
    return [vserver for vserver in call.filer.vservers.values() if call.scope in {None, vserver.name}]


@api("iscsi-node-get-name")
def iscsi_node_get_name(call: Call) -> Tree:
    """The vserver's target name."""
    vserver = call.filer.vservers[call.vserver,]
    return {"node-name": iscsi_name(vserver.uuid, vserver.number)}


@api("iscsi-service-get-iter", optional=ITERATOR, tunnelled=False)
def iscsi_service_get_iter(call: Call) -> Tree:
    """One service a vserver."""
    return SERVICES.answer(call, {(vserver.name,): _service(vserver) for vserver in _seen(call)})


@api("iscsi-interface-get-iter", optional=ITERATOR, tunnelled=False)
def iscsi_interface_get_iter(call: Call) -> Tree:
    """Where iSCSI initiators log in."""
    return ISCSI_INTERFACES.answer(call, _each(call, partial(_iscsi_interface, call.filer), "interface-name"))


@api("net-interface-get-iter", optional=ITERATOR, tunnelled=False)
def net_interface_get_iter(call: Call) -> Tree:
    """The data interfaces with IP addresses."""
    return IP_INTERFACES.answer(call, _each(call, partial(_ip_interface, call.filer), "interface-name"))


@api("fcp-interface-get-iter", optional=ITERATOR, tunnelled=False)
def fcp_interface_get_iter(call: Call) -> Tree:
    """The data interfaces with world-wide port names."""
    return FC_INTERFACES.answer(call, _each(call, _fc_interface, "interface-name"))


@api("fcp-node-get-name")
def fcp_node_get_name(call: Call) -> Tree:
    """The vserver's world-wide node name."""
    return {"node-name": wwpn(call.filer.vservers[call.vserver,].number, 0)}


@api("fcp-service-get-iter", optional=ITERATOR, tunnelled=False)
def fcp_service_get_iter(call: Call) -> Tree:
    """One service a vserver."""
    return FC_SERVICES.answer(
        call,
        {
            (vserver.name,): {
                "is-available": "fcp" not in vserver.stopped,
                "node-name": wwpn(vserver.number, 0),
                "vserver": vserver.name,
            }
            for vserver in _seen(call)
        },
    )


@api("fcp-port-name-get-iter", optional=ITERATOR, tunnelled=False)
def fcp_port_name_get_iter(call: Call) -> Tree:
    """The world-wide port names in use."""
    return FC_PORTS.answer(call, _each(call, _fc_port, "port-name"))


def _each(call: Call, describe: Any, key: str) -> dict[tuple[str, ...], Tree]:
    trees = [describe(vserver, interface) for vserver in _seen(call) for interface in INTERFACES]
    return {(tree["vserver"], tree[key]): tree for tree in trees}
