"""A LUN's life: made, resized, renamed, destroyed."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.simulator import space
from tests.simulator.api.qos import require as policy_group
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    FORCE_REQUIRED,
    INVALID_INPUT,
    LUN_IS_MAPPED,
    NOT_IN_SAME_VOLUME,
    OBJECT_NOT_FOUND,
    RESIZE_TOO_LARGE,
    SIZE_TOO_LARGE,
    SIZE_TOO_SMALL,
    SIZE_UNCHANGED,
    Refusal,
)
from tests.simulator.geometry import SECTOR, SMALLEST, cylinder_for, largest_growth, round_up
from tests.simulator.model import Lun
from tests.simulator.paths import place_for

# NetApp's generated API libraries and its REST client.
OSTYPES = frozenset(
    [
        "aix",
        "hpux",
        "hyper_v",
        "image",
        "linux",
        "netware",
        "openvms",
        "solaris",
        "solaris_efi",
        "vmware",
        "windows",
        "windows_2008",
        "windows_gpt",
        "xen",
    ]
)
CLASSES = frozenset({"regular", "protectedendpoint", "vvol"})
COMMENT_LENGTH = 254
CREATE_OPTIONS = (
    "ostype",
    "type",
    "space-reservation-enabled",
    "space-allocation-enabled",
    "prefix-size",
    "class",
    "comment",
    "use-exact-size",
    "application",
    "caching-policy",
    "qos-policy-group",
    "qos-adaptive-policy-group",
    "foreign-disk",
)
# use-exact-size is documented by its version; from when on comment is understood is not known (see
# README.md).
CREATE_SINCE = {
    "class": 30,
    "comment": 100,
    "qos-adaptive-policy-group": 140,
    "qos-policy-group": 20,
    "use-exact-size": 110,
}


def comment_of(call: Call) -> str:
    """The comment argument: REST's limit of 254 characters holds for ZAPI in practice."""
    comment = call.text("comment")
    if len(comment) > COMMENT_LENGTH:
        raise Refusal(INVALID_INPUT, f"Invalid value for comment: longer than {COMMENT_LENGTH} characters")
    return comment


def _real_size(size: int, most: int, exact: bool) -> int:
    if size < SMALLEST:
        raise Refusal(SIZE_TOO_SMALL, "LUN size too small")
    if size > most:
        raise Refusal(SIZE_TOO_LARGE, "LUN size too large")
    return round_up(size, SECTOR if exact else cylinder_for(size))


@api("lun-create-by-size", "path", "size", optional=CREATE_OPTIONS, since=CREATE_SINCE)
def lun_create_by_size(call: Call) -> Tree:
    """A new LUN, rounded up to whole cylinders unless its exact size was asked for."""
    path = call.text("path")
    exact = call.flag("use-exact-size")
    # ``type`` is the old name of ``ostype``.
    ostype = call.choice("ostype", OSTYPES, call.choice("type", OSTYPES, "image"))
    volume = place_for(call, path)
    size = _real_size(call.number("size"), call.filer.largest_lun, exact)
    if call.number("prefix-size") % SECTOR:
        raise Refusal(INVALID_INPUT, "Invalid value for prefix-size")
    keep = call.flag("space-reservation-enabled", True)
    if keep:
        space.require(call.filer, volume, size)
    uuid, serial, counted = call.filer.identity()
    lun = Lun(
        vserver=call.vserver,
        path=path,
        uuid=uuid,
        serial=serial,
        size=size,
        cylinder=cylinder_for(size),
        created=int(time.time()),
        exact=exact,
        ostype=ostype,
        reserved=keep,
        space_allocation=call.flag("space-allocation-enabled"),
        lun_class=call.choice("class", CLASSES, "regular"),
        comment=comment_of(call),
        prefix_size=call.number("prefix-size"),
        application=call.text("application"),
        caching_policy=call.text("caching-policy"),
        qos_policy_group=policy_group(call, "qos-policy-group"),
        qos_adaptive_policy_group=policy_group(call, "qos-adaptive-policy-group"),
    )
    call.filer.state.contents.create(uuid, size)
    call.filer.state.commit(lun, counted)
    return {"actual-size": size}


@api("lun-destroy", "path", optional=("force", "destroy-fenced-lun", "destroy-application-lun"))
def lun_destroy(call: Call) -> Tree:
    """Gone with its data and maps; refused without force only while mapped and online."""
    lun = call.lun_to_change(OBJECT_NOT_FOUND)
    force = call.flag("force")
    call.flag("destroy-fenced-lun")
    call.flag("destroy-application-lun")
    if lun.maps and lun.online and not force:
        raise Refusal(LUN_IS_MAPPED, f"LUN is mapped: {lun.path}")
    call.filer.state.commit(gone=[lun])
    call.filer.state.contents.remove(lun.uuid)
    return {}


@api("lun-resize", "path", "size", optional=("force",))
def lun_resize(call: Call) -> Tree:
    """Another size, rounded as at creation; smaller only by force."""
    lun = call.lun_to_change()
    force = call.flag("force")
    wanted = call.number("size")
    if wanted < SMALLEST:
        raise Refusal(SIZE_TOO_SMALL, "LUN size too small")
    size = round_up(wanted, SECTOR if lun.exact else lun.cylinder)
    if size == lun.size:
        raise Refusal(SIZE_UNCHANGED, "LUN size unchanged")
    if size > largest_growth(lun.cylinder, call.filer.ontapi, call.filer.largest_lun):
        raise Refusal(RESIZE_TOO_LARGE, "New LUN size exceeds its geometry")
    if size < lun.size and not force:
        raise Refusal(FORCE_REQUIRED, "The force option is required to reduce a LUN's size")
    if size > lun.size and lun.reserved:
        space.require(call.filer, call.filer.volumes[call.vserver, lun.volume], size - lun.size)
    contents, resized = call.filer.state.contents, replace(lun, size=size)
    if size > lun.size:
        contents.resize(lun.uuid, size)
    call.filer.state.commit(resized)
    if size < lun.size:
        contents.resize(lun.uuid, size)
    return {"actual-size": size}


@api("lun-move", "path", "new-path")
def lun_move(call: Call) -> Tree:
    """Another path in the same volume; identity, data and maps stay."""
    lun = call.lun_to_change()
    path = call.text("new-path")
    volume = place_for(call, path)
    if volume.name != lun.volume:
        raise Refusal(NOT_IN_SAME_VOLUME, "The LUNs are not in the same volume")
    call.filer.state.commit(replace(lun, path=path), gone=[lun])
    return {}
