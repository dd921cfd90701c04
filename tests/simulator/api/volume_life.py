"""A volume's life: made, resized, mounted, modified, taken offline, destroyed."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from tests.simulator import space
from tests.simulator.api.aggregate import find as find_aggregate
from tests.simulator.api.qos import require as policy_group
from tests.simulator.api.volume import find, listing, mirrors_of, seen, snapshots_of
from tests.simulator.call import Call, api
from tests.simulator.documents import Node, Tree
from tests.simulator.errnos import (
    EXISTS,
    HAS_CLONES,
    INVALID_INPUT,
    NO_SPACE_FOR_GUARANTEE,
    OBJECT_IN_USE,
    VOLUME_NOT_OFFLINE,
    VOLUME_OFFLINE,
    Refusal,
)
from tests.simulator.filer import Filer
from tests.simulator.model import MIB, Mirror, Volume

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,202}")
SIZE = re.compile(r"([+-]?)(\d{1,18})([kmgt]?)b?", re.IGNORECASE)
UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
SMALLEST = 20 * MIB
GUARANTEES = frozenset({"volume", "none", "file"})
TYPES = frozenset({"rw", "dp", "ls", "dc"})
# What is accepted and left at that: it changes nothing here.
IGNORED = (
    "cache-retention-priority",
    "caching-policy",
    "efficiency-policy",
    "encrypt",
    "excluded-from-autobalance",
    "export-policy",
    "extent-size",
    "group-id",
    "is-junction-active",
    "is-nvfail-enabled",
    "language-code",
    "max-dir-size",
    "max-write-alloc-blocks",
    "snapshot-policy",
    "space-slo",
    "tiering-policy",
    "unix-permissions",
    "user-id",
    "vm-align-sector",
    "vm-align-suffix",
    "volume-security-style",
    "vserver-dr-protection",
    "antivirus-on-access-policy",
    "qos-adaptive-policy-group-name",
)


def _bytes(text: str, now: int = 0) -> int:
    """A size as volumes' APIs take it: bytes or with a unit; with a sign it is added to what there is now."""
    match = SIZE.fullmatch(text.strip())
    if match is None:
        raise Refusal(INVALID_INPUT, f"Invalid size {text!r}")
    sign, digits, unit = match.groups()
    size = int(digits) << UNITS[unit.lower()]
    return now + size if sign == "+" else now - size if sign == "-" else size


def require_room(filer: Filer, volume: Volume, more: int) -> None:
    """Refuse a volume, or ``more`` of it, that its aggregate cannot keep space for."""
    if volume.guarantee != "volume" or more <= 0:
        return
    if more > space.aggregate_available(filer, filer.state.aggregates[volume.aggregate,]):
        raise Refusal(NO_SPACE_FOR_GUARANTEE, f"Not enough space in aggregate {volume.aggregate}")


def require_name(call: Call, name: str) -> None:
    """Refuse the name of a new volume that is none, or taken."""
    if NAME.fullmatch(name) is None:
        raise Refusal(INVALID_INPUT, f"Invalid volume name {name!r}")
    if (call.vserver, name) in call.filer.volumes:
        raise Refusal(EXISTS, f"Volume name {name!r} is already in use in vserver {call.vserver!r}")


@api(
    "volume-create",
    "volume",
    "containing-aggr-name",
    optional=(
        "size",
        "junction-path",
        "percentage-snapshot-reserve",
        "qos-policy-group-name",
        "space-reserve",
        "volume-comment",
        "volume-state",
        "volume-type",
        *IGNORED,
    ),
)
def volume_create(call: Call) -> Tree:
    """A new volume on an aggregate; its size is 20 MiB at least and by default."""
    name = call.text("volume")
    aggregate = find_aggregate(call, call.text("containing-aggr-name"))
    require_name(call, name)
    reserve = call.number("percentage-snapshot-reserve", 5)
    size = _bytes(call.text("size") or str(SMALLEST))
    if size < SMALLEST or reserve > 90:
        raise Refusal(INVALID_INPUT, f"Invalid size {size} or snapshot reserve {reserve}")
    uuid, _, counted = call.filer.identity()
    volume = Volume(
        vserver=call.vserver,
        name=name,
        uuid=uuid,
        size=size,
        created=int(time.time()),
        type=call.choice("volume-type", TYPES, "rw"),
        aggregate=aggregate.name,
        guarantee=call.choice("space-reserve", GUARANTEES, "volume"),
        reserve=reserve,
        state=call.choice("volume-state", frozenset({"online", "offline", "restricted"}), "online"),
        junction=call.text("junction-path"),
        comment=call.text("volume-comment"),
        qos_policy_group=policy_group(call, "qos-policy-group-name"),
    )
    require_room(call.filer, volume, size)
    call.filer.state.commit(volume, counted)
    return {}


@api("volume-destroy", "name", optional=("unmount-and-offline", "force"))
def volume_destroy(call: Call) -> Tree:
    """Gone with all that is in it; it has to be offline before."""
    volume = find(call, "name")
    call.flag("force")
    if volume.state != "offline" and not call.flag("unmount-and-offline"):
        raise Refusal(VOLUME_NOT_OFFLINE, f"Volume {volume.name} must be offline to be deleted.")
    if any((each.vserver, each.parent) == volume.key for each in call.filer.volumes.values()):
        raise Refusal(HAS_CLONES, f"Volume {volume.name} has FlexClones")
    if mirrors_of(call.filer, volume):
        raise Refusal(OBJECT_IN_USE, f"Volume {volume.name} is an end of a SnapMirror relationship")
    paths = call.filer.state.indexes.in_volume.get(volume.key, ())
    luns = [call.filer.luns[volume.vserver, path] for path in paths]
    snapshots = snapshots_of(call.filer, volume)
    qtrees = [each for each in call.filer.state.qtrees.values() if (each.vserver, each.volume) == volume.key]
    call.filer.state.commit(gone=[volume, *luns, *snapshots, *qtrees])
    for lun in luns:
        call.filer.state.contents.remove(lun.uuid)
    for snapshot in snapshots:
        for content in snapshot.luns:
            call.filer.state.contents.remove(content)
    return {}


@api("volume-offline", "name", optional=("cifs-delay",))
def volume_offline(call: Call) -> Tree:
    """Its LUNs can be changed no more, and no new ones made."""
    volume = find(call, "name")
    if volume.state == "offline":
        raise Refusal(VOLUME_OFFLINE, f"Volume {volume.name} is already offline")
    call.filer.state.commit(replace(volume, state="offline", junction=""))
    return {}


@api("volume-online", "name")
def volume_online(call: Call) -> Tree:
    """Back again; once more is no harm."""
    call.filer.state.commit(replace(find(call, "name"), state="online"))
    return {}


@api("volume-size", "volume", optional=("new-size",))
def volume_size(call: Call) -> Tree:
    """How large it is, or another size: 10g, +1g ..."""
    volume = find(call)
    if call.text("new-size"):
        volume = resized(call.filer, volume, _bytes(call.text("new-size"), volume.size))
        call.filer.state.commit(volume)
    return {
        "is-fixed-size-flex-volume": False,
        "is-readonly-flex-volume": volume.is_read_only,
        "is-replica-flex-volume": volume.is_read_only,
        "volume-size": str(volume.size),
    }


def resized(filer: Filer, volume: Volume, size: int) -> Volume:
    """The volume with another size, unless its contents or its aggregate leave no room for that."""
    wanted = replace(volume, size=size)
    if size < SMALLEST or space.usable(wanted) < space.used(filer, volume):
        raise Refusal(INVALID_INPUT, f"Volume {volume.name} cannot be made that small: {size}")
    require_room(filer, volume, size - volume.size)
    return wanted


@api("volume-rename", "volume", "new-volume-name")
def volume_rename(call: Call) -> Tree:
    """Another name; the paths of what is in it follow."""
    volume, name = find(call), call.text("new-volume-name")
    require_name(call, name)
    paths = call.filer.state.indexes.in_volume.get(volume.key, ())
    luns = [call.filer.luns[volume.vserver, path] for path in paths]
    moved = [replace(lun, path=lun.path_in(name)) for lun in luns]
    qtrees = [each for each in call.filer.state.qtrees.values() if (each.vserver, each.volume) == volume.key]
    snapshots, mirrors = snapshots_of(call.filer, volume), mirrors_of(call.filer, volume)
    call.filer.state.commit(
        replace(volume, name=name),
        *moved,
        *(_with_end_renamed(each, volume, name) for each in mirrors),
        *(replace(each, volume=name) for each in qtrees),
        *(replace(each, volume=name) for each in snapshots),
        gone=[volume, *luns, *qtrees, *snapshots, *mirrors],
    )
    return {}


def _with_end_renamed(mirror: Mirror, volume: Volume, name: str) -> Mirror:
    return replace(mirror, volume=name) if mirror.key == volume.key else replace(mirror, source_volume=name)


@api("volume-mount", "volume-name", "junction-path", optional=("activate-junction", "export-policy-override"))
def volume_mount(call: Call) -> Tree:
    """Show the volume to file clients; nothing follows from that here."""
    volume = find(call, "volume-name")
    if volume.state != "online":
        raise Refusal(VOLUME_OFFLINE, f"Volume {volume.name} is offline")
    call.filer.state.commit(replace(volume, junction=call.text("junction-path")))
    return {}


@api("volume-unmount", "volume-name", optional=("force",))
def volume_unmount(call: Call) -> Tree:
    """Show the volume to file clients no more."""
    call.flag("force")
    call.filer.state.commit(replace(find(call, "volume-name"), junction=""))
    return {}


MODIFY = (
    "continue-on-failure",
    "max-failure-count",
    "max-records",
    "return-failure-list",
    "return-success-list",
    "tag",
)


@api("volume-modify-iter", "query", "attributes", optional=MODIFY, tunnelled=False)
def volume_modify_iter(call: Call) -> Tree:
    """Change size, guarantee, snapshot reserve and comment of what matches; other attributes change nothing."""
    query = listing(call.filer).query(call)
    wanted = call.container("attributes")
    attributes = wanted.child("volume-attributes") if wanted else None
    described = listing(call.filer).describe
    found = [volume for volume in seen(call).values() if query.matches(described(volume))]
    call.filer.state.commit(*(_modified(call, volume, attributes) for volume in found))
    return {"num-failed": 0, "num-succeeded": len(found)}


def _modified(call: Call, volume: Volume, attributes: Node | None) -> Volume:
    changes = {way[-1]: text for way, text in attributes.leaves() if text} if attributes else {}
    if "size" in changes:
        volume = resized(call.filer, volume, _bytes(changes["size"], volume.size))
    if changes.get("space-guarantee", "none") not in GUARANTEES:
        raise Refusal(INVALID_INPUT, f"Invalid value for space-guarantee: {changes['space-guarantee']!r}")
    reserve = changes.get("percentage-snapshot-reserve", str(volume.reserve))
    if not re.fullmatch(r"\d|[1-8]\d|90", reserve):
        raise Refusal(INVALID_INPUT, f"Invalid value for percentage-snapshot-reserve: {reserve!r}")
    return replace(
        volume,
        guarantee=changes.get("space-guarantee", volume.guarantee),
        reserve=int(reserve),
        comment=changes.get("comment", volume.comment),
    )
