"""lun-get-iter: what there is to know of LUNs."""

from __future__ import annotations

from tests.simulator import space
from tests.simulator.api.partial import listable
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.filer import Filer
from tests.simulator.iterator import ITERATOR, Fields, Listing
from tests.simulator.model import Lun
from tests.simulator.nodes import node_of
from tests.simulator.query import Query

FIELDS: Fields = dict.fromkeys(
    [
        "alignment",
        "application",
        "application-uuid",
        "backing-snapshot",
        "block-size",
        "caching-policy",
        "class",
        "clone-backing-snapshot",
        "comment",
        "creation-timestamp",
        "device-binary-id",
        "device-id",
        "device-text-id",
        "is-clone",
        "is-clone-autodelete-enabled",
        "is-inconsistent-import",
        "is-restore-inaccessible",
        "is-space-alloc-enabled",
        "is-space-reservation-enabled",
        "mapped",
        "multiprotocol-type",
        "node",
        "online",
        "path",
        "prefix-size",
        "qos-adaptive-policy-group",
        "qos-policy-group",
        "qtree",
        "read-only",
        "serial-7-mode",
        "serial-number",
        "share-state",
        "size",
        "size-used",
        "staging",
        "state",
        "suffix-size",
        "uuid",
        "volume",
        "vserver",
    ]
)
# Fields that real filers leave out when there is nothing to say.
ONLY_IF_SET = ("application", "caching-policy", "comment", "qos-policy-group", "qos-adaptive-policy-group")


def describe(filer: Filer, lun: Lun) -> Tree:
    """A LUN, as lun-info (the fields and constants of an answer recorded by Cinder)."""
    volume = filer.volumes[lun.vserver, lun.volume]
    online = lun.online and volume.state == "online"
    tree: dict[str, str | int] = {
        "alignment": "indeterminate",
        "application": lun.application,
        "block-size": 512,
        "caching-policy": lun.caching_policy,
        "class": lun.lun_class,
        "comment": lun.comment,
        "creation-timestamp": lun.created,
        "is-clone": lun.is_clone,
        "is-clone-autodelete-enabled": False,
        "is-inconsistent-import": False,
        "is-restore-inaccessible": False,
        "is-space-alloc-enabled": lun.space_allocation,
        "is-space-reservation-enabled": lun.reserved,
        "mapped": bool(lun.maps),
        "multiprotocol-type": lun.ostype,
        "node": node_of(filer, volume),
        "online": online,
        "path": lun.path,
        "prefix-size": lun.prefix_size,
        "qos-adaptive-policy-group": lun.qos_adaptive_policy_group,
        "qos-policy-group": lun.qos_policy_group,
        "qtree": lun.qtree,
        "read-only": volume.is_read_only,
        "serial-number": lun.serial,
        "share-state": "none",
        "size": lun.size,
        "size-used": space.lun_used(filer, lun),
        "staging": False,
        "state": "online" if online else "offline",
        "suffix-size": 0,
        "uuid": lun.uuid,
        "volume": lun.volume,
        "vserver": lun.vserver,
    }
    return {name: value for name, value in tree.items() if value != "" or name not in ONLY_IF_SET}


KEY = ("vserver", "path", "volume", "qtree")


def key(lun: Lun) -> tuple[str, ...]:
    """The five parts of a recorded lun-get-iter tag."""
    return (lun.vserver, lun.path, lun.volume, lun.qtree, lun.name)


def candidates(filer: Filer, query: Query, vservers: list[str]) -> list[Lun]:
    """The LUNs that can match: those at the paths, or of the names, or in the volumes, that the query tells.

    Only if it tells none of these are all LUNs looked at.
    """
    paths = query.alternatives("path")
    if paths is not None:
        found = [at(filer, vserver, path) for vserver in vservers for path in paths]
        if None not in found:
            return list({lun.uuid: lun for luns in found for lun in luns or ()}.values())
    volume = query.plain("volume")
    if volume is not None:
        inside = filer.state.indexes.in_volume
        return [filer.luns[name, path] for name in vservers for path in inside.get((name, volume), ())]
    return [lun for lun in filer.luns.values() if lun.vserver in vservers]


def at(filer: Filer, vserver: str, pattern: str) -> list[Lun] | None:
    """The LUNs that a path, or a pattern that ends in a LUN's name, can mean; None if it could be any."""
    if "*" not in pattern:
        lun = filer.luns.get((vserver, pattern))
        return [lun] if lun is not None else []
    name = pattern.rpartition("/")[2]
    if "*" in name or not name or "/" not in pattern:
        return None
    return [filer.luns[vserver, path] for path in filer.state.indexes.named.get((vserver, name), ())]


@api("lun-get-iter", optional=ITERATOR, tunnelled=False)
def lun_get_iter(call: Call) -> Tree:
    """LUNs of one vserver or of the cluster."""
    filer = call.filer
    luns: Listing[Lun] = Listing("lun-info", KEY, FIELDS, lambda lun: describe(filer, lun))
    query = luns.query(call)
    vservers = [name for (name,) in filer.vservers if call.scope in {None, name}]
    shown, errors = listable(call, query, candidates(filer, query, vservers))
    return {**luns.answer(call, {key(lun): lun for lun in shown}, query), **errors}
