"""Igroups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulator import nesting
from tests.simulator.api.igroup import NAME, OSTYPES, PROTOCOLS, destroy, is_mapped, rename
from tests.simulator.model import Igroup, Record
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem, invalid
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources import common, hierarchy
from tests.simulator.rest.resources.initiator_names import canonical, require_one_os
from tests.simulator.rest.resources.lun_making import choice

IGROUP = Schema(
    "uuid",
    "name svm.name svm.uuid",
    "protocol os_type comment delete_on_unmap:b initiators[].name initiators[].comment"
    " initiators[].igroup.name initiators[].igroup.uuid portset.name portset.uuid"
    " supports_igroups:b replication:*",
    "connectivity_tracking:* igroups[].name igroups[].uuid parent_igroups[].name parent_igroups[].uuid"
    " lun_maps[].logical_unit_number:n lun_maps[].lun.name lun_maps[].lun.uuid lun_maps[].lun.node.name"
    " lun_maps[].lun.node.uuid target.firmware_revision target.product_id target.vendor_id",
    since={
        "comment": common.V9_9_1,
        "initiators.comment": common.V9_9_1,
        "initiators.igroup": common.V9_9_1,
        "igroups": common.V9_9_1,
        "parent_igroups": common.V9_9_1,
        "supports_igroups": common.V9_9_1,
        "connectivity_tracking": common.V9_13_1,
        "replication": 250,
    },
)
POSTABLE = frozenset(
    [
        *("svm.name", "svm.uuid", "name", "protocol", "os_type", "comment", "initiators.name", "portset.name"),
        *("igroups.name", "igroups.uuid"),
    ]
)
REST_OSTYPES = OSTYPES - {"default"}


def describe(call: Call, found: Igroup) -> Document:
    """An igroup; one without initiators has no ``initiators``."""
    portset = call.filer.state.portsets.get((found.vserver, found.portset))
    return common.told(
        uuid=found.uuid,
        name=found.name,
        svm=common.svm(call.filer, found.vserver),
        protocol=found.protocol,
        os_type=found.ostype,
        comment=found.comment,
        delete_on_unmap=False,
        igroups=lambda: _references(nesting.children(call.filer.igroups, found)),
        initiators=_initiators(call, found) or None,
        lun_maps=lambda: _maps(call, found),
        parent_igroups=lambda: _references(nesting.parents(call.filer.igroups, found)),
        portset={"name": portset.name, "uuid": portset.uuid} if portset else None,
        supports_igroups=bool(found.children) or not found.initiators,
        target={"vendor_id": "NETAPP", "product_id": "LUN C-Mode", "firmware_revision": "9800"},
    )


def _references(groups: list[Igroup]) -> list[Document] | None:
    return [common.igroup(each) for each in groups] or None


def _initiators(call: Call, found: Igroup) -> list[Document]:
    """Its own, and those of nested groups with the group that has them itself."""
    if not found.children:
        return [{"name": name} for name in found.initiators]
    owners = [each for each in nesting.below(call.filer.igroups, found) if not each.children]
    return [{"name": name, "igroup": common.igroup(each)} for each in owners for name in each.initiators]


def _maps(call: Call, found: Igroup) -> list[Document]:
    paths = sorted(call.filer.maps.get(found.key, {}).items())
    return [
        {"logical_unit_number": number, "lun": common.lun(call.filer.luns[found.vserver, path])}
        for number, path in paths
    ]


def _igroups(call: Call) -> Iterator[Row]:
    uuids, names, svms = call.exact("uuid"), call.exact("name"), call.narrowed()
    for found in call.igroups.values():
        is_named = (names is None or found.name in names) and (uuids is None or found.uuid in uuids)
        if is_named and found.vserver in svms:
            yield Row(describe(call, found), found)


def absent(_: Call) -> Problem:
    """There is no igroup at the path."""
    return Problem(codes.IGROUP_NOT_FOUND, "The initiator group does not exist.", target="uuid")


def _create(call: Call) -> list[dict[str, str]]:
    svm, body = call.svm().name, call.body
    name = _name(call)
    if "os_type" not in body:
        raise Problem(codes.MISSING_VALUE, 'Field "os_type" is required.', target="os_type")
    if (svm, name) in call.filer.igroups:
        raise Problem(codes.IGROUP_EXISTS, f"An initiator group with the name {name} already exists.")
    portset = body.text("portset.name")
    if portset and (svm, portset) not in call.filer.state.portsets:
        raise Problem(codes.PORTSET_NOT_FOUND, "The supplied portset does not exist.")
    protocol = choice(body, "protocol", PROTOCOLS) if "protocol" in body else "mixed"
    uuid, _, counted = call.filer.identity()
    new = Igroup(svm, name, uuid, protocol, choice(body, "os_type", REST_OSTYPES), portset, comment=_comment(call))
    if body.items("igroups"):
        _create_nested(call, new, counted)
        return [{"uuid": uuid}]
    given = [canonical(new, item.get("initiators.name", "")) for item in body.items("initiators")]
    if len(set(given)) != len(given):
        raise Problem(codes.INITIATOR_TWICE, "Initiators are given twice.", target="initiators")
    require_one_os(call.filer, new, given, codes.INITIATOR_OTHER_OS_CREATE)
    call.filer.state.commit(replace(new, initiators=tuple(given)), counted)
    return [{"uuid": uuid}]


def _create_nested(call: Call, new: Igroup, counted: Record) -> None:
    if call.body.items("initiators"):
        raise Problem(codes.NESTED_AND_INITIATORS, "Initiators and child initiator groups were both supplied.")
    for item in call.body.items("igroups"):
        name, uuid = item.get("igroups.name", ""), item.get("igroups.uuid", "")
        (new, *_) = hierarchy.joined(call.filer, new, hierarchy.child(call.filer, new, name, uuid))
    call.filer.state.commit(new, counted)


def _name(call: Call) -> str:
    name = call.body.text("name")
    if NAME.fullmatch(name) is None:
        raise Problem(codes.IGROUP_NAME_INVALID, f"The initiator group name {name!r} is invalid.", target="name")
    return name


def _comment(call: Call) -> str:
    comment = call.body.text("comment")
    if len(comment) > 254:
        raise invalid("comment", comment)
    return comment


def _change(call: Call, row: Row) -> None:
    found: Igroup = row.record
    body = call.body
    changed = found
    if "os_type" in body:
        changed = replace(changed, ostype=choice(body, "os_type", REST_OSTYPES))
    if "comment" in body:
        changed = replace(changed, comment=_comment(call))
    if "name" in body and _name(call) != found.name:
        if (found.vserver, _name(call)) in call.filer.igroups:
            raise Problem(codes.IGROUP_EXISTS, "An initiator group with the same name already exists.")
        call.filer.state.commit(changed)
        rename(call.filer, changed, _name(call))
    else:
        call.filer.state.commit(changed)


def _remove(call: Call, row: Row) -> None:
    found: Igroup = row.record
    if is_mapped(call.filer, found) and not call.parameters.says("allow_delete_while_mapped"):
        raise Problem(codes.IGROUP_MAPPED, "The initiator group is mapped to one or more LUNs.")
    destroy(call.filer, found)


RESOURCES = (
    Resource(
        "/protocols/san/igroups",
        IGROUP,
        _igroups,
        create=_create,
        change=_change,
        remove=_remove,
        postable=POSTABLE,
        patchable=frozenset(["name", "os_type", "comment"]),
        extra={"DELETE": frozenset(["allow_delete_while_mapped"])},
        absent=absent,
    ),
)
