"""The igroups that are nested directly in an igroup."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator import nesting
from tests.simulator.model import Igroup
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources import hierarchy
from tests.simulator.rest.resources.common import V9_9_1, igroup
from tests.simulator.rest.resources.initiators import the_igroup

NESTED = Schema("igroup.uuid uuid", "name", "igroup.name")


def _nested(call: Call) -> Iterator[Row]:
    parent = the_igroup(call)
    for found in nesting.children(call.filer.igroups, parent):
        yield Row({"igroup": igroup(parent), **igroup(found)}, found)


def _absent(call: Call) -> Problem:
    if call.method == "GET":
        return Problem(codes.NOT_FOUND, "The nested initiator group is not a member of the initiator group.")
    return Problem(codes.NESTED_NOT_HERE, "The child initiator group is not owned by the parent initiator group.")


def _create(call: Call) -> list[dict[str, str]]:
    parent = the_igroup(call)
    found = hierarchy.child(call.filer, parent, call.body.text("name"), call.body.text("uuid"))
    call.filer.state.commit(*hierarchy.joined(call.filer, parent, found))
    return [{"igroup.uuid": parent.uuid, "uuid": found.uuid}]


def _remove(call: Call, row: Row) -> None:
    parent, groups, child = the_igroup(call), call.filer.igroups, row.record
    if not call.parameters.says("allow_delete_while_mapped"):
        _require_unmapped(call, parent)
    left = [each for each in nesting.children(groups, parent) if each != child]
    call.filer.state.commit(*nesting.with_children(groups, parent, left))


def _require_unmapped(call: Call, parent: Igroup) -> None:
    if call.filer.maps.get(parent.key):
        raise Problem(codes.IGROUP_MAPPED, "The initiator group is mapped to one or more LUNs.")
    if any(call.filer.maps.get(each.key) for each in nesting.above(call.filer.igroups, parent)):
        raise Problem(codes.NESTED_PARENT_MAPPED, "LUN maps exist for a parent initiator group.")


RESOURCES = (
    Resource(
        "/protocols/san/igroups/{igroup.uuid}/igroups",
        NESTED,
        _nested,
        create=_create,
        remove=_remove,
        postable=frozenset(["name", "uuid"]),
        extra={"DELETE": frozenset(["allow_delete_while_mapped"])},
        absent=_absent,
        owner=the_igroup,
        introduced=V9_9_1,
        several=True,
    ),
)
