"""Single settings of a LUN: comment, state, reservation, attributes; and what can be asked of one."""

from __future__ import annotations

from dataclasses import replace

from tests.simulator.api.lun import OSTYPES, comment_of, require_space
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    INVALID_INPUT,
    LUN_ALREADY_OFFLINE,
    LUN_ALREADY_ONLINE,
    NO_SUCH_ATTRIBUTE,
    Refusal,
)
from tests.simulator.geometry import SECTOR, SMALLEST, Geometry, largest_growth

# NetApp's generated API libraries: name and value together.
ATTRIBUTE_LENGTH = 4092


@api("lun-set-comment", "path", "comment")
def lun_set_comment(call: Call) -> Tree:
    """Another comment; an empty one takes it away."""
    call.filer.state.commit(replace(call.lun(), comment=comment_of(call)))
    return {}


@api("lun-get-comment", "path")
def lun_get_comment(call: Call) -> Tree:
    """The comment."""
    return {"comment": call.lun().comment}


@api("lun-online", "path", optional=("force",))
def lun_online(call: Call) -> Tree:
    """Serve the LUN again."""
    lun = call.lun()
    call.flag("force")
    if lun.online:
        raise Refusal(LUN_ALREADY_ONLINE, "LUN is already online")
    call.filer.state.commit(replace(lun, online=True))
    return {}


@api("lun-offline", "path")
def lun_offline(call: Call) -> Tree:
    """Serve the LUN no more; it keeps its maps."""
    lun = call.lun()
    if not lun.online:
        raise Refusal(LUN_ALREADY_OFFLINE, "LUN is already offline")
    call.filer.state.commit(replace(lun, online=False))
    return {}


@api("lun-set-space-reservation-info", "path", "enable")
def lun_set_space_reservation_info(call: Call) -> Tree:
    """Keep space for the whole LUN, or no longer."""
    lun, enable = call.lun(), call.flag("enable")
    if enable and not lun.reserved:
        require_space(call, call.filer.volumes[call.vserver, lun.volume], lun.size)
    call.filer.state.commit(replace(lun, reserved=enable))
    return {}


@api("lun-get-serial-number", "path")
def lun_get_serial_number(call: Call) -> Tree:
    """The serial number, which is the LUN's identity for hosts."""
    return {"serial-number": call.lun().serial}


@api("lun-get-geometry", "path")
def lun_get_geometry(call: Call) -> Tree:
    """How hosts may divide the LUN, and how far it can grow."""
    lun = call.lun()
    geometry = Geometry(lun.cylinder, lun.size)
    return {
        "bytes-per-sector": SECTOR,
        "cylinders": geometry.cylinders,
        "max-resize-size": largest_growth(lun.cylinder, call.filer.ontapi),
        "sectors-per-track": geometry.sectors_per_track,
        "size": lun.size,
        "tracks-per-cylinder": geometry.tracks_per_cylinder,
    }


@api("lun-get-minsize", "type")
def lun_get_minsize(call: Call) -> Tree:
    """The smallest LUN: the same for every type."""
    call.choice("type", OSTYPES, "")
    return {"min-size": SMALLEST}


@api("lun-get-attribute", "path", "name")
def lun_get_attribute(call: Call) -> Tree:
    """One of the LUN's free-form attributes (Trident keeps its file system type there)."""
    value = call.lun().attributes.get(call.text("name"))
    if value is None:
        raise Refusal(NO_SUCH_ATTRIBUTE, "No such attribute")
    return {"value": value}


@api("lun-set-attribute", "path", "name", "value")
def lun_set_attribute(call: Call) -> Tree:
    """Make or replace an attribute."""
    lun, name, value = call.lun(), call.text("name"), call.text("value")
    if len(name) + len(value) > ATTRIBUTE_LENGTH:
        raise Refusal(INVALID_INPUT, "The attribute is too long")
    call.filer.state.commit(replace(lun, attributes={**lun.attributes, name: value}))
    return {}
