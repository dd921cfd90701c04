"""LUN maps: which igroup sees which LUN under which id, and the rules across igroups.

An initiator can have a LUN once and an id once, whichever of its igroups they come by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.simulator.api.igroup import related
from tests.simulator.api.igroup_listing import describe as describe_igroup
from tests.simulator.api.lun_listing import candidates
from tests.simulator.api.partial import listable
from tests.simulator.api.reporting import reporting_nodes
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    INVALID_INPUT,
    LUN_ALREADY_MAPPED,
    LUN_ID_TAKEN,
    NO_SUCH_MAP,
    Refusal,
)
from tests.simulator.filer import Filer
from tests.simulator.iterator import ITERATOR, Fields, Listing
from tests.simulator.model import Igroup, Lun
from tests.simulator.nodes import node_of

HIGHEST_LUN_ID = 4095
SELECTIVE = 30


@dataclass(frozen=True)
class LunMap:
    """One LUN in one igroup."""

    lun: Lun
    igroup: Igroup

    @property
    def lun_id(self) -> int:
        """The id that the igroup's initiators see."""
        return self.lun.maps[self.igroup.name]


def _free_id(call: Call, igroups: list[Igroup]) -> int:
    free = free_id(call.filer, igroups)
    if free is None:
        raise Refusal(LUN_ID_TAKEN, "No LUN id is free")
    return free


def free_id(filer: Filer, igroups: list[Igroup]) -> int | None:
    """The smallest LUN id that none of these igroups has, if there is one."""
    taken: set[int] = set()
    for igroup in igroups:
        taken.update(filer.maps.get(igroup.key, ()))
    return next((lun_id for lun_id in range(HIGHEST_LUN_ID + 1) if lun_id not in taken), None)


def _wanted_id(call: Call, igroups: list[Igroup]) -> int:
    lun_id = call.number("lun-id")
    if lun_id > HIGHEST_LUN_ID:
        raise Refusal(INVALID_INPUT, f"Invalid value for lun-id: {lun_id}")
    if is_taken(call.filer, igroups, lun_id):
        raise Refusal(LUN_ID_TAKEN, f"LUN id {lun_id} is already in use")
    return lun_id


def is_taken(filer: Filer, igroups: list[Igroup], lun_id: int) -> bool:
    """Whether one of these igroups has a LUN under the id."""
    return any(lun_id in filer.maps.get(igroup.key, ()) for igroup in igroups)


@api("lun-map", "path", "initiator-group", optional=("lun-id", "force", "additional-reporting-node"))
def lun_map(call: Call) -> Tree:
    """Show a LUN to an igroup, under the id asked for or the smallest that is free for all its initiators."""
    lun, igroup = call.lun(), call.igroup("initiator-group")
    call.flag("force")
    if igroup.name in lun.maps:
        raise Refusal(LUN_ALREADY_MAPPED, "LUN already mapped to this group")
    others = related(call.filer, igroup)
    if any(other.name in lun.maps for other in others):
        raise Refusal(call.filer.map_conflict, "LUN already mapped to an initiator of this group")
    choose = _wanted_id if call.container("lun-id") else _free_id
    lun_id = choose(call, [igroup, *others])
    call.filer.state.commit(replace(lun, maps={**lun.maps, igroup.name: lun_id}))
    return {"lun-id-assigned": lun_id}


@api("lun-unmap", "path", "initiator-group")
def lun_unmap(call: Call) -> Tree:
    """Hide a LUN from an igroup."""
    lun, igroup = call.lun(), call.igroup("initiator-group")
    if igroup.name not in lun.maps:
        raise Refusal(NO_SUCH_MAP, "LUN is not mapped to this group")
    call.filer.state.commit(unmapped(lun, igroup.name))
    return {}


def unmapped(lun: Lun, igroup: str) -> Lun:
    """The LUN without its map to this igroup."""
    maps = {name: lun_id for name, lun_id in lun.maps.items() if name != igroup}
    reporting = {name: nodes for name, nodes in lun.reporting.items() if name != igroup}
    return replace(lun, maps=maps, reporting=reporting)


KEY = ("vserver", "path", "initiator-group")
FIELDS: Fields = {
    **dict.fromkeys(["initiator-group", "initiator-group-uuid", "lun-id", "lun-uuid", "node", "path", "vserver"]),
    "reporting-nodes": {"node-name": None},
}


def describe(filer: Filer, lun_map: LunMap) -> Tree:
    """A map, as lun-map-info; both nodes of the HA pair report it (selective LUN map's default, from 8.3 on)."""
    tree: dict[str, str | int | Tree] = {
        "initiator-group": lun_map.igroup.name,
        "initiator-group-uuid": lun_map.igroup.uuid,
        "lun-id": lun_map.lun_id,
        "lun-uuid": lun_map.lun.uuid,
        "node": node_of(filer, filer.volumes[lun_map.lun.vserver, lun_map.lun.volume]),
        "path": lun_map.lun.path,
        "vserver": lun_map.lun.vserver,
    }
    if filer.ontapi >= SELECTIVE:
        tree["reporting-nodes"] = {"node-name": reporting_nodes(lun_map.lun, lun_map.igroup.name)}
    return tree


def _maps_of(call: Call, luns: list[Lun]) -> Iterator[LunMap]:
    for lun in luns:
        for name in lun.maps:
            yield LunMap(lun, call.filer.igroups[lun.vserver, name])


@api("lun-map-get-iter", optional=ITERATOR, tunnelled=False)
def lun_map_get_iter(call: Call) -> Tree:
    """Maps; those of some paths or of one igroup are looked up, not searched."""
    filer = call.filer
    maps: Listing[LunMap] = Listing("lun-map-info", KEY, FIELDS, lambda one: describe(filer, one))
    query = maps.query(call)
    igroup = query.plain("initiator-group")
    vservers = [name for (name,) in filer.vservers if call.scope in {None, name}]
    if query.alternatives("path") is None and igroup is not None:
        groups = [(vserver, igroup) for vserver in vservers]
        found = [filer.luns[key[0], path] for key in groups for path in filer.maps.get(key, {}).values()]
    else:
        found = candidates(filer, query, vservers)
    shown, errors = listable(call, query, found)
    answer = maps.answer(
        call, {(one.lun.vserver, one.lun.path, one.igroup.name): one for one in _maps_of(call, shown)}, query
    )
    return {**answer, **errors}


@api("lun-map-list-info", "path")
def lun_map_list_info(call: Call) -> Tree:
    """The igroups a LUN is mapped to, with its id in each; an unmapped one has an empty list."""
    groups: list[Tree] = [
        {**describe_igroup(one.igroup), "lun-id": one.lun_id} for one in sorted_maps(call, [call.lun()])
    ]
    return {"initiator-groups": {"initiator-group-info": groups} if groups else {}}


@api("lun-initiator-list-map-info", "initiator")
def lun_initiator_list_map_info(call: Call) -> Tree:
    """What an initiator sees, by any of its igroups."""
    initiator = call.text("initiator")
    luns = [lun for lun in call.filer.luns.values() if lun.vserver == call.vserver]
    seen = [one for one in sorted_maps(call, luns) if initiator in one.igroup.initiators]
    infos: list[Tree] = [
        {"initiator-group": one.igroup.name, "lun-id": one.lun_id, "path": one.lun.path} for one in seen
    ]
    return {"lun-maps": {"lun-map-info": infos} if infos else {}}


def sorted_maps(call: Call, luns: list[Lun]) -> list[LunMap]:
    """The maps of these LUNs in a steady order."""
    return sorted(_maps_of(call, luns), key=lambda one: (one.lun.path, one.igroup.name))
