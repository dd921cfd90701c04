"""Logical interfaces in general: listed, made, changed, deleted."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import DUPLICATE_ENTRY, INVALID_INPUT, OBJECT_NOT_FOUND, Refusal
from tests.simulator.filer import Filer
from tests.simulator.interfaces import address, by_name, is_up, port_of, remove, seen, wwpn_of
from tests.simulator.iterator import ITERATOR, fields, trees
from tests.simulator.model import Interface
from tests.simulator.nodes import NODES

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


def _describe(filer: Filer, interface: Interface) -> Tree:
    tree: dict[str, str | int | bool | Tree] = {
        "administrative-status": "up" if interface.is_up else "down",
        "current-node": interface.node,
        "current-port": port_of(interface),
        "data-protocols": {"data-protocol": [interface.protocol]},
        "home-node": interface.node,
        "home-port": port_of(interface),
        "interface-name": interface.name,
        "is-home": True,
        "operational-status": "up" if is_up(filer, interface) else "down",
        "role": "data",
        "vserver": interface.vserver,
    }
    if interface.protocol == "fcp":
        return {**tree, "wwpn": wwpn_of(filer, interface)}
    network = ipaddress.ip_network(f"0.0.0.0/{interface.netmask_length}")
    return {
        **tree,
        "address": address(filer, interface),
        "netmask": str(network.netmask),
        "netmask-length": interface.netmask_length,
    }


@api("net-interface-get-iter", optional=ITERATOR, tunnelled=False)
def net_interface_get_iter(call: Call) -> Tree:
    """The data interfaces, those for FC among them, which have no address."""
    return IP_INTERFACES.answer(call, dict(by_name(each, _describe(call.filer, each)) for each in seen(call)))


CREATE = (
    "address",
    "administrative-status",
    "comment",
    "data-protocols",
    "failover-group",
    "failover-policy",
    "firewall-policy",
    "home-node",
    "home-port",
    "ipspace",
    "is-auto-revert",
    "is-ipv4-link-local",
    "netmask",
    "netmask-length",
    "return-record",
    "role",
    "service-policy",
    "subnet-name",
    "vserver",
)


@api("net-interface-create", "interface-name", optional=CREATE, tunnelled=False)
def net_interface_create(call: Call) -> Tree:
    """One more for iSCSI or FC, at home on a node."""
    vserver, name = call.named_vserver(), call.text("interface-name")
    if (vserver, name) in call.filer.state.interfaces:
        raise Refusal(DUPLICATE_ENTRY, "duplicate entry")
    given = call.container("data-protocols")
    protocol = given.children[0].text if given and given.children else "iscsi"
    node = call.choice("home-node", frozenset(NODES), NODES[0])
    if protocol not in {"iscsi", "fcp"}:
        raise Refusal(INVALID_INPUT, f"Only iscsi and fcp are served here, not {protocol!r}")
    taken = [each.number for each in call.filer.state.interfaces.values() if each.vserver == vserver]
    interface = Interface(
        vserver,
        name,
        protocol,
        max(taken, default=0) + 1,
        node,
        _address(call) if protocol == "iscsi" else "",
        _length(call),
        call.choice("administrative-status", frozenset({"up", "down"}), "up") == "up",
    )
    call.filer.state.commit(interface)
    return {}


def _address(call: Call) -> str:
    try:
        return str(ipaddress.ip_address(call.text("address")))
    except ValueError:
        raise Refusal(INVALID_INPUT, f"Invalid value for address: {call.text('address')!r}") from None


def _length(call: Call) -> int:
    text = call.text("netmask") or call.text("netmask-length") or "24"
    try:
        return ipaddress.ip_network(f"0.0.0.0/{text}").prefixlen
    except ValueError:
        raise Refusal(INVALID_INPUT, f"Invalid value for netmask: {text!r}") from None


def _find(call: Call) -> Interface:
    found = call.filer.state.interfaces.get((call.named_vserver(), call.text("interface-name")))
    if found is None:
        raise Refusal(OBJECT_NOT_FOUND, "entry doesn't exist")
    return found


@api("net-interface-modify", "interface-name", optional=CREATE, tunnelled=False)
def net_interface_modify(call: Call) -> Tree:
    """Up or down, or at another address."""
    interface = _find(call)
    now = "up" if interface.is_up else "down"
    up = call.choice("administrative-status", frozenset({"up", "down"}), now) == "up"
    where = _address(call) if call.text("address") else interface.address
    call.filer.state.commit(replace(interface, is_up=up, address=where))
    return {}


@api("net-interface-delete", "interface-name", optional=("vserver",), tunnelled=False)
def net_interface_delete(call: Call) -> Tree:
    """Gone, with the sessions over it; it has to be down before."""
    interface = _find(call)
    if interface.is_up:
        raise Refusal(INVALID_INPUT, f"Interface {interface.name} is up")
    remove(call.filer, interface)
    return {}
