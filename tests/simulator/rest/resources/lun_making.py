"""POST of a LUN: a new one, or the clone of another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from tests.simulator import errnos, space
from tests.simulator.api.lun import COMMENT_LENGTH, OSTYPES
from tests.simulator.geometry import cylinder_for, round_up
from tests.simulator.model import Lun, Vserver
from tests.simulator.rest import codes
from tests.simulator.rest.bodies import Body
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem, invalid
from tests.simulator.rest.resources import asa_r2
from tests.simulator.rest.resources.common import refusals
from tests.simulator.rest.resources.lun_place import free_place, path_of
from tests.simulator.rest.resources.lun_source import source

SMALLEST = 4096  # the documentation's least size
PLACE = ("svm.name", "svm.uuid", "name", "location.logical_unit", "location.qtree.name") + (
    "location.volume.name",
    "location.volume.uuid",
)
SOURCE = ("clone.source.name", "clone.source.uuid")
SPACE = ("space.guarantee.requested", "space.scsi_thin_provisioning_support_enabled")
QOS = ("qos_policy.name", "qos_policy.uuid")
POSTABLE = frozenset(
    [
        *PLACE,
        *SOURCE,
        *SPACE,
        *QOS,
        "class",
        "comment",
        "os_type",
        "space.size",
        "attributes.name",
        "attributes.value",
    ]
)
# Whether a real filer takes a comment for a clone is not known.
NOT_IN_CLONE = ("os_type", "space.size", "attributes", "class")
NOT_WITH_CLONE = ("comment",)
CLASSES = frozenset(["regular", "protectedendpoint", "vvol"])
ATTRIBUTE_LENGTH = 4092
SPACES: Mapping[int, str] = {errnos.NO_SPACE: codes.LUN_SIZE_LARGE}


def create(call: Call) -> list[dict[str, str]]:
    """A LUN; its key."""
    svm = call.svm()
    if not call.filer.kind.has_pools:
        raise asa_r2.refusal(call.body)
    path = path_of(call, svm)
    make = _clone if any(name in call.body for name in SOURCE) else _new
    return [{"uuid": make(call, svm, path).uuid}]


def _new(call: Call, svm: Vserver, path: str) -> Lun:
    body, filer = call.body, call.filer
    for name in ("os_type", "space.size"):
        if name not in body:
            raise Problem(codes.LUN_REQUIRED, f"The property {name} is required.", target=name)
    ostype = choice(body, "os_type", OSTYPES - {"image"})
    volume = free_place(call, svm.name, path)
    size = _real_size(body.number("space.size") or 0, filer.largest_lun)
    reserved = body.flag("space.guarantee.requested")
    if reserved:
        with refusals(SPACES):
            space.require(filer, volume, size)
    qos, adaptive = policies(call, svm.name, codes.QOS_UNSUITABLE)
    uuid, serial, counted = filer.identity()
    made = Lun(
        vserver=svm.name,
        path=path,
        uuid=uuid,
        serial=serial,
        size=size,
        cylinder=cylinder_for(size),
        created=int(time.time()),
        ostype=ostype,
        reserved=reserved,
        space_allocation=body.flag("space.scsi_thin_provisioning_support_enabled"),
        lun_class=choice(body, "class", CLASSES) if "class" in body else "regular",
        comment=comment(body),
        qos_policy_group=qos,
        qos_adaptive_policy_group=adaptive,
        attributes=attributes(body),
    )
    filer.state.contents.create(uuid, size)
    filer.state.commit(made, counted)
    return made


def _real_size(wanted: int, most: int) -> int:
    """Rounded up to whole cylinders: REST has no exact sizes."""
    if wanted < 0:
        raise Problem(codes.LUN_SIZE_NEGATIVE, "A negative size was provided for the LUN.", target="space.size")
    if wanted < SMALLEST:
        raise Problem(codes.LUN_SIZE_SMALL, "The specified size is too small for the LUN.", target="space.size")
    if wanted > most:
        raise Problem(codes.LUN_SIZE_LARGE, "The specified size is too large for the LUN.", target="space.size")
    return round_up(wanted, cylinder_for(wanted))


def choice(body: Body, name: str, allowed: frozenset[str]) -> str:
    """A text that is one of some."""
    if body.text(name) not in allowed:
        raise invalid(name, body.text(name), "|".join(sorted(allowed)))
    return body.text(name)


def comment(body: Body) -> str:
    """The comment, which has a longest length."""
    if len(body.text("comment")) > COMMENT_LENGTH:
        raise invalid("comment", body.text("comment"), f"text of at most {COMMENT_LENGTH} characters")
    return body.text("comment")


def attributes(body: Body) -> dict[str, str]:
    """Pairs of a name and a value."""
    found: dict[str, str] = {}
    for item in body.items("attributes"):
        name, value = item.get("attributes.name"), item.get("attributes.value")
        if not name or value is None:
            raise Problem(codes.ATTRIBUTE_INCOMPLETE, "An incomplete attribute name/value pair was supplied.")
        if len(name) + len(value) > ATTRIBUTE_LENGTH:
            raise Problem(codes.ATTRIBUTE_TOO_LARGE, "The combined sizes of name and value are too large.")
        if name in found:
            raise Problem(codes.ATTRIBUTE_TWICE, "A name for an attribute was duplicated.")
        found[name] = value
    return found


def policies(call: Call, svm: str, missing: str) -> tuple[str, str]:
    """The names of the plain and of the adaptive policy group that the body names; "" for none."""
    name, uuid = call.body.text("qos_policy.name"), call.body.text("qos_policy.uuid")
    if not name and not uuid:
        return "", ""
    for group in call.filer.state.policy_groups.values():
        if group.vserver == svm and name in {"", group.name} and uuid in {"", group.uuid}:
            return ("", group.name) if group.adaptive else (group.name, "")
    raise Problem(missing, "The specified QoS policy does not exist.", target="qos_policy")


def _clone(call: Call, svm: Vserver, path: str) -> Lun:
    """A clone is without its source's discard and QoS policy, unless the body says more."""
    body, filer = call.body, call.filer
    for names, code in ((NOT_IN_CLONE, codes.LUN_NOT_IN_CLONE), (NOT_WITH_CLONE, codes.LUN_NOT_WITH_CLONE)):
        for name in names:
            if name in body:
                raise Problem(code, f"The property {name} cannot be specified for a LUN clone.", target=name)
    if "flexclone" not in filer.licences:
        raise Problem(codes.CLONE_FAILED, "The LUN clone request failed: FlexClone is not licensed.")
    volume = free_place(call, svm.name, path, exists=codes.CLONE_EXISTS)
    origin = source(call, svm.name, volume.name)
    reserved = body.flag("space.guarantee.requested", origin.lun.reserved)
    if reserved:
        with refusals(SPACES):
            space.require(filer, volume, origin.lun.size)
    qos, adaptive = policies(call, svm.name, codes.QOS_UNSUITABLE)
    uuid, serial, counted = filer.identity()
    made = replace(
        origin.lun.copied(volume, path, uuid, serial),
        created=int(time.time()),
        reserved=reserved,
        online=True,
        is_clone=True,
        space_allocation=body.flag("space.scsi_thin_provisioning_support_enabled"),
        comment=origin.lun.comment if filer.clones_keep_comment else "",
        qos_policy_group=qos,
        qos_adaptive_policy_group=adaptive,
    )
    filer.state.contents.copy(origin.content, uuid, origin.lun.size)
    filer.state.commit(made, counted)
    return made
