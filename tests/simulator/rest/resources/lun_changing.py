"""PATCH and DELETE of a LUN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulator import space
from tests.simulator.geometry import SECTOR, largest_growth, round_up
from tests.simulator.model import Lun
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.resource import Row
from tests.simulator.rest.resources.common import refusals
from tests.simulator.rest.resources.lun_making import (
    QOS,
    SMALLEST,
    SOURCE,
    SPACE,
    SPACES,
    comment,
    policies,
)
from tests.simulator.rest.resources.lun_place import free_place
from tests.simulator.rest.resources.lun_source import source

PATCHABLE = frozenset([*SOURCE, *SPACE, *QOS, "comment", "enabled", "name", "space.size"])


def change(call: Call, row: Row) -> None:
    """All that the body says, or nothing of it."""
    found: Lun = row.record
    volume = call.filer.volumes[found.vserver, found.volume]
    _require_online(call, found)
    if volume.is_read_only:
        raise Problem(codes.LUN_IN_MIRROR, "LUNs on a mirror cannot be modified.")
    changed, body = found, call.body
    write: Callable[[], None] | None = None
    if any(name in body for name in SOURCE):
        changed, write = _overwritten(call, changed)
    if "space.size" in body:
        changed = _resized(call, changed)
    if "comment" in body:
        changed = replace(changed, comment=comment(body))
    if "enabled" in body:
        changed = replace(changed, online=body.flag("enabled"))
    if "space.scsi_thin_provisioning_support_enabled" in body:
        changed = replace(changed, space_allocation=body.flag("space.scsi_thin_provisioning_support_enabled"))
    if any(name in body for name in QOS):
        plain, adaptive = policies(call, found.vserver, codes.QOS_NOT_FOUND)
        changed = replace(changed, qos_policy_group=plain, qos_adaptive_policy_group=adaptive)
    if "space.guarantee.requested" in body:
        changed = replace(changed, reserved=body.flag("space.guarantee.requested"))
    if body.text("name") not in {"", found.path}:
        changed = _renamed(call, changed)
    _require_space(call, found, changed)
    _carry_out(call, found, changed, write)


def _carry_out(call: Call, found: Lun, changed: Lun, write: Callable[[], None] | None) -> None:
    """The data grow before the record does, and shrink after it, so that a kill leaves enough."""
    state = call.filer.state
    if changed.size > found.size:
        state.contents.resize(found.uuid, changed.size)
    state.commit(changed, gone=[found] if changed.key != found.key else [])
    if changed.size < found.size:
        state.contents.resize(found.uuid, changed.size)
    if write is not None:
        write()


def _require_online(call: Call, found: Lun) -> None:
    if call.filer.volumes[found.vserver, found.volume].state != "online":
        raise Problem(codes.LUN_VOLUME_OFFLINE, "The LUN's volume is offline.")


def _resized(call: Call, found: Lun) -> Lun:
    """Larger, rounded as at its creation; never smaller, and never as large as it is."""
    wanted = call.body.number("space.size") or 0
    size = round_up(wanted, SECTOR if found.exact else found.cylinder)
    if wanted < SMALLEST:
        raise Problem(codes.LUN_SIZE_SMALL, "The specified LUN size is too small.", target="space.size")
    if size > largest_growth(found.cylinder, call.ontapi, call.filer.largest_lun):
        raise Problem(codes.LUN_SIZE_LARGE, "The specified LUN size is too large.", target="space.size")
    if size < found.size:
        raise Problem(codes.LUN_SHRINK, "An attempt was made to reduce the size of a LUN.", target="space.size")
    if size == found.size:
        raise Problem(codes.LUN_SIZE_UNCHANGED, "The new LUN size is the same as the old LUN size.")
    return replace(found, size=size)


def _renamed(call: Call, found: Lun) -> Lun:
    """At another path; in another volume it keeps its identity, data and maps, too."""
    path = call.body.text("name")
    free_place(call, found.vserver, path, exists=codes.LUN_RENAME_EXISTS)
    return replace(found, path=path)


def _overwritten(call: Call, found: Lun) -> tuple[Lun, Callable[[], None]]:
    """With another LUN's data and properties; identity, class, state and maps stay."""
    origin = source(call, found.vserver, found.volume)
    changed = replace(
        found,
        size=origin.lun.size,
        cylinder=origin.lun.cylinder,
        exact=origin.lun.exact,
        ostype=origin.lun.ostype,
        reserved=origin.lun.reserved,
        comment=origin.lun.comment if call.filer.clones_keep_comment else found.comment,
        is_clone=True,
    )
    return changed, lambda: call.filer.state.contents.copy(origin.content, found.uuid, origin.lun.size)


def _require_space(call: Call, found: Lun, changed: Lun) -> None:
    """What the LUN will take of its volume beyond what it takes now."""
    if not changed.reserved:
        return
    now = space.lun_used(call.filer, found) if changed.volume == found.volume else 0
    with refusals(SPACES):
        space.require(call.filer, call.filer.volumes[changed.vserver, changed.volume], changed.size - now)


def remove(call: Call, row: Row) -> None:
    """Gone with its data; refused while it is mapped, online or not, unless the caller allows that."""
    found: Lun = row.record
    _require_online(call, found)
    if found.maps and not call.parameters.says("allow_delete_while_mapped"):
        raise Problem(codes.LUN_MAPPED, "The LUN is mapped and cannot be deleted.")
    call.filer.state.commit(gone=[found])
    call.filer.state.contents.remove(found.uuid)
