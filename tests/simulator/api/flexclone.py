"""FlexClones: volumes with another's LUNs."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.simulator.api.snapshot import luns_in
from tests.simulator.api.volume import find, snapshots_of
from tests.simulator.api.volume_life import GUARANTEES, require_name
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import OBJECT_NOT_FOUND, SNAPSHOT_DOES_NOT_EXIST, VOLUME_NOT_CLONE, Refusal
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import Record, Snapshot, Volume

CLONE = (
    "caching-policy",
    "junction-active",
    "junction-path",
    "parent-snapshot",
    "parent-vserver",
    "qos-policy-group-name",
    "space-reserve",
    "use-snaprestore-license",
    "volume-type",
    "vserver",
    "uid",
    "gid",
)


@api("volume-clone-create", "volume", "parent-volume", optional=CLONE)
def volume_clone_create(call: Call) -> Tree:
    """A FlexClone: its LUNs have the parent's data and names, identities of their own, and no maps."""
    parent, name = find(call, "parent-volume"), call.text("volume")
    require_name(call, name)
    wanted = call.text("parent-snapshot")
    kept = {each.name: each for each in snapshots_of(call.filer, parent)}
    if wanted and wanted not in kept:
        raise Refusal(SNAPSHOT_DOES_NOT_EXIST, f"Snapshot {wanted!r} does not exist.")
    uuid, _, _ = call.filer.identity()
    clone = replace(
        parent,
        name=name,
        uuid=uuid,
        created=int(time.time()),
        type=call.choice("volume-type", frozenset({"rw", "dp"}), "rw"),
        parent=parent.name,
        parent_snapshot=wanted,
        junction=call.text("junction-path"),
        guarantee=call.choice("space-reserve", GUARANTEES, "none"),
        is_root=False,
    )
    call.filer.state.commit(clone, *_contents(call, parent, clone, kept.get(wanted)))
    return {}


def _contents(call: Call, parent: Volume, clone: Volume, snapshot: Snapshot | None) -> list[Record]:
    """The parent's LUNs, of now or of a snapshot, and qtrees for its FlexClone, and how many were made then."""
    if snapshot is not None:
        sources = luns_in(snapshot)
    else:
        paths = call.filer.state.indexes.in_volume.get(parent.key, ())
        luns = [call.filer.luns[parent.vserver, path] for path in sorted(paths)]
        sources = {lun.uuid: lun for lun in luns}
    made: list[Record] = []
    # The volume itself has the first identity.
    _, _, counted = call.filer.identity()
    for ahead, (content, lun) in enumerate(sources.items(), start=1):
        uuid, serial, counted = call.filer.identity(ahead)
        call.filer.state.contents.copy(content, uuid, lun.size)
        made.append(lun.copied(clone, lun.path_in(clone.name), uuid, serial))
    qtrees = call.filer.state.qtrees.values()
    made += [replace(each, volume=clone.name) for each in qtrees if (each.vserver, each.volume) == parent.key]
    return [*made, counted]


@api("volume-clone-split-start", "volume")
def volume_clone_split_start(call: Call) -> Tree:
    """No FlexClone any more; done at once here."""
    volume = find(call)
    if not volume.parent:
        raise Refusal(VOLUME_NOT_CLONE, f"Volume {volume.name} is not a clone")
    call.filer.state.commit(replace(volume, parent="", parent_snapshot=""))
    return {}


CLONES = trees("volume-clone-info", ("vserver", "volume"))


def _describe(volume: Volume) -> Tree:
    return {
        "parent-snapshot": volume.parent_snapshot,
        "parent-volume": volume.parent,
        "parent-vserver": volume.vserver,
        "size": volume.size,
        "volume": volume.name,
        "volume-type": volume.type.upper(),
        "vserver": volume.vserver,
    }


@api("volume-clone-get", "volume", optional=("desired-attributes",))
def volume_clone_get(call: Call) -> Tree:
    """Of which volume a FlexClone is one; 15661 for what is none (Ansible)."""
    volume = call.filer.volumes.get((call.vserver, call.text("volume")))
    if volume is None or not volume.parent:
        raise Refusal(OBJECT_NOT_FOUND, "entry doesn't exist")
    return {"attributes": {"volume-clone-info": _describe(volume)}}


@api("volume-clone-get-iter", optional=ITERATOR, tunnelled=False)
def volume_clone_get_iter(call: Call) -> Tree:
    """The FlexClones."""
    clones = {key: volume for key, volume in call.filer.volumes.items() if volume.parent}
    return CLONES.answer(
        call, {key: _describe(volume) for key, volume in clones.items() if call.scope in {None, volume.vserver}}
    )
