"""Vservers: who is there."""

from __future__ import annotations

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.iterator import ITERATOR, Fields, Listing
from tests.simulator.model import Vserver

AGGREGATE = "aggr1"
PROTOCOLS = ["iscsi", "fcp"]
AGGREGATE_INFO: Fields = {"aggr-name": None, "aggr-availsize": None}
FIELDS: Fields = {
    **dict.fromkeys(
        [
            "caching-policy",
            "comment",
            "ipspace",
            "is-config-locked-for-changes",
            "is-repository-vserver",
            "is-vserver-protected",
            "language",
            "ldap-domain",
            "max-volumes",
            "nis-domain",
            "operational-state",
            "operational-state-stopped-reason",
            "qos-policy-group",
            "quota-policy",
            "root-volume",
            "root-volume-aggregate",
            "root-volume-security-style",
            "snapshot-policy",
            "state",
            "uuid",
            "volume-delete-retention-hours",
            "vserver-name",
            "vserver-subtype",
            "vserver-type",
        ]
    ),
    "aggr-list": {"aggr-name": None},
    "allowed-protocols": {"protocol": None},
    "disallowed-protocols": {"protocol": None},
    "vserver-aggr-info-list": {"vserver-aggr-info": AGGREGATE_INFO},
}


def describe(vserver: Vserver) -> Tree:
    """A running data vserver, or the cluster's own (number 0), which has no volumes to speak of."""
    return {
        "aggr-list": {"aggr-name": [AGGREGATE]},
        "allowed-protocols": {"protocol": PROTOCOLS},
        "ipspace": "Default",
        "language": "c.utf_8",
        "operational-state": "running",
        "root-volume": f"{vserver.name}_root",
        "root-volume-aggregate": AGGREGATE,
        "root-volume-security-style": "unix",
        "state": "running",
        "uuid": vserver.uuid,
        "vserver-aggr-info-list": {"vserver-aggr-info": [{"aggr-name": AGGREGATE}]},
        "vserver-name": vserver.name,
        "vserver-subtype": "default",
        "vserver-type": "data" if vserver.number else "admin",
    }


VSERVERS: Listing[Vserver] = Listing("vserver-info", ("vserver-name",), FIELDS, describe)


@api("vserver-get-iter", optional=ITERATOR, tunnelled=False)
def vserver_get_iter(call: Call) -> Tree:
    """Every vserver, and the cluster's own; one that is asked itself sees only itself."""
    cluster = call.filer.cluster
    vservers = {(cluster.name,): Vserver(cluster.name, cluster.uuid, 0), **call.filer.vservers}
    seen = {key: vserver for key, vserver in vservers.items() if call.scope in {None, vserver.name}}
    return VSERVERS.answer(call, seen)


@api("vserver-get", optional=("desired-attributes",))
def vserver_get(call: Call) -> Tree:
    """The vserver that is asked."""
    key = (call.vserver,)
    listed = VSERVERS.answer(call, {key: call.filer.vservers[key]})
    return {"attributes": listed["attributes-list"]}
