"""Which igroup may be nested in which."""

from __future__ import annotations

from tests.simulator import nesting
from tests.simulator.api.igroup import related
from tests.simulator.filer import Filer
from tests.simulator.model import Igroup
from tests.simulator.rest import codes
from tests.simulator.rest.codes import Problem


def child(filer: Filer, parent: Igroup, name: str, uuid: str) -> Igroup:
    """The group that is meant, in the parent's SVM."""
    for found in filer.igroups.values():
        if (
            found.vserver == parent.vserver
            and (name or uuid)
            and name in {"", found.name}
            and uuid in {"", found.uuid}
        ):
            return found
    raise Problem(codes.MAP_IGROUP_NOT_FOUND, "The supplied child initiator group does not exist.")


def joined(filer: Filer, parent: Igroup, new: Igroup) -> list[Igroup]:
    """The parent with one more group in it, and those above it; a Problem if the group may not be there."""
    groups = filer.igroups
    higher = [parent, *nesting.above(groups, parent)]
    if parent.initiators and not parent.children:
        raise Problem(codes.NESTED_AND_INITIATORS, "The initiator group has initiators of its own.")
    if new.uuid in {each.uuid for each in higher}:
        raise Problem(codes.NESTED_IN_ITSELF, "An initiator group cannot be added as a child to itself.")
    if new.uuid in parent.children or new in nesting.below(groups, parent):
        raise Problem(codes.NESTED_HERE, "The child initiator group is in this hierarchy already.")
    if nesting.parents(groups, new):
        raise Problem(codes.NESTED_ELSEWHERE, "The child initiator group is in another hierarchy.")
    if new.ostype != parent.ostype:
        raise Problem(codes.NESTED_OTHER_OS, "The child initiator group has another operating system type.")
    if new.protocol != parent.protocol:
        raise Problem(codes.NESTED_OTHER_PROTOCOL, "The child initiator group has another protocol.")
    if len(higher) + nesting.depth(groups, new) > nesting.DEEPEST:
        raise Problem(codes.NESTED_TOO_DEEP, "The hierarchy would exceed the maximum allowable depth.")
    _require_free(filer, higher, new)
    return nesting.with_children(groups, parent, [*nesting.children(groups, parent), new])


def _require_free(filer: Filer, higher: list[Igroup], new: Igroup) -> None:
    """No initiator is in the hierarchy already, or would see a LUN, or a number, twice."""
    if any(set(each.initiators) & set(new.initiators) for each in higher):
        raise Problem(codes.NESTED_INITIATOR_TWICE, "An initiator is in the hierarchy already.")
    theirs = [filer.maps.get(each.key, {}) for each in (new, *related(filer, new))]
    for own in (filer.maps.get(each.key, {}) for each in higher):
        if any(set(own.values()) & set(maps.values()) for maps in theirs):
            raise Problem(codes.INITIATOR_LUN_TWICE, "An initiator would have a LUN twice.")
        if any(own.keys() & maps.keys() for maps in theirs):
            raise Problem(codes.INITIATOR_ID_TWICE, "An initiator would have a number twice.")
