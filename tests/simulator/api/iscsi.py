"""iSCSI: each vserver's target, and where initiators log in."""

from __future__ import annotations

from tests.simulator.api.san_service import require_service
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.filer import Filer
from tests.simulator.identity import PORTAL_GROUP, iscsi_name
from tests.simulator.interfaces import address, by_name, port_of, seen
from tests.simulator.iterator import ITERATOR, fields, trees
from tests.simulator.model import Interface, Vserver

SERVICES = trees(
    "iscsi-service-info",
    ("vserver",),
    fields(
        "alias-name is-available login-timeout max-cmds-per-session max-conn-per-session max-error-recovery-level"
        " node-name retain-timeout tcp-window-size vserver"
    ),
)
INTERFACES = trees(
    "iscsi-interface-list-entry-info",
    ("vserver", "interface-name"),
    fields(
        "current-node current-port interface-name ip-address ip-port is-interface-enabled relative-port-id"
        " sendtargets-fqdn tpgroup-name tpgroup-tag vserver"
    ),
)


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


def _interface(filer: Filer, interface: Interface) -> Tree:
    served = "iscsi" not in filer.vservers[interface.vserver,].stopped
    return {
        "current-node": interface.node,
        "current-port": port_of(interface),
        "interface-name": interface.name,
        "ip-address": address(filer, interface),
        "ip-port": 3260,
        "is-interface-enabled": served and interface.is_up,
        "relative-port-id": interface.number,
        "tpgroup-name": interface.name,
        "tpgroup-tag": PORTAL_GROUP + interface.number,
        "vserver": interface.vserver,
    }


@api("iscsi-node-get-name")
def iscsi_node_get_name(call: Call) -> Tree:
    """The vserver's target name."""
    vserver = require_service(call, "iscsi")
    return {"node-name": iscsi_name(vserver.uuid, vserver.number)}


@api("iscsi-service-get-iter", optional=ITERATOR, tunnelled=False)
def iscsi_service_get_iter(call: Call) -> Tree:
    """One service a vserver that has it."""
    vservers = [
        vserver
        for vserver in call.filer.vservers.values()
        if call.scope in {None, vserver.name} and "iscsi" not in vserver.without
    ]
    return SERVICES.answer(call, {vserver.key: _service(vserver) for vserver in vservers})


@api("iscsi-interface-get-iter", optional=ITERATOR, tunnelled=False)
def iscsi_interface_get_iter(call: Call) -> Tree:
    """Where iSCSI initiators log in."""
    found = seen(call, "iscsi")
    return INTERFACES.answer(call, dict(by_name(each, _interface(call.filer, each)) for each in found))
