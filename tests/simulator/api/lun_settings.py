"""Single settings of a LUN: comment, state, reservation, policy group, attributes."""

from __future__ import annotations

from dataclasses import replace

from tests.simulator import space
from tests.simulator.api.lun import comment_of
from tests.simulator.api.qos import require as policy_group
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    INVALID_INPUT,
    LUN_ALREADY_OFFLINE,
    LUN_ALREADY_ONLINE,
    NO_SUCH_ATTRIBUTE,
    Refusal,
)

# NetApp's generated API libraries: name and value together.
ATTRIBUTE_LENGTH = 4092


@api("lun-set-comment", "path", "comment")
def lun_set_comment(call: Call) -> Tree:
    """Another comment; an empty one takes it away."""
    call.filer.state.commit(replace(call.lun_to_change(), comment=comment_of(call)))
    return {}


@api("lun-get-comment", "path")
def lun_get_comment(call: Call) -> Tree:
    """The comment."""
    return {"comment": call.lun().comment}


@api("lun-online", "path", optional=("force",))
def lun_online(call: Call) -> Tree:
    """Serve the LUN again."""
    lun = call.lun_to_change()
    call.flag("force")
    if lun.online:
        raise Refusal(LUN_ALREADY_ONLINE, "LUN is already online")
    call.filer.state.commit(replace(lun, online=True))
    return {}


@api("lun-offline", "path")
def lun_offline(call: Call) -> Tree:
    """Serve the LUN no more; it keeps its maps."""
    lun = call.lun_to_change()
    if not lun.online:
        raise Refusal(LUN_ALREADY_OFFLINE, "LUN is already offline")
    call.filer.state.commit(replace(lun, online=False))
    return {}


@api("lun-set-space-reservation-info", "path", "enable")
def lun_set_space_reservation_info(call: Call) -> Tree:
    """Keep space for the whole LUN, or no longer."""
    lun, enable = call.lun_to_change(), call.flag("enable")
    if enable and not lun.reserved:
        volume = call.filer.volumes[call.vserver, lun.volume]
        # What it holds already is counted already.
        space.require(call.filer, volume, lun.size - space.lun_used(call.filer, lun))
    call.filer.state.commit(replace(lun, reserved=enable))
    return {}


@api("lun-get-space-reservation-info", "path")
def lun_get_space_reservation_info(call: Call) -> Tree:
    """Whether space is kept for the whole LUN."""
    return {"is-enabled": call.lun().reserved}


@api("lun-set-qos-policy-group", "path", optional=("qos-policy-group", "qos-adaptive-policy-group"), introduced=20)
def lun_set_qos_policy_group(call: Call) -> Tree:
    """Another policy group, of one family or the other; "none" takes it away."""
    lun = call.lun_to_change()
    if call.container("qos-policy-group") and call.container("qos-adaptive-policy-group"):
        raise Refusal(INVALID_INPUT, "Only one of qos-policy-group and qos-adaptive-policy-group can be given")
    plain, adaptive = policy_group(call, "qos-policy-group"), policy_group(call, "qos-adaptive-policy-group")
    call.filer.state.commit(replace(lun, qos_policy_group=plain, qos_adaptive_policy_group=adaptive))
    return {}


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
    lun, name, value = call.lun_to_change(), call.text("name"), call.text("value")
    if len(name) + len(value) > ATTRIBUTE_LENGTH:
        raise Refusal(INVALID_INPUT, "The attribute is too long")
    call.filer.state.commit(replace(lun, attributes={**lun.attributes, name: value}))
    return {}


@api("lun-unset-attribute", "path", "name")
def lun_unset_attribute(call: Call) -> Tree:
    """Take an attribute away."""
    lun, name = call.lun_to_change(), call.text("name")
    if name not in lun.attributes:
        raise Refusal(NO_SUCH_ATTRIBUTE, "No such attribute")
    left = {each: value for each, value in lun.attributes.items() if each != name}
    call.filer.state.commit(replace(lun, attributes=left))
    return {}
