"""Snapshots of volumes, which keep the LUNs that were in them."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from tests.simulator.api.volume import find, find_writable, snapshots_of
from tests.simulator.call import Call, api, require_writable
from tests.simulator.documents import Tree
from tests.simulator.errnos import INVALID_INPUT, SNAPSHOT_BUSY, SNAPSHOT_DOES_NOT_EXIST, SNAPSHOT_EXISTS, Refusal
from tests.simulator.filer import Filer
from tests.simulator.iterator import ITERATOR, fields, trees
from tests.simulator.model import Cluster, Key, Lun, Snapshot, Volume, from_json, to_json

NAME_LENGTH = 256


def find_snapshot(call: Call, volume: Volume, name: str) -> Snapshot:
    """A volume's snapshot of that name."""
    snapshot = call.filer.state.snapshots.get((volume.vserver, volume.name, name))
    if snapshot is None:
        raise Refusal(SNAPSHOT_DOES_NOT_EXIST, f"Snapshot {name!r} does not exist.")
    return snapshot


def luns_in(snapshot: Snapshot) -> dict[str, Lun]:
    """The LUNs as they were, by the names of their content files; vserver and volume have their names of now."""
    found = {}
    for content, record in snapshot.luns.items():
        lun = from_json(Lun.kind, record)
        if isinstance(lun, Lun):
            found[content] = replace(lun, vserver=snapshot.vserver, path=lun.path_in(snapshot.volume))
    return found


@api("snapshot-create", "volume", "snapshot", optional=("async", "comment", "snapmirror-label"))
def snapshot_create(call: Call) -> Tree:
    """Keep a volume's LUNs as they are now."""
    call.flag("async")
    take(call, find(call), call.text("snapshot"), call.text("comment"))
    return {}


def take(call: Call, volume: Volume, name: str, comment: str) -> None:
    """A new snapshot of a volume, with the data of each LUN in it."""
    require_writable(volume)
    if len(name) > NAME_LENGTH or "/" in name:
        raise Refusal(INVALID_INPUT, f"Invalid snapshot name {name!r}")
    if (volume.vserver, volume.name, name) in call.filer.state.snapshots:
        raise Refusal(SNAPSHOT_EXISTS, f"Snapshot {name!r} already exists.")
    identity, _, counted = call.filer.identity()
    contents = call.filer.state.contents
    luns = {}
    for path in sorted(call.filer.state.indexes.in_volume.get(volume.key, ())):
        lun = call.filer.luns[volume.vserver, path]
        content = str(uuid.uuid5(uuid.UUID(identity), lun.uuid))
        contents.copy(lun.uuid, content, lun.size)
        luns[content] = to_json(lun)
    snapshot = Snapshot(volume.vserver, volume.name, name, int(time.time()), comment, identity, luns)
    call.filer.state.commit(snapshot, counted)


@api("snapshot-delete", "volume", "snapshot", optional=("ignore-owners", "snapshot-instance-uuid"))
def snapshot_delete(call: Call) -> Tree:
    """Forget it, and the LUNs in it."""
    call.flag("ignore-owners")
    snapshot = find_snapshot(call, find_writable(call), call.text("snapshot"))
    if snapshot.key in _parents(call.filer):
        raise Refusal(SNAPSHOT_BUSY, f"Snapshot {snapshot.name!r} is in use by a FlexClone")
    call.filer.state.commit(gone=[snapshot])
    for content in snapshot.luns:
        call.filer.state.contents.remove(content)
    return {}


@api("snapshot-rename", "volume", "current-name", "new-name")
def snapshot_rename(call: Call) -> Tree:
    """Another name."""
    volume, name = find_writable(call), call.text("new-name")
    snapshot = find_snapshot(call, volume, call.text("current-name"))
    if (volume.vserver, volume.name, name) in call.filer.state.snapshots:
        raise Refusal(SNAPSHOT_EXISTS, f"Snapshot {name!r} already exists.")
    call.filer.state.commit(replace(snapshot, name=name), gone=[snapshot])
    return {}


INFO = fields(
    "access-time afs-used busy comment compress-savings compression-type contains-lun-clones"
    " cumulative-percentage-of-total-blocks cumulative-percentage-of-used-blocks cumulative-total dedup-savings"
    " dependency expiry-time infinite-snaplock-expiry-time inofile-version is-7-mode-snapshot"
    " is-constituent-snapshot name percentage-of-total-blocks percentage-of-used-blocks performance-metadata"
    " snaplock-expiry-time snapmirror-label snapshot-instance-uuid snapshot-version-uuid state total vbn0-savings"
    " volume volume-provenance-uuid vserver convert-recovery",
    {"snapshot-owners-list": {"snapshot-owner": fields("owner")}},
)
SNAPSHOTS = trees("snapshot-info", ("vserver", "volume", "name"), INFO)


def describe(snapshot: Snapshot, busy: bool) -> Tree:
    """A snapshot, as snapshot-info; ``busy`` if a FlexClone hangs on it."""
    tree: dict[str, str | int] = {
        "access-time": snapshot.created,
        "busy": busy,
        "comment": snapshot.comment,
        "contains-lun-clones": False,
        "cumulative-total": 0,
        "dependency": "vclone" if busy else "",
        "is-7-mode-snapshot": False,
        "is-constituent-snapshot": False,
        "name": snapshot.name,
        "snapshot-instance-uuid": snapshot.uuid,
        "snapshot-version-uuid": snapshot.uuid,
        "state": "valid",
        "total": 0,
        "volume": snapshot.volume,
        "vserver": snapshot.vserver,
    }
    return {name: value for name, value in tree.items() if value != ""}


def _parents(filer: Filer) -> set[Key]:
    """The snapshots that FlexClones hang on."""
    return {(each.vserver, each.parent, each.parent_snapshot) for each in filer.volumes.values()}


@api("snapshot-get-iter", optional=ITERATOR, tunnelled=False)
def snapshot_get_iter(call: Call) -> Tree:
    """The snapshots of one vserver or of the cluster."""
    parents = _parents(call.filer)
    return SNAPSHOTS.answer(
        call,
        {
            snapshot.key: describe(snapshot, snapshot.key in parents)
            for snapshot in call.filer.state.snapshots.values()
            if call.scope in {None, snapshot.vserver}
        },
    )


@api("snapshot-list-info", optional=("volume", "target-name", "target-type", "terse"))
def snapshot_list_info(call: Call) -> Tree:
    """A volume's snapshots, as older programs ask for them."""
    call.choice("target-type", frozenset({"volume", "aggregate"}), "volume")
    volume = find(call, "volume" if call.text("volume") else "target-name")
    snapshots: list[Tree] = [describe(each, False) for each in snapshots_of(call.filer, volume)]
    return {"snapshots": {"snapshot-info": snapshots} if snapshots else {}}


@api(
    "snapshot-restore-volume",
    "volume",
    "snapshot",
    optional=("force", "preserve-lun-ids", "snapshot-instance-uuid"),
)
def snapshot_restore_volume(call: Call) -> Tree:
    """The volume's LUNs are again what they were; those made since are gone.  Maps stay for LUNs that stay."""
    volume = find_writable(call)
    snapshot = find_snapshot(call, volume, call.text("snapshot"))
    call.flag("force")
    call.flag("preserve-lun-ids")
    state = call.filer.state
    kept = {lun.path: (content, lun) for content, lun in luns_in(snapshot).items()}
    now = [call.filer.luns[volume.vserver, path] for path in state.indexes.in_volume.get(volume.key, ())]
    back, counted = _restored(call, volume, [lun for _, lun in kept.values()])
    for lun in back:
        state.contents.copy(kept[lun.path][0], lun.uuid, lun.size)
    state.commit(*back, counted, gone=[lun for lun in now if lun.path not in kept])
    for lun in now:
        if lun.uuid not in {each.uuid for each in back}:
            state.contents.remove(lun.uuid)
    return {}


def _restored(call: Call, volume: Volume, luns: list[Lun]) -> tuple[list[Lun], Cluster]:
    """A volume's LUNs of once as they are now, and how many objects were made with them.

    They have their identities of then again [?]; those that were moved to another volume have them there, and get
    new ones here.
    """
    filer = call.filer
    elsewhere = {lun.uuid for lun in filer.luns.values() if (lun.vserver, lun.volume) != volume.key}
    back, counted = [], filer.cluster
    for lun in luns:
        uuid, serial = lun.uuid, lun.serial
        if uuid in elsewhere:
            uuid, serial, counted = filer.identity(counted.made - filer.cluster.made)
        there = filer.luns.get(lun.key)
        maps, reporting = (there.maps, there.reporting) if there else ({}, {})
        back.append(replace(lun, uuid=uuid, serial=serial, maps=maps, reporting=reporting))
    return back, counted
