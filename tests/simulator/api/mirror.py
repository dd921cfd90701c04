"""SnapMirror: a dp volume that shows another's LUNs, until it is broken off and can be written.

Names of calls, arguments and fields are those that Cinder and Ansible use. Transfers are complete when the call
returns; they take LUNs and qtrees along, but no snapshots. All is asked of the destination's vserver.
"""

from __future__ import annotations

import time
from dataclasses import replace

from tests.simulator import space
from tests.simulator.api.volume import find_volume
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    API_ERROR,
    DUPLICATE_ENTRY,
    MIRROR_NOT_INITIALIZED,
    MIRROR_TOO_SMALL,
    OBJECT_NOT_FOUND,
    VOLUME_DOES_NOT_EXIST,
    VOLUME_OFFLINE,
    VSERVER_NOT_FOUND,
    Refusal,
)
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import Key, Lun, Mirror, Record, Volume

UNINITIALIZED, MIRRORED, BROKEN = "uninitialized", "snapmirrored", "broken-off"
TYPES = frozenset({"data_protection", "extended_data_protection"})
ENDS = tuple(f"{end}-{part}" for end in ("source", "destination") for part in ("location", "vserver", "volume"))
TRANSFER = ("max-transfer-rate", "transfer-priority")
DONE = {"result-status": "succeeded"}


def _end(call: Call, end: str) -> Key | None:
    """The volume that the call names: by two arguments, or as VSERVER:VOLUME."""
    vserver, _, name = call.text(f"{end}-location").partition(":")
    vserver = call.text(f"{end}-vserver", vserver) or call.vserver
    name = call.text(f"{end}-volume", name)
    return (vserver, name) if name else None


def _destination(call: Call) -> Volume:
    vserver, name = _end(call, "destination") or (call.vserver, "")
    if vserver != call.vserver:
        raise Refusal(VSERVER_NOT_FOUND, "Specified vserver not found")
    return find_volume(call, name)


def _mirror(call: Call) -> Mirror:
    """The relationship that the call names by its destination; a source that is named, too, has to be its own."""
    mirror = call.filer.state.mirrors.get(_destination(call).key)
    if mirror is None or _end(call, "source") not in {None, mirror.source}:
        raise Refusal(OBJECT_NOT_FOUND, "entry doesn't exist")
    return mirror


def _require_state(mirror: Mirror, *states: str) -> None:
    if mirror.state not in states:
        errno = MIRROR_NOT_INITIALIZED if mirror.state == UNINITIALIZED else API_ERROR
        raise Refusal(errno, f"The SnapMirror relationship of {mirror.volume} is {mirror.state}")


@api("snapmirror-create", optional=(*ENDS, "policy", "relationship-type", "schedule"))
def snapmirror_create(call: Call) -> Tree:
    """A relationship between a volume and one of type dp, which stays empty until it is initialized."""
    destination, named = _destination(call), _end(call, "source")
    source = call.filer.volumes.get(named) if named else None
    if source is None:
        raise Refusal(VOLUME_DOES_NOT_EXIST, "The source volume does not exist")
    if destination.key in call.filer.state.mirrors:
        raise Refusal(DUPLICATE_ENTRY, "The SnapMirror relationship already exists")
    if destination.type != "dp" or source.is_read_only:
        raise Refusal(API_ERROR, "The source must be of type rw, the destination of type dp")
    kind = call.choice("relationship-type", TYPES, "data_protection")
    mirror = Mirror(destination.vserver, destination.name, source.vserver, source.name, type=kind)
    call.filer.state.commit(mirror)
    return DONE


@api("snapmirror-initialize", optional=(*ENDS, *TRANSFER))
def snapmirror_initialize(call: Call) -> Tree:
    """The first transfer."""
    mirror = _mirror(call)
    _require_state(mirror, UNINITIALIZED)
    _transfer(call, mirror)
    return DONE


@api("snapmirror-update", optional=(*ENDS, *TRANSFER))
def snapmirror_update(call: Call) -> Tree:
    """Another transfer: the destination is again what the source is now."""
    mirror = _mirror(call)
    _require_state(mirror, MIRRORED)
    _transfer(call, mirror)
    return DONE


@api("snapmirror-break", optional=ENDS)
def snapmirror_break(call: Call) -> Tree:
    """Let the destination be written; it follows the source no more."""
    mirror = _mirror(call)
    _require_state(mirror, MIRRORED)
    volume = replace(call.filer.volumes[mirror.key], type="rw")
    call.filer.state.commit(replace(mirror, state=BROKEN), volume)
    return DONE


@api("snapmirror-resync", optional=(*ENDS, *TRANSFER))
def snapmirror_resync(call: Call) -> Tree:
    """A mirror again: what was written to the destination since is lost."""
    mirror = _mirror(call)
    _require_state(mirror, BROKEN)
    _transfer(call, mirror)
    return DONE


@api("snapmirror-destroy", optional=ENDS)
def snapmirror_destroy(call: Call) -> Tree:
    """Forget the relationship; the destination stays as it is."""
    call.filer.state.commit(gone=[_mirror(call)])
    return DONE


def _transfer(call: Call, mirror: Mirror) -> None:
    """Make the destination what the source is.

    Its LUNs keep their own identities and maps from one transfer to the next.
    """
    filer = call.filer
    source, destination = filer.volumes[mirror.source], filer.volumes[mirror.key]
    for volume in (source, destination):
        if volume.state != "online":
            raise Refusal(VOLUME_OFFLINE, f"Volume {volume.name} is not online")
    if space.used(filer, source) > space.usable(destination):
        raise Refusal(MIRROR_TOO_SMALL, f"Volume {destination.name} is too small")
    luns, counted = _copies(call, source, destination)
    kept = {lun.path for lun in luns}
    gone = [lun for lun in _luns(call, destination) if lun.path not in kept]
    old_qtrees = [each for each in filer.state.qtrees.values() if (each.vserver, each.volume) == mirror.key]
    qtrees = [
        replace(each, vserver=destination.vserver, volume=destination.name)
        for each in filer.state.qtrees.values()
        if (each.vserver, each.volume) == mirror.source
    ]
    now = replace(mirror, state=MIRRORED, transferred=int(time.time()))
    volume = replace(destination, type="dp")
    filer.state.commit(now, volume, *luns, *qtrees, counted, gone=[*old_qtrees, *gone])
    for lun in gone:
        filer.state.contents.remove(lun.uuid)


def _luns(call: Call, volume: Volume) -> list[Lun]:
    paths = call.filer.state.indexes.in_volume.get(volume.key, ())
    return [call.filer.luns[volume.vserver, path] for path in sorted(paths)]


def _copies(call: Call, source: Volume, destination: Volume) -> tuple[list[Lun], Record]:
    """The source's LUNs as they are in the destination, and how many objects were made with them."""
    copies, counted = [], call.filer.cluster
    for lun in _luns(call, source):
        path = lun.path_in(destination.name)
        there = call.filer.luns.get((destination.vserver, path))
        if there is None:
            uuid, serial, counted = call.filer.identity(counted.made - call.filer.cluster.made)
            copy = lun.copied(destination, path, uuid, serial)
        else:
            copy = lun.copied(destination, path, there.uuid, there.serial)
            copy = replace(copy, maps=there.maps, reporting=there.reporting)
        # Policy groups are their vserver's, and no mirror takes them along [?].
        copies.append(replace(copy, qos_policy_group="", qos_adaptive_policy_group=""))
        call.filer.state.contents.copy(lun.uuid, copy.uuid, lun.size)
    return copies, counted


MIRRORS = trees("snapmirror-info", ("destination-location",))
DESTINATIONS = trees("snapmirror-destination-info", ("destination-location",))


def _describe(mirror: Mirror) -> Tree:
    """Both ends, and what kind of relationship it is."""
    return {
        "destination-location": f"{mirror.vserver}:{mirror.volume}",
        "destination-volume": mirror.volume,
        "destination-vserver": mirror.vserver,
        "relationship-type": mirror.type,
        "source-location": f"{mirror.source_vserver}:{mirror.source_volume}",
        "source-volume": mirror.source_volume,
        "source-vserver": mirror.source_vserver,
    }


@api("snapmirror-get-iter", optional=(*ITERATOR, "expand"), tunnelled=False)
def snapmirror_get_iter(call: Call) -> Tree:
    """The relationships, asked of the destinations."""
    found: dict[tuple[str, ...], Tree] = {}
    for mirror in call.filer.state.mirrors.values():
        if call.scope in {None, mirror.vserver}:
            tree: dict[str, str | int] = {
                "is-healthy": True,
                "mirror-state": mirror.state,
                "relationship-status": "idle",
            }
            if mirror.transferred:
                tree["last-transfer-end-timestamp"] = mirror.transferred
            found[f"{mirror.vserver}:{mirror.volume}",] = {**_describe(mirror), **tree}
    return MIRRORS.answer(call, found)


@api("snapmirror-get-destination-iter", optional=ITERATOR, tunnelled=False)
def snapmirror_get_destination_iter(call: Call) -> Tree:
    """The relationships, asked of the sources."""
    return DESTINATIONS.answer(
        call,
        {
            (f"{mirror.vserver}:{mirror.volume}",): _describe(mirror)
            for mirror in call.filer.state.mirrors.values()
            if call.scope in {None, mirror.source_vserver}
        },
    )
