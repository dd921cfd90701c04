"""The cluster itself: its name, nodes, licences; asked by management software before it starts."""

from __future__ import annotations

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.filer import Filer
from tests.simulator.identity import object_uuid
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.nodes import NODES


@api("cluster-identity-get", optional=("desired-attributes",), cluster_only=True)
def cluster_identity_get(call: Call) -> Tree:
    """Name, UUID and serial number of the cluster."""
    cluster = call.filer.cluster
    return {
        "attributes": {
            "cluster-identity-info": {
                "cluster-contact": "",
                "cluster-location": "",
                "cluster-name": cluster.name,
                "cluster-serial-number": serial_number(0),
                "cluster-uuid": cluster.uuid,
                "rdb-uuid": cluster.uuid,
            }
        }
    }


def serial_number(number: int) -> str:
    """The serial number of a node; 0 is the cluster's own."""
    return f"1-80-{number:06}"


def _node(filer: Filer, number: int, name: str) -> Tree:
    return {
        "cpu-busytime": 1,
        "is-all-flash-optimized": False,
        "is-all-flash-select-optimized": False,
        "is-node-cluster-eligible": True,
        "is-node-healthy": name != filer.serving.taken_over,
        "is-epsilon-node": number == 1,
        "node": name,
        "node-asset-tag": "",
        "node-location": "",
        "node-model": filer.kind.model,
        "node-owner": "",
        "node-serial-number": serial_number(number),
        "node-system-id": f"{537000000 + number}",
        "node-uptime": 86400,
        "node-vendor": "NetApp",
    }


NODE_INFO = trees("node-details-info", ("node",))


@api("system-node-get-iter", optional=ITERATOR, cluster_only=True)
def system_node_get_iter(call: Call) -> Tree:
    """The nodes; a vserver's login is refused, which Cinder takes for "no cluster credentials"."""
    return NODE_INFO.answer(
        call, {(name,): _node(call.filer, number, name) for number, name in enumerate(NODES, 1)}
    )


MEMBERS = trees("cluster-node-info", ("node-name",))


@api("cluster-node-get-iter", optional=ITERATOR, cluster_only=True)
def cluster_node_get_iter(call: Call) -> Tree:
    """The nodes as members of the cluster."""
    members: dict[tuple[str, ...], Tree] = {
        (name,): {
            "is-node-eligible": True,
            "is-node-epsilon": number == 0,
            "is-node-healthy": name != call.filer.serving.taken_over,
            "node-name": name,
            "node-uuid": object_uuid(call.filer.cluster.uuid, -200 - number),
        }
        for number, name in enumerate(NODES)
    }
    return MEMBERS.answer(call, members)


@api("license-v2-list-info", cluster_only=True, introduced=20)
def license_v2_list_info(call: Call) -> Tree:
    """What the cluster is licensed for."""
    licences: list[Tree] = [
        {
            "customer-id": "123456",
            "description": f"{package} License",
            "is-node-locked": False,
            "legacy": False,
            "owner": call.filer.cluster.name,
            "package": package,
            "serial-number": serial_number(0),
            "type": "site",
        }
        for package in sorted(call.filer.licences)
    ]
    return {"licenses": {"license-v2-info": licences}}
