"""The initiators of an igroup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulator import nesting
from tests.simulator.api.igroup import is_mapped, related
from tests.simulator.model import Igroup
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.igroups import absent as no_igroup
from tests.simulator.rest.resources.initiator_names import canonical, require_one_os

INITIATOR = Schema("igroup.uuid name", "igroup.name", "comment")


def the_igroup(call: Call) -> Igroup:
    """The igroup that the path names."""
    for found in call.filer.igroups.values():
        if found.uuid == call.place["igroup.uuid"] and found.vserver in call.svms:
            return found
    raise no_igroup(call)


def _initiators(call: Call) -> Iterator[Row]:
    igroup = the_igroup(call)
    for name in () if igroup.children else igroup.initiators:
        yield Row({"igroup": {"uuid": igroup.uuid, "name": igroup.name}, "name": name}, name)


def _absent(call: Call) -> Problem:
    if call.method == "GET":
        return Problem(codes.NOT_FOUND, "The initiator is not a member of the initiator group.", target="name")
    if call.place["name"].lower() in the_igroup(call).initiators:
        return Problem(codes.INITIATOR_OF_NESTED, "The initiator is not owned by the supplied initiator group.")
    return Problem(codes.INITIATOR_NOT_IN_IGROUP, "An initiator is not a member of the initiator group.")


def _create(call: Call) -> list[dict[str, str]]:
    """One more initiator; it must not get a LUN, or a number, that it has by another igroup."""
    igroup = the_igroup(call)
    if "name" not in call.body:
        raise Problem(codes.INITIATORS_MISSING, "Initiators must be supplied.")
    if igroup.children:
        raise Problem(codes.NESTED_AND_INITIATORS, "The initiator group has nested initiator groups.")
    name = canonical(igroup, call.body.text("name"))
    if name in igroup.initiators:
        raise Problem(codes.INITIATOR_IN_IGROUP, f"The initiator {name} is already in the initiator group.")
    require_one_os(call.filer, igroup, [name], codes.INITIATOR_OTHER_OS_ADD)
    _require_no_conflict(call, igroup, name)
    _keep(call, igroup, [*igroup.initiators, name])
    return [{"igroup.uuid": igroup.uuid, "name": name}]


def _keep(call: Call, igroup: Igroup, initiators: list[str]) -> None:
    call.filer.state.commit(*nesting.with_initiators(call.filer.igroups, igroup, initiators))


def _require_no_conflict(call: Call, igroup: Igroup, name: str) -> None:
    higher = nesting.above(call.filer.igroups, igroup)
    if any(name in each.initiators for each in higher):
        raise Problem(codes.NESTED_INITIATOR_TWICE, f"The initiator {name} is in the hierarchy already.")
    for each in (igroup, *higher):
        _require_no_conflict_with(call, each, name)


def _require_no_conflict_with(call: Call, igroup: Igroup, name: str) -> None:
    own = call.filer.maps.get(igroup.key, {})
    for other in related(call.filer, replace(igroup, initiators=(name,))):
        theirs = call.filer.maps.get(other.key, {})
        if set(own.values()) & set(theirs.values()):
            raise Problem(
                codes.INITIATOR_LUN_TWICE, f"The initiator would have a LUN twice, by {other.name}, too."
            )
        if own.keys() & theirs.keys():
            raise Problem(
                codes.INITIATOR_ID_TWICE, f"The initiator would have a number twice, by {other.name}, too."
            )


def _remove(call: Call, row: Row) -> None:
    igroup = the_igroup(call)
    if is_mapped(call.filer, igroup) and not call.parameters.says("allow_delete_while_mapped"):
        raise Problem(codes.IGROUP_MAPPED, "The initiator group is mapped to one or more LUNs.")
    _keep(call, igroup, [each for each in igroup.initiators if each != row.record])


RESOURCES = (
    Resource(
        "/protocols/san/igroups/{igroup.uuid}/initiators",
        INITIATOR,
        _initiators,
        create=_create,
        remove=_remove,
        postable=frozenset(["name"]),
        extra={"DELETE": frozenset(["allow_delete_while_mapped"])},
        absent=_absent,
        owner=the_igroup,
        several=True,
    ),
)
