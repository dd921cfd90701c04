"""lun-get-iter: what there is to know of LUNs."""

from __future__ import annotations

from tests.simulator.api.system import NODE
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.iterator import ITERATOR, Fields, Listing
from tests.simulator.model import Lun

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
ONLY_IF_SET = ("application", "caching-policy", "comment", "qos-policy-group")


def describe(lun: Lun) -> Tree:
    """A LUN, as lun-info (the fields and constants of an answer recorded by Cinder)."""
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
        "node": NODE,
        "online": lun.online,
        "path": lun.path,
        "prefix-size": lun.prefix_size,
        "qos-policy-group": lun.qos_policy_group,
        "qtree": lun.qtree,
        "read-only": False,
        "serial-number": lun.serial,
        "share-state": "none",
        "size": lun.size,
        "size-used": lun.size if lun.reserved else 0,
        "staging": False,
        "state": "online" if lun.online else "offline",
        "suffix-size": 0,
        "uuid": lun.uuid,
        "volume": lun.volume,
        "vserver": lun.vserver,
    }
    return {name: value for name, value in tree.items() if value != "" or name not in ONLY_IF_SET}


LUNS: Listing[Lun] = Listing("lun-info", ("vserver", "path", "volume", "qtree"), FIELDS, describe)


def key(lun: Lun) -> tuple[str, ...]:
    """The five parts of a recorded lun-get-iter tag."""
    return (lun.vserver, lun.path, lun.volume, lun.qtree, lun.name)


@api("lun-get-iter", optional=ITERATOR, tunnelled=False)
def lun_get_iter(call: Call) -> Tree:
    """LUNs of one vserver or of the cluster; one that is asked for by its path is looked up, not searched."""
    query = LUNS.query(call)
    path = query.plain("path")
    if path is None:
        found = list(call.filer.luns.values())
    else:
        places = [(vserver, path) for (vserver,) in call.filer.vservers]
        found = [call.filer.luns[place] for place in places if place in call.filer.luns]
    return LUNS.answer(call, {key(lun): lun for lun in found if call.scope in {None, lun.vserver}}, query)
