"""Igroups: named sets of initiators that LUNs are mapped to."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tests.simulator import nesting
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    API_ERROR,
    IGROUP_EXISTS,
    IGROUP_INVALID_ATTRIBUTE,
    IGROUP_MAPS_EXIST,
    INITIATOR_ALREADY_IN_IGROUP,
    INITIATOR_NOT_IN_IGROUP,
    INVALID_INPUT,
    LUN_MAPPING_CONFLICT,
    NO_SUCH_MAP,
    NO_SUCH_PORTSET,
    Refusal,
)
from tests.simulator.filer import Filer
from tests.simulator.model import Igroup, Lun

PROTOCOLS = frozenset({"iscsi", "fcp", "mixed"})
OSTYPES = frozenset(
    [
        "aix",
        "default",
        "hpux",
        "hyper_v",
        "linux",
        "netware",
        "openvms",
        "solaris",
        "vmware",
        "windows",
        "xen",
    ]
)
# docs.netapp.com, "lun igroup rename": 1 to 96 characters.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,95}")
IQN = re.compile(r"(iqn\.\d{4}-\d{2}\.[^\s:/]+(:\S+)?|eui\.[0-9A-Fa-f]{16}|naa\.[0-9A-Fa-f]{16,32})")
WWPN = re.compile(r"([0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{16}")


def related(filer: Filer, igroup: Igroup) -> list[Igroup]:
    """The other igroups of this vserver that have an initiator in common with this one."""
    members = set(igroup.initiators)
    return [
        other
        for other in filer.igroups.values()
        if other.vserver == igroup.vserver and other.name != igroup.name and members.intersection(other.initiators)
    ]


@api(
    "igroup-create",
    "initiator-group-name",
    "initiator-group-type",
    optional=("os-type", "ostype", "bind-portset"),
)
def igroup_create(call: Call) -> Tree:
    """A new igroup without initiators."""
    name = call.text("initiator-group-name")
    protocol = call.choice("initiator-group-type", PROTOCOLS, "")
    # ``ostype`` is another name of ``os-type``.
    ostype = call.choice("os-type", OSTYPES, call.choice("ostype", OSTYPES, "default"))
    if NAME.fullmatch(name) is None:
        raise Refusal(INVALID_INPUT, f"Invalid value for initiator-group-name: {name!r}")
    if (call.vserver, name) in call.filer.igroups:
        raise Refusal(IGROUP_EXISTS, f"Initiator group already exists: {name}")
    portset = call.text("bind-portset")
    if portset and (call.vserver, portset) not in call.filer.state.portsets:
        raise Refusal(NO_SUCH_PORTSET, f"No such portset: {portset}")
    uuid, _, counted = call.filer.identity()
    igroup = Igroup(call.vserver, name, uuid, protocol, ostype, portset)
    call.filer.state.commit(igroup, counted)
    return {}


def _canonical(igroup: Igroup, initiator: str) -> str:
    """The initiator's name as the igroup keeps it; one that is none of its protocol is refused with 13001."""
    wwpn = WWPN.fullmatch(initiator)
    if wwpn and igroup.protocol != "iscsi":
        digits = initiator.replace(":", "").lower()
        return ":".join(digits[place : place + 2] for place in range(0, 16, 2))
    if IQN.fullmatch(initiator) and len(initiator) <= 223 and igroup.protocol != "fcp":
        return initiator.lower()
    raise Refusal(API_ERROR, f"Invalid initiator name: {initiator}")


@api("igroup-add", "initiator-group-name", "initiator", optional=("force",))
def igroup_add(call: Call) -> Tree:
    """One more initiator; it must not get a LUN, or a LUN id, that it has by another igroup already."""
    igroup = call.igroup()
    _refuse_nested(igroup)
    call.flag("force")
    initiator = _canonical(igroup, call.text("initiator"))
    if initiator in igroup.initiators:
        raise Refusal(INITIATOR_ALREADY_IN_IGROUP, "Initiator group already contains this initiator")
    for group in (igroup, *nesting.above(call.filer.igroups, igroup)):
        own = call.filer.maps.get(group.key, {})
        for other in related(call.filer, replace(group, initiators=(initiator,))):
            theirs = call.filer.maps.get(other.key, {})
            if own.keys() & theirs.keys() or set(own.values()) & set(theirs.values()):
                raise Refusal(LUN_MAPPING_CONFLICT, f"LUN maps conflict with those of {other.name}")
    _keep(call.filer, igroup, [*igroup.initiators, initiator])
    return {}


@api("igroup-remove", "initiator-group-name", "initiator", optional=("force",))
def igroup_remove(call: Call) -> Tree:
    """One initiator less; with LUNs mapped to the igroup only by force."""
    igroup = call.igroup()
    _refuse_nested(igroup)
    initiator = _canonical(igroup, call.text("initiator"))
    force = call.flag("force")
    if initiator not in igroup.initiators:
        raise Refusal(INITIATOR_NOT_IN_IGROUP, "Initiator group does not contain this initiator")
    _refuse_with_maps(call, igroup, force)
    _keep(call.filer, igroup, [each for each in igroup.initiators if each != initiator])
    return {}


def _keep(filer: Filer, igroup: Igroup, initiators: list[str]) -> None:
    filer.state.commit(*nesting.with_initiators(filer.igroups, igroup, initiators))


def _refuse_nested(igroup: Igroup) -> None:
    if igroup.children:
        raise Refusal(API_ERROR, f"Initiator group {igroup.name} has nested initiator groups")


@api("igroup-destroy", "initiator-group-name", optional=("force",))
def igroup_destroy(call: Call) -> Tree:
    """Gone, by force with its maps."""
    igroup = call.igroup()
    _refuse_with_maps(call, igroup, call.flag("force"))
    destroy(call.filer, igroup)
    return {}


def destroy(filer: Filer, igroup: Igroup) -> None:
    """The igroup is gone, and so are its maps; a group that it was nested in is without it."""
    luns = [_without(filer.luns[igroup.vserver, path], igroup) for path in filer.maps.get(igroup.key, {}).values()]
    groups = [
        changed
        for parent in nesting.parents(filer.igroups, igroup)
        for changed in nesting.with_children(
            filer.igroups, parent, [each for each in nesting.children(filer.igroups, parent) if each != igroup]
        )
    ]
    filer.state.commit(*luns, *groups, gone=[igroup])


def _without(lun: Lun, igroup: Igroup) -> Lun:
    maps = {name: lun_id for name, lun_id in lun.maps.items() if name != igroup.name}
    return replace(lun, maps=maps)


def _refuse_with_maps(call: Call, igroup: Igroup, force: bool) -> None:
    if is_mapped(call.filer, igroup) and not force:
        raise Refusal(IGROUP_MAPS_EXIST, "LUN maps for this initiator group exist")


def is_mapped(filer: Filer, igroup: Igroup) -> bool:
    """Whether its initiators see LUNs by it, or by a group that it is nested in."""
    return any(filer.maps.get(each.key) for each in (igroup, *nesting.above(filer.igroups, igroup)))


@api("igroup-rename", "initiator-group-name", "initiator-group-new-name")
def igroup_rename(call: Call) -> Tree:
    """Another name; its maps stay."""
    igroup, name = call.igroup(), call.text("initiator-group-new-name")
    if NAME.fullmatch(name) is None:
        raise Refusal(INVALID_INPUT, f"Invalid value for initiator-group-new-name: {name!r}")
    if (call.vserver, name) in call.filer.igroups:
        raise Refusal(IGROUP_EXISTS, f"Initiator group already exists: {name}")
    rename(call.filer, igroup, name)
    return {}


def rename(filer: Filer, igroup: Igroup, name: str) -> None:
    """The igroup, and its maps, have another name."""
    luns = [filer.luns[igroup.vserver, path] for path in filer.maps.get(igroup.key, {}).values()]
    moved = [
        replace(lun, maps={name if each == igroup.name else each: lun_id for each, lun_id in lun.maps.items()})
        for lun in luns
    ]
    filer.state.commit(replace(igroup, name=name), *moved, gone=[igroup])


ATTRIBUTES = {
    "alua": "alua",
    "os_type": "ostype",
    "report_scsi_name": "report_scsi_name",
    "throttle_borrow": "throttle_borrow",
    "throttle_reserve": "throttle_reserve",
}


@api("igroup-set-attribute", "initiator-group-name", "attribute", "value", optional=("force",))
def igroup_set_attribute(call: Call) -> Tree:
    """One of the settings that igroup-get-iter shows."""
    igroup, attribute, value = call.igroup(), call.text("attribute"), call.text("value")
    call.flag("force")
    changed: Any
    if attribute in {"os_type", "ostype"}:
        changed = call.choice("value", OSTYPES, "")
    elif attribute == "throttle_reserve":
        changed = call.number("value")
    elif attribute in ATTRIBUTES:
        words = {"yes": True, "no": False, "on": True, "off": False}
        changed = words[value] if value in words else call.flag("value")
    else:
        raise Refusal(IGROUP_INVALID_ATTRIBUTE, f"Invalid attribute {attribute!r}")
    call.filer.state.commit(replace(igroup, **{ATTRIBUTES.get(attribute, "ostype"): changed}))
    return {}


@api("igroup-lookup-lun", "initiator-group-name", "lun-id")
def igroup_lookup_lun(call: Call) -> Tree:
    """Which LUN an igroup sees under an id."""
    igroup = call.igroup()
    path = call.filer.maps.get(igroup.key, {}).get(call.number("lun-id"))
    if path is None:
        raise Refusal(NO_SUCH_MAP, "No LUN is mapped at this id")
    return {"path": path}
