"""Igroups in igroups. A group has initiators of its own, or other groups and through them their initiators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tests.simulator.model import Igroup, Key

Groups = Mapping[Key, Igroup]
DEEPEST = 3  # levels of groups; how many a filer takes is not documented


def children(groups: Groups, igroup: Igroup) -> list[Igroup]:
    """Those that are nested directly in it."""
    return [each for each in groups.values() if each.uuid in igroup.children]


def parents(groups: Groups, igroup: Igroup) -> list[Igroup]:
    """Those that it is nested in directly: one or none."""
    return [each for each in groups.values() if igroup.uuid in each.children]


def above(groups: Groups, igroup: Igroup) -> list[Igroup]:
    """Its parent, the parent of that, and so on."""
    return [group for parent in parents(groups, igroup) for group in (parent, *above(groups, parent))]


def below(groups: Groups, igroup: Igroup) -> list[Igroup]:
    """Its children, their children, and so on."""
    return [group for child in children(groups, igroup) for group in (child, *below(groups, child))]


def depth(groups: Groups, igroup: Igroup) -> int:
    """How many levels there are from it down."""
    return 1 + max((depth(groups, child) for child in children(groups, igroup)), default=0)


def with_initiators(groups: Groups, igroup: Igroup, initiators: Iterable[str]) -> list[Igroup]:
    """The group with these initiators of its own, and those above it, which have them through it."""
    return _with_parents(groups, replace(igroup, initiators=tuple(initiators)))


def with_children(groups: Groups, igroup: Igroup, nested: Iterable[Igroup]) -> list[Igroup]:
    """The group with these groups in it, and those above it, with the initiators that they have now."""
    inside = list(nested)
    names = tuple(name for child in inside for name in child.initiators)
    return _with_parents(groups, replace(igroup, children=tuple(child.uuid for child in inside), initiators=names))


def _with_parents(groups: Groups, igroup: Igroup) -> list[Igroup]:
    changed = [igroup]
    for parent in parents(groups, igroup):
        inside = [igroup if each.uuid == igroup.uuid else each for each in children(groups, parent)]
        changed += with_children(groups, parent, inside)
    return changed
