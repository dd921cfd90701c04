"""The interfaces by which the filer is managed. Those of the cluster and of SVMs move in a takeover."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterator

from tests.simulator.filer import Filer
from tests.simulator.nodes import NODES, in_charge
from tests.simulator.rest.call import Call
from tests.simulator.rest.fields import Document
from tests.simulator.rest.resources.common import node, node_uuid, svm

PORT = "e0M"
FIRST = ipaddress.ip_address("203.0.113.1")  # reserved for documentation; clients come by --listen
SERVICES = ["management_core", "management_autosupport", "management_access"]


def interfaces(call: Call) -> Iterator[Document]:
    """The cluster's and its nodes', for those who see the cluster, and one of each SVM."""
    filer = call.filer
    if call.scope is None:
        yield _interface(filer, "cluster_mgmt", 0, moves=True)
        for number, name in enumerate(NODES, start=1):
            yield _interface(filer, f"{name}_mgmt1", number, home=name)
    for name, found in sorted(call.svms.items()):
        shown = _interface(filer, f"{name}_mgmt", len(NODES) + found.number, moves=True)
        yield {**shown, "scope": "svm", "svm": svm(filer, name)}


def _interface(filer: Filer, name: str, number: int, *, home: str = NODES[0], moves: bool = False) -> Document:
    is_away = home == filer.serving.taken_over
    here = in_charge(filer, home) if moves else home
    return {
        "uuid": str(uuid.uuid5(uuid.UUID(filer.cluster.uuid), name)),
        "name": name,
        "enabled": True,
        "ip": {"address": str(FIRST + number), "family": "ipv4", "netmask": "24"},
        "ipspace": {"name": "Default"},
        "location": {
            "auto_revert": True,
            "failover": "broadcast_domain_only" if moves else "disabled",
            "is_home": here == home,
            "node": node(filer, here),
            "home_node": node(filer, home),
            "port": _port(filer, here),
            "home_port": _port(filer, home),
        },
        "scope": "cluster",
        "service_policy": {"name": "default-management"},
        "services": SERVICES,
        "state": "down" if is_away and not moves else "up",
        "vip": False,
    }


def _port(filer: Filer, name: str) -> Document:
    return {"name": PORT, "uuid": str(uuid.uuid5(uuid.UUID(node_uuid(filer, name)), PORT)), "node": {"name": name}}
