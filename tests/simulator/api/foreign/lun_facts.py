"""What can be asked of one LUN, or of LUNs in general: identity, geometry, limits, reservations."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.simulator import space
from tests.simulator.api.lun import OSTYPES
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import INVALID_INPUT, LUN_ALREADY_ONLINE, LUN_EXISTS, NO_SUCH_LUN, Refusal
from tests.simulator.geometry import SECTOR, SMALLEST, Geometry, largest_growth
from tests.simulator.identity import ALPHABET, LENGTH
from tests.simulator.model import Lun

# What hosts see in INQUIRY; the firmware is that of the release that netapp-ontap's documentation shows.
VENDOR, PRODUCT, FIRMWARE = "NETAPP", "LUN C-Mode", "9111"


@api("lun-get-serial-number", "path")
def lun_get_serial_number(call: Call) -> Tree:
    """The serial number, which is the LUN's identity for hosts."""
    return {"serial-number": call.lun().serial}


@api("lun-set-serial-number", "path", "serial-number")
def lun_set_serial_number(call: Call) -> Tree:
    """Another identity; the LUN has to be offline, so that no host sees it change."""
    lun, serial = call.lun_to_change(), call.text("serial-number")
    if not re.fullmatch(f"[{re.escape(ALPHABET)}]{{{LENGTH}}}", serial):
        raise Refusal(INVALID_INPUT, f"Invalid value for serial-number: {serial!r}")
    if lun.online:
        raise Refusal(LUN_ALREADY_ONLINE, "The LUN must be offline")
    if any(other.serial == serial for other in call.filer.luns.values() if other.uuid != lun.uuid):
        raise Refusal(LUN_EXISTS, "Another LUN has this serial number")
    call.filer.state.commit(replace(lun, serial=serial))
    return {}


@api("lun-get-vdisk-attributes", "serial-number")
def lun_get_vdisk_attributes(call: Call) -> Tree:
    """Which LUN has a serial number."""
    serial = call.text("serial-number")
    luns = [lun for lun in call.filer.luns.values() if (lun.vserver, lun.serial) == (call.vserver, serial)]
    if not luns:
        raise Refusal(NO_SUCH_LUN, "No LUN has this serial number")
    return {"filer-name": call.filer.cluster.name, "path": luns[0].path}


@api("lun-get-geometry", "path")
def lun_get_geometry(call: Call) -> Tree:
    """How hosts may divide the LUN, and how far it can grow."""
    lun = call.lun()
    geometry = Geometry(lun.cylinder, lun.size)
    return {
        "bytes-per-sector": SECTOR,
        "cylinders": geometry.cylinders,
        "max-resize-size": largest_growth(lun.cylinder, call.filer.ontapi, call.filer.largest_lun),
        "sectors-per-track": geometry.sectors_per_track,
        "size": lun.size,
        "tracks-per-cylinder": geometry.tracks_per_cylinder,
    }


@api("lun-get-occupied-size", "path")
def lun_get_occupied_size(call: Call) -> Tree:
    """What it takes of its volume."""
    return {"occupied-size": space.lun_used(call.filer, call.lun())}


@api("lun-get-minsize", "type")
def lun_get_minsize(call: Call) -> Tree:
    """The smallest LUN: the same for every type."""
    call.choice("type", OSTYPES, "")
    return {"min-size": SMALLEST}


@api("lun-get-maxsize", "path", "type")
def lun_get_maxsize(call: Call) -> Tree:
    """The largest LUN that there is room for, if nothing, some or all of it shall fit into snapshots as well.

    ``path`` is the one that the LUN would have, or its volume's.
    """
    call.choice("type", OSTYPES, "")
    name = call.text("path").split("/")[2:3]
    volume = call.filer.volumes.get((call.vserver, *name)) if name else None
    if volume is None:
        raise Refusal(NO_SUCH_LUN, f"No such path: {call.text('path')}")
    left = min(space.available(call.filer, volume), call.filer.largest_lun)
    return {
        "with-complete-snapshot-reserve": left // 2,
        "with-snapshot-reserve": left,
        "without-snapshot-reserve": left,
    }


@api("lun-get-inquiry-info", "initiator-group-name")
def lun_get_inquiry_info(call: Call) -> Tree:
    """What a group's initiators read of a LUN by INQUIRY."""
    call.igroup()
    return {"firmware-revision": FIRMWARE, "product-id": PRODUCT, "vendor-id": VENDOR}


@api("lun-has-scsi-reservations", "path")
def lun_has_scsi_reservations(call: Call) -> Tree:
    """Whether an initiator has the LUN to itself: nobody tells the simulator."""
    call.lun()
    return {"is-reservation-held": False}


@api("lun-clear-persistent-reservation-info", "path")
def lun_clear_persistent_reservation_info(call: Call) -> Tree:
    """Take initiators' reservations away; the LUN has to be offline or unmapped."""
    lun = call.lun()
    if lun.online and lun.maps:
        raise Refusal(LUN_ALREADY_ONLINE, "The LUN must be offline or unmapped")
    return {}


@api("lun-list-info", optional=("path", "volume-name"))
def lun_list_info(call: Call) -> Tree:
    """LUNs as 7-Mode lists them; clustered ONTAP answers this, too [?]."""
    if call.container("path"):
        found = [call.lun()]
    else:
        volume = call.text("volume-name")
        luns = call.filer.luns.values()
        found = [lun for lun in luns if lun.vserver == call.vserver and volume in {"", lun.volume}]
    infos: list[Tree] = [_listed(call, lun) for lun in sorted(found, key=lambda lun: lun.path)]
    return {"are-vols-busy": False, "are-vols-onlining": False, "luns": {"lun-info": infos} if infos else {}}


def _listed(call: Call, lun: Lun) -> Tree:
    tree: dict[str, str | int] = {
        "alignment": "indeterminate",
        "block-size": SECTOR,
        "comment": lun.comment,
        "is-space-reservation-enabled": lun.reserved,
        "mapped": bool(lun.maps),
        "multiprotocol-type": lun.ostype,
        "online": lun.online,
        "path": lun.path,
        "read-only": call.filer.volumes[lun.vserver, lun.volume].is_read_only,
        "serial-number": lun.serial,
        "share-state": "none",
        "size": lun.size,
        "size-used": space.lun_used(call.filer, lun),
        "staging": False,
        "uuid": lun.uuid,
    }
    return {name: value for name, value in tree.items() if value != ""}
