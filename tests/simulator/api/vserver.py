"""Vservers: who is there."""

from __future__ import annotations

from tests.simulator import space
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.filer import Filer
from tests.simulator.identity import object_uuid
from tests.simulator.iterator import ITERATOR, Fields, fields, trees
from tests.simulator.model import Vserver
from tests.simulator.nodes import NODES

PROTOCOLS = ["iscsi", "fcp"]
FIELDS: Fields = fields(
    "antivirus-on-access-policy caching-policy comment ipspace is-config-locked-for-changes is-repository-vserver"
    " is-space-enforcement-logical is-space-reporting-logical is-vserver-protected language ldap-domain"
    " max-volumes nis-domain operational-state operational-state-stopped-reason qos-policy-group quota-policy"
    " root-volume root-volume-aggregate root-volume-security-style snapshot-policy state uuid"
    " volume-delete-retention-hours vserver-name vserver-subtype vserver-type",
    {
        "aggr-list": fields("aggr-name"),
        "allowed-protocols": fields("protocol"),
        "disallowed-protocols": fields("protocol"),
        "name-mapping-switch": fields("nmswitch"),
        "name-server-switch": fields("nsswitch"),
        "vserver-aggr-info-list": {
            "vserver-aggr-info": fields("aggr-name aggr-availsize aggr-is-cft-precommit"),
        },
    },
)


def describe(filer: Filer, vserver: Vserver) -> Tree:
    """A running data vserver, which may use every aggregate."""
    aggregates = list(filer.state.aggregates.values())
    infos: list[Tree] = [
        {"aggr-name": each.name, "aggr-availsize": space.aggregate_available(filer, each)} for each in aggregates
    ]
    return {
        "aggr-list": {"aggr-name": [each.name for each in aggregates]},
        "allowed-protocols": {"protocol": PROTOCOLS},
        "disallowed-protocols": {"protocol": ["nfs", "cifs", "ndmp"]},
        "ipspace": "Default",
        "language": "c.utf_8",
        "operational-state": "stopped" if len(vserver.stopped) == len(PROTOCOLS) else "running",
        "root-volume": f"{vserver.name}_root",
        "root-volume-aggregate": aggregates[0].name,
        "root-volume-security-style": "unix",
        "snapshot-policy": "default",
        "state": "running",
        "uuid": vserver.uuid,
        "vserver-aggr-info-list": {"vserver-aggr-info": infos},
        "vserver-name": vserver.name,
        "vserver-subtype": "default",
        "vserver-type": "data",
    }


def _bare(name: str, uuid: str, kind: str) -> Tree:
    """The cluster's own vserver, or a node's: they have no volumes to speak of."""
    return {
        "ipspace": "Default",
        "uuid": uuid,
        "vserver-name": name,
        "vserver-type": kind,
    }


def _all(filer: Filer) -> dict[tuple[str, ...], Tree]:
    cluster = filer.cluster
    nodes: dict[tuple[str, ...], Tree] = {
        (node,): _bare(node, object_uuid(cluster.uuid, -100 - number), "node") for number, node in enumerate(NODES)
    }
    data: dict[tuple[str, ...], Tree] = {key: describe(filer, vserver) for key, vserver in filer.vservers.items()}
    return {(cluster.name,): _bare(cluster.name, cluster.uuid, "admin"), **nodes, **data}


VSERVERS = trees("vserver-info", ("vserver-name",), FIELDS)


@api("vserver-get-iter", optional=ITERATOR, tunnelled=False)
def vserver_get_iter(call: Call) -> Tree:
    """Every vserver, the cluster's own and the nodes'; one that is asked itself sees only itself."""
    found = _all(call.filer)
    return VSERVERS.answer(call, {key: found[key] for key in found if call.scope in {None, key[0]}})


@api("vserver-get", optional=("desired-attributes",))
def vserver_get(call: Call) -> Tree:
    """The vserver that is asked."""
    key = (call.vserver,)
    listed = VSERVERS.answer(call, {key: describe(call.filer, call.filer.vservers[key])})
    return {"attributes": listed["attributes-list"]}
