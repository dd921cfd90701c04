"""volume-get-iter: what there is to know of volumes."""

from __future__ import annotations

from tests.simulator import space
from tests.simulator.api.volume_fields import VOLUME
from tests.simulator.call import Call, api, require_writable
from tests.simulator.documents import Tree
from tests.simulator.errnos import VOLUME_DOES_NOT_EXIST, Refusal
from tests.simulator.filer import Filer
from tests.simulator.iterator import ITERATOR, Listing
from tests.simulator.model import Mirror, Snapshot, Volume

LANGUAGE = {"language": "C.UTF-8", "language-code": "c.utf_8"}


def find(call: Call, argument: str = "volume") -> Volume:
    """The volume that an argument names."""
    return find_volume(call, call.text(argument))


def find_volume(call: Call, name: str) -> Volume:
    """The volume of that name."""
    volume = call.filer.volumes.get((call.vserver, name))
    if volume is None:
        raise Refusal(VOLUME_DOES_NOT_EXIST, f"No volume named {name!r} exists.")
    return volume


def find_writable(call: Call, argument: str = "volume") -> Volume:
    """The volume that an argument names; refused if it is a mirror."""
    volume = find(call, argument)
    require_writable(volume)
    return volume


def mirrors_of(filer: Filer, volume: Volume) -> list[Mirror]:
    """The mirrors that a volume is an end of."""
    return [each for each in filer.state.mirrors.values() if volume.key in {each.key, each.source}]


def snapshots_of(filer: Filer, volume: Volume) -> list[Snapshot]:
    """A volume's snapshots, the oldest first."""
    found = [each for each in filer.state.snapshots.values() if (each.vserver, each.volume) == volume.key]
    return sorted(found, key=lambda each: (each.created, each.name))


def _identity(filer: Filer, volume: Volume) -> Tree:
    aggregate = filer.state.aggregates[volume.aggregate,]
    tree: dict[str, str | int] = {
        "comment": volume.comment,
        "containing-aggregate-name": volume.aggregate,
        "containing-aggregate-uuid": aggregate.uuid,
        "creation-time": volume.created,
        "instance-uuid": volume.uuid,
        "junction-path": volume.junction,
        "name": volume.name,
        "node": aggregate.node,
        "owning-vserver-name": volume.vserver,
        "owning-vserver-uuid": filer.vservers[volume.vserver,].uuid,
        "style": "flex",
        "style-extended": "flexvol",
        "type": volume.type,
        "uuid": volume.uuid,
    }
    return {name: value for name, value in tree.items() if value != ""}


def _clone(filer: Filer, volume: Volume) -> Tree:
    children = [
        other for other in filer.volumes.values() if (other.vserver, other.parent) == (volume.vserver, volume.name)
    ]
    tree: dict[str, int | Tree] = {"clone-child-count": len(children)}
    parent = filer.volumes.get((volume.vserver, volume.parent))
    if parent is not None:
        attributes = {"name": parent.name, "uuid": parent.uuid, "vserver-name": parent.vserver}
        if volume.parent_snapshot:
            attributes["snapshot-name"] = volume.parent_snapshot
        tree["volume-clone-parent-attributes"] = attributes
    return tree


def _space(filer: Filer, volume: Volume) -> Tree:
    used, usable = space.used(filer, volume), space.usable(volume)
    kept = volume.size - usable
    return {
        "expected-available": usable - used,
        "filesystem-size": volume.size,
        "is-filesys-size-fixed": False,
        "is-space-guarantee-enabled": True,
        "overwrite-reserve": 0,
        "percentage-fractional-reserve": 100 if volume.guarantee == "volume" else 0,
        "percentage-size-used": used * 100 // usable if usable else 0,
        "percentage-snapshot-reserve": volume.reserve,
        "percentage-snapshot-reserve-used": 0,
        "physical-used": used,
        "size": volume.size,
        "size-available": space.available(filer, volume),
        "size-available-for-snapshots": kept + usable - used,
        "size-total": usable,
        "size-used": used,
        "size-used-by-snapshots": 0,
        "snapshot-reserve-available": kept,
        "snapshot-reserve-size": kept,
        "space-full-threshold-percent": 98,
        "space-guarantee": volume.guarantee,
        "space-mgmt-option-try-first": "volume_grow",
        "space-nearly-full-threshold-percent": 95,
    }


def describe(filer: Filer, volume: Volume) -> Tree:
    """A flexible volume, as volume-attributes."""
    tree: dict[str, Tree | bool] = {
        "encrypt": False,
        "volume-autosize-attributes": {"is-enabled": False, "maximum-size": volume.size, "mode": "off"},
        "volume-clone-attributes": _clone(filer, volume),
        "volume-export-attributes": {"policy": "default"},
        "volume-id-attributes": _identity(filer, volume),
        "volume-language-attributes": {
            **LANGUAGE,
            "is-convert-ucode-enabled": True,
            "is-create-ucode-enabled": True,
        },
        "volume-mirror-attributes": {
            "is-data-protection-mirror": volume.type == "dp",
            "is-load-sharing-mirror": volume.type == "ls",
            "is-move-mirror": False,
            "is-replica-volume": volume.type in {"dp", "ls"},
            "is-snapmirror-source": any(each.source == volume.key for each in filer.state.mirrors.values()),
            "mirror-transfer-in-progress": False,
        },
        "volume-qos-attributes": {"policy-group-name": volume.qos_policy_group} if volume.qos_policy_group else {},
        "volume-security-attributes": {
            "style": "unix",
            "volume-security-unix-attributes": {"group-id": 0, "permissions": 755, "user-id": 0},
        },
        "volume-sis-attributes": {"is-sis-state-enabled": False, "is-sis-volume": False, "total-space-saved": 0},
        "volume-snaplock-attributes": {"snaplock-type": "non_snaplock"},
        "volume-snapshot-attributes": {
            "auto-snapshots-enabled": False,
            "snapdir-access-enabled": True,
            "snapshot-count": len(snapshots_of(filer, volume)),
            "snapshot-policy": "none",
        },
        "volume-space-attributes": _space(filer, volume),
        "volume-state-attributes": {
            "is-cluster-volume": True,
            "is-constituent": False,
            "is-flexgroup": False,
            "is-inconsistent": False,
            "is-invalid": False,
            "is-junction-active": bool(volume.junction),
            "is-moving": False,
            "is-node-root": False,
            "is-nvfail-enabled": False,
            "is-vserver-root": volume.is_root,
            "state": volume.state,
        },
    }
    return {name: value for name, value in tree.items() if value != {}}


KEY = ("volume-id-attributes/owning-vserver-name", "volume-id-attributes/name")


def listing(filer: Filer) -> Listing[Volume]:
    """How this filer lists its volumes."""
    return Listing("volume-attributes", KEY, VOLUME, lambda volume: describe(filer, volume))


def seen(call: Call, names: list[str] | None = None) -> dict[tuple[str, ...], Volume]:
    """The volumes that a call concerns, of these names if some are given."""
    volumes = call.filer.volumes
    return {
        key: volumes[key] for key in volumes if call.scope in {None, key[0]} and (names is None or key[1] in names)
    }


@api("volume-get-iter", optional=ITERATOR, tunnelled=False)
def volume_get_iter(call: Call) -> Tree:
    """Volumes, of one vserver or of the cluster."""
    volumes = listing(call.filer)
    query = volumes.query(call)
    names = query.alternatives("volume-id-attributes", "name")
    plain = None if names is None or any("*" in name for name in names) else names
    return volumes.answer(call, seen(call, plain), query)
