"""Fibre Channel: each vserver's node, and its ports."""

from __future__ import annotations

from tests.simulator.api.san_service import require_service
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.filer import Filer
from tests.simulator.identity import wwpn
from tests.simulator.interfaces import by_name, port_of, seen, wwpn_of
from tests.simulator.iterator import ITERATOR, fields, trees
from tests.simulator.model import Interface

INTERFACES = trees(
    "fcp-interface-info",
    ("vserver", "interface-name"),
    fields("current-node current-port interface-name node-name port-address port-name relative-port-id vserver"),
)
SERVICES = trees("fcp-service-info", ("vserver",), fields("is-available node-name vserver"))
PORTS = trees("fcp-port-name-info", ("vserver", "port-name"), fields("fcp-adapter is-used port-name vserver"))


def _node_name(filer: Filer, vserver: str) -> str:
    return wwpn(filer.vservers[vserver,].number, 0)


def _interface(filer: Filer, interface: Interface) -> Tree:
    return {
        "current-node": interface.node,
        "current-port": port_of(interface),
        "interface-name": interface.name,
        "node-name": _node_name(filer, interface.vserver),
        "port-address": f"{filer.vservers[interface.vserver,].number:x}{interface.number:04x}",
        "port-name": wwpn_of(filer, interface),
        "relative-port-id": interface.number,
        "vserver": interface.vserver,
    }


@api("fcp-interface-get-iter", optional=ITERATOR, tunnelled=False)
def fcp_interface_get_iter(call: Call) -> Tree:
    """The data interfaces with world-wide port names."""
    found = seen(call, "fcp")
    return INTERFACES.answer(call, dict(by_name(each, _interface(call.filer, each)) for each in found))


@api("fcp-node-get-name")
def fcp_node_get_name(call: Call) -> Tree:
    """The vserver's world-wide node name."""
    require_service(call, "fcp")
    return {"node-name": _node_name(call.filer, call.vserver)}


@api("fcp-service-get-iter", optional=ITERATOR, tunnelled=False)
def fcp_service_get_iter(call: Call) -> Tree:
    """One service a vserver that has it."""
    services: dict[tuple[str, ...], Tree] = {
        key: {
            "is-available": "fcp" not in vserver.stopped,
            "node-name": _node_name(call.filer, vserver.name),
            "vserver": vserver.name,
        }
        for key, vserver in call.filer.vservers.items()
        if call.scope in {None, vserver.name} and "fcp" not in vserver.without
    }
    return SERVICES.answer(call, services)


@api("fcp-port-name-get-iter", optional=ITERATOR, tunnelled=False)
def fcp_port_name_get_iter(call: Call) -> Tree:
    """The world-wide port names in use."""
    ports: dict[tuple[str, ...], Tree] = {}
    for interface in seen(call, "fcp"):
        name = wwpn_of(call.filer, interface)
        ports[interface.vserver, name] = {
            "fcp-adapter": interface.name,
            "is-used": True,
            "port-name": name,
            "vserver": interface.vserver,
        }
    return PORTS.answer(call, ports)
