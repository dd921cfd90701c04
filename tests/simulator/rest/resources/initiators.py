"""The initiators of an igroup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulator.api.igroup import related
from tests.simulator.model import Igroup
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.igroups import absent as no_igroup
from tests.simulator.rest.resources.initiator_names import canonical, require_one_os

INITIATOR = Schema("igroup.uuid name", "igroup.name", "comment")


def _igroup(call: Call) -> Igroup:
    """The igroup that the path names."""
    for found in call.filer.igroups.values():
        if found.uuid == call.place["igroup.uuid"] and found.vserver in call.svms:
            return found
    raise no_igroup(call)


def _initiators(call: Call) -> Iterator[Row]:
    igroup = _igroup(call)
    for name in igroup.initiators:
        yield Row({"igroup": {"uuid": igroup.uuid, "name": igroup.name}, "name": name}, name)


def _absent(call: Call) -> Problem:
    if call.method == "GET":
        return Problem(codes.NOT_FOUND, "The initiator is not a member of the initiator group.", target="name")
    return Problem(codes.INITIATOR_NOT_IN_IGROUP, "An initiator is not a member of the initiator group.")


def _create(call: Call) -> list[dict[str, str]]:
    """One more initiator; it must not get a LUN, or a number, that it has by another igroup."""
    igroup = _igroup(call)
    if "name" not in call.body:
        raise Problem(codes.INITIATORS_MISSING, "Initiators must be supplied.")
    name = canonical(igroup, call.body.text("name"))
    if name in igroup.initiators:
        raise Problem(codes.INITIATOR_IN_IGROUP, f"The initiator {name} is already in the initiator group.")
    require_one_os(call.filer, igroup, [name], codes.INITIATOR_OTHER_OS_ADD)
    _require_no_conflict(call, igroup, name)
    call.filer.state.commit(replace(igroup, initiators=(*igroup.initiators, name)))
    return [{"igroup.uuid": igroup.uuid, "name": name}]


def _require_no_conflict(call: Call, igroup: Igroup, name: str) -> None:
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
    igroup = _igroup(call)
    if call.filer.maps.get(igroup.key) and not call.parameters.says("allow_delete_while_mapped"):
        raise Problem(codes.IGROUP_MAPPED, "The initiator group is mapped to one or more LUNs.")
    left = tuple(each for each in igroup.initiators if each != row.record)
    call.filer.state.commit(replace(igroup, initiators=left))


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
        owner=_igroup,
        several=True,
    ),
)
