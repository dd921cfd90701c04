"""clone-create: a LUN with another's data, of now or of a snapshot; or some of its blocks in another LUN."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from tests.simulator import space
from tests.simulator.api.qos import require as policy_group
from tests.simulator.api.snapshot import luns_in
from tests.simulator.call import Call, api
from tests.simulator.documents import Node, Tree
from tests.simulator.errnos import (
    CLONE_EXISTS,
    CLONE_INVALID_RANGE,
    CLONE_INVALID_RESERVATION,
    CLONE_MANY_BLOCKS,
    CLONE_MANY_RANGES,
    CLONE_NO_SUCH_DESTINATION,
    CLONE_NO_SUCH_SOURCE,
    CLONE_NO_SUCH_VOLUME,
    CLONE_NOT_LICENSED,
    CLONE_VOLUME_OFFLINE,
    CLONE_VOLUME_READ_ONLY,
    INVALID_INPUT,
    LUN_EXISTS,
    SNAPSHOT_DOES_NOT_EXIST,
    Refusal,
)
from tests.simulator.geometry import SECTOR
from tests.simulator.model import Lun, Volume
from tests.simulator.paths import place_for

FLAGS = (
    "autodelete",
    "bypass-license-check",
    "bypass-throttle",
    "destination-exists",
    "ignore-locks",
    "ignore-streams",
    "is-backup",
    "is-fixed-block-count",
    "is-vvol-backup",
    "nosplit-entry",
)
OPTIONS = (
    *FLAGS,
    "block-ranges",
    "destination-volume",
    "fixed-block-count",
    "lun-serial-number",
    "qos-adaptive-policy-group-name",
    "qos-policy-group-name",
    "snapshot-name",
    "space-reserve",
    "token-uuid",
)
# 7-Mode's documentation has 32 ranges, of 2^24 blocks each; Cinder keeps to 2^18 blocks in a call.
MOST_RANGES, MOST_BLOCKS = 32, 1 << 24


@dataclass(frozen=True)
class Source:
    """What is cloned: a LUN's record, and the file with its data."""

    lun: Lun
    content: str


@api("clone-create", "volume", "source-path", "destination-path", optional=OPTIONS, since={"is-backup": 100})
def clone_create(call: Call) -> Tree:
    """A new LUN, unmapped, of the source's size, type, reservation and data; paths are relative to the
    volume.
    """
    if "flexclone" not in call.filer.licences:
        raise Refusal(CLONE_NOT_LICENSED, "FlexClone is not licensed")
    volume = _volume(call)
    for flag in FLAGS:
        call.flag(flag)
    source = _source(call, volume)
    path = _absolute(volume.name, call.text("destination-path"))
    ranges = call.container("block-ranges")
    if ranges is not None:
        _copy_blocks(call, source, path, ranges)
    else:
        _clone(call, volume, source, path)
    return {}


def _volume(call: Call) -> Volume:
    name = call.text("volume")
    volume = call.filer.volumes.get((call.vserver, name))
    if volume is None or call.text("destination-volume", name) != name:
        raise Refusal(CLONE_NO_SUCH_VOLUME, f"No such volume: {name}")
    if volume.state != "online":
        raise Refusal(CLONE_VOLUME_OFFLINE, f"Volume {name} is not online")
    if volume.is_read_only:
        raise Refusal(CLONE_VOLUME_READ_ONLY, f"Volume {name} is read-only")
    return volume


def _source(call: Call, volume: Volume) -> Source:
    path, kept = _absolute(volume.name, call.text("source-path")), call.text("snapshot-name")
    if kept:
        snapshot = call.filer.state.snapshots.get((volume.vserver, volume.name, kept))
        if snapshot is None:
            raise Refusal(SNAPSHOT_DOES_NOT_EXIST, f"Snapshot {kept!r} does not exist.")
        found = {lun.path: Source(lun, content) for content, lun in luns_in(snapshot).items()}.get(path)
    else:
        lun = call.filer.luns.get((call.vserver, path))
        found = Source(lun, lun.uuid) if lun is not None else None
    if found is None:
        raise Refusal(CLONE_NO_SUCH_SOURCE, "The clone's source does not exist")
    return found


def _clone(call: Call, volume: Volume, source: Source, path: str) -> None:
    _require_free(call, path)
    keep = call.flag("space-reserve", source.lun.reserved)
    if keep:
        space.require(call.filer, volume, source.lun.size)
    uuid, serial, counted = call.filer.identity()
    clone = replace(
        source.lun.copied(volume, path, uuid, serial),
        created=int(time.time()),
        reserved=keep,
        online=True,
        is_clone=True,
        comment=source.lun.comment if call.filer.clones_keep_comment else "",
        qos_policy_group=policy_group(call, "qos-policy-group-name"),
        qos_adaptive_policy_group=policy_group(call, "qos-adaptive-policy-group-name"),
    )
    call.filer.state.contents.copy(source.content, uuid, source.lun.size)
    call.filer.state.commit(clone, counted)


def _copy_blocks(call: Call, source: Source, path: str, ranges: Node) -> None:
    """Ranges of 512-byte blocks, into a LUN that has to be there: nothing else of it changes."""
    if call.container("space-reserve") is not None:
        raise Refusal(CLONE_INVALID_RESERVATION, "space-reserve cannot be given with block-ranges")
    target = call.filer.luns.get((call.vserver, path))
    if target is None:
        raise Refusal(CLONE_NO_SUCH_DESTINATION, "The clone's destination does not exist")
    if len(ranges.children) > MOST_RANGES:
        raise Refusal(CLONE_MANY_RANGES, f"More than {MOST_RANGES} block ranges")
    wanted = [_range(node) for node in ranges.children]
    for start, to, count in wanted:
        if count > MOST_BLOCKS:
            raise Refusal(CLONE_MANY_BLOCKS, f"More than {MOST_BLOCKS} blocks in a range")
        ends = ((start + count) * SECTOR, (to + count) * SECTOR)
        if not count or ends[0] > source.lun.size or ends[1] > target.size:
            raise Refusal(CLONE_INVALID_RANGE, "The block range is not inside both LUNs")
    for start, to, count in wanted:
        call.filer.state.contents.copy_range(
            source.content, target.uuid, start * SECTOR, to * SECTOR, count * SECTOR
        )


def _range(node: Node) -> tuple[int, int, int]:
    given = {child.name: child.text for child in node.children}
    try:
        return (
            int(given.pop("source-block-number")),
            int(given.pop("destination-block-number")),
            int(given.pop("block-count")),
        )
    except (KeyError, ValueError):
        raise Refusal(INVALID_INPUT, "Invalid value for block-range") from None


def _absolute(volume: str, relative: str) -> str:
    return f"/vol/{volume}/{relative.lstrip('/')}"


def _require_free(call: Call, path: str) -> None:
    try:
        place_for(call, path)
    except Refusal as refusal:
        if refusal.errno == LUN_EXISTS:
            raise Refusal(CLONE_EXISTS, "The clone's destination already exists") from None
        raise
