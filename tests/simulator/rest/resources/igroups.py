"""Igroups. Nested ones are not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulator.api.igroup import NAME, OSTYPES, PROTOCOLS, destroy, rename
from tests.simulator.model import Igroup
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem, invalid
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources import common
from tests.simulator.rest.resources.initiator_names import canonical, require_one_os
from tests.simulator.rest.resources.lun_making import choice

IGROUP = Schema(
    "uuid",
    "name svm.name svm.uuid",
    "protocol os_type comment delete_on_unmap:b initiators[].name initiators[].comment portset.name portset.uuid"
    " supports_igroups:b replication:*",
    "connectivity_tracking:* igroups:* lun_maps[].logical_unit_number:n lun_maps[].lun.name lun_maps[].lun.uuid"
    " lun_maps[].lun.node.name lun_maps[].lun.node.uuid parent_igroups:* target.firmware_revision"
    " target.product_id"
    " target.vendor_id",
    since={
        "comment": common.V9_9_1,
        "initiators.comment": common.V9_9_1,
        "igroups": common.V9_9_1,
        "parent_igroups": common.V9_9_1,
        "supports_igroups": common.V9_9_1,
        "connectivity_tracking": common.V9_13_1,
        "replication": 250,
    },
)
POSTABLE = frozenset(
    ["svm.name", "svm.uuid", "name", "protocol", "os_type", "comment", "initiators.name", "portset.name"]
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
        initiators=[{"name": name} for name in found.initiators] or None,
        lun_maps=lambda: _maps(call, found),
        portset={"name": portset.name, "uuid": portset.uuid} if portset else None,
        supports_igroups=False,
        target={"vendor_id": "NETAPP", "product_id": "LUN C-Mode", "firmware_revision": "9800"},
    )


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
    given = [canonical(new, item.get("initiators.name", "")) for item in body.items("initiators")]
    if len(set(given)) != len(given):
        raise Problem(codes.INITIATOR_TWICE, "Initiators are given twice.", target="initiators")
    require_one_os(call.filer, new, given, codes.INITIATOR_OTHER_OS_CREATE)
    call.filer.state.commit(replace(new, initiators=tuple(given)), counted)
    return [{"uuid": uuid}]


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
    if call.filer.maps.get(found.key) and not call.parameters.says("allow_delete_while_mapped"):
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
