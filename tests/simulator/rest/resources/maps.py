"""LUN maps: which igroup sees which LUN under which number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tests.simulator.api.igroup import related
from tests.simulator.api.lun_listing import at
from tests.simulator.api.maps import HIGHEST_LUN_ID, free_id, is_taken, unmapped
from tests.simulator.api.reporting import reporting_nodes
from tests.simulator.model import Igroup, Lun
from tests.simulator.nodes import NODES, node_of
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem, invalid
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources import common

MAP = Schema(
    "lun.uuid igroup.uuid",
    "lun.name igroup.name svm.name svm.uuid",
    "lun.node.name lun.node.uuid igroup.protocol igroup.os_type igroup.initiators[] logical_unit_number:n"
    " reporting_nodes[].name reporting_nodes[].uuid",
    since={"reporting_nodes": common.V9_10_1},
)
POSTABLE = frozenset(
    ["svm.name", "svm.uuid", "lun.name", "lun.uuid", "igroup.name", "igroup.uuid", "logical_unit_number"]
)


def _describe(call: Call, lun: Lun, igroup: Igroup) -> Document:
    filer = call.filer
    owner = node_of(filer, filer.volumes[lun.vserver, lun.volume])
    group = {"protocol": igroup.protocol, "os_type": igroup.ostype, "initiators": list(igroup.initiators) or None}
    return {
        "svm": common.svm(filer, lun.vserver),
        "lun": {**common.lun(lun), "node": common.node(filer, owner)},
        "igroup": {**common.igroup(igroup), **{name: value for name, value in group.items() if value}},
        "logical_unit_number": lun.maps[igroup.name],
        "reporting_nodes": [common.node(filer, name) for name in reporting_nodes(lun, igroup.name)],
    }


def _maps(call: Call) -> Iterator[Row]:
    groups = call.igroups
    for lun in _luns(call):
        if call.scope not in {None, lun.vserver}:
            continue
        for name in lun.maps:
            igroup = groups.get((lun.vserver, name)) or call.filer.igroups.get((lun.vserver, name))
            if igroup is not None:
                yield Row(_describe(call, lun, igroup), (lun, igroup))


def _luns(call: Call) -> Iterable[Lun]:
    """The LUNs of which maps are asked for, looked up where the call tells a LUN or an igroup."""
    filer = call.filer
    if not call.sight.is_clear:
        return call.luns.values()
    uuids, paths, svms = call.exact("lun.uuid"), call.forms("lun.name"), call.narrowed()
    if uuids is not None:
        known = filer.state.indexes.by_uuid
        return [filer.luns[known[uuid]] for uuid in uuids if uuid in known]
    if paths is not None:
        found = [at(filer, svm, path) for svm in svms for path in paths]
        if None not in found:
            return list({lun.uuid: lun for luns in found for lun in luns or ()}.values())
    names, group_uuids = call.exact("igroup.name"), call.exact("igroup.uuid")
    if names is not None or group_uuids is not None:
        groups = [
            group.key
            for group in filer.igroups.values()
            if (names is None or group.name in names) and (group_uuids is None or group.uuid in group_uuids)
        ]
        mapped = {(key[0], path) for key in groups for path in filer.maps.get(key, {}).values()}
        return [filer.luns[key] for key in mapped]
    return filer.luns.values()


def _create(call: Call) -> list[dict[str, str]]:
    svm = call.svm().name
    lun, igroup = _lun(call, svm), _igroup(call, svm)
    _require_node(call)
    if igroup.name in lun.maps:
        raise Problem(codes.MAP_EXISTS, "LUN already mapped to this group")
    number = _number(call, lun, [igroup, *related(call.filer, igroup)])
    call.filer.state.commit(replace(lun, maps={**lun.maps, igroup.name: number}))
    return [{"lun.uuid": lun.uuid, "igroup.uuid": igroup.uuid}]


def _lun(call: Call, svm: str) -> Lun:
    """The LUN by uuid; by name only if collections show it."""
    name, uuid = call.body.text("lun.name"), call.body.text("lun.uuid")
    if not name and not uuid:
        raise Problem(codes.MAP_WITHOUT_LUN, "Either lun.uuid or lun.name must be provided to create a LUN map.")
    key = call.filer.state.indexes.by_uuid.get(uuid) if uuid else (svm, name)
    table = call.filer.luns if uuid else call.luns
    found = call.filer.luns.get(key) if key in table and key is not None else None
    if found is None or found.vserver != svm or name not in {"", found.path}:
        raise Problem(codes.MAP_LUN_NOT_FOUND, f"The LUN {name or uuid} does not exist.", target="lun")
    if call.filer.volumes[svm, found.volume].state != "online":
        raise Problem(codes.LUN_VOLUME_OFFLINE, "The LUN's volume is offline.")
    return found


def _igroup(call: Call, svm: str) -> Igroup:
    name, uuid = call.body.text("igroup.name"), call.body.text("igroup.uuid")
    if not name and not uuid:
        raise Problem(codes.MAP_WITHOUT_IGROUP, "Either igroup.uuid or igroup.name must be provided.")
    table = call.filer.igroups if uuid else call.igroups
    for found in table.values():
        is_meant = name in {"", found.name} and uuid in {"", found.uuid}
        if found.vserver == svm and is_meant and found.key in call.filer.igroups:
            return call.filer.igroups[found.key]
    raise Problem(
        codes.MAP_IGROUP_NOT_FOUND, f"The initiator group {name or uuid} does not exist.", target="igroup"
    )


def _number(call: Call, lun: Lun, groups: list[Igroup]) -> int:
    """The number that is asked for, or the lowest that is free for all initiators of the group.

    No code is documented for a number in use, nor for a LUN that an initiator has by another group. They get the
    codes that the same conflicts have when an initiator is added.
    """
    if any(other.name in lun.maps for other in groups):
        raise Problem(
            codes.INITIATOR_LUN_TWICE, "An initiator of the group is mapped to the LUN by another group."
        )
    wanted = call.body.number("logical_unit_number")
    if wanted is None:
        wanted = free_id(call.filer, groups)
        if wanted is None:
            raise Problem(codes.INITIATOR_ID_TWICE, "No logical unit number is free.")
    if not 0 <= wanted <= HIGHEST_LUN_ID:
        raise invalid("logical_unit_number", wanted, f"0..{HIGHEST_LUN_ID}")
    if is_taken(call.filer, groups, wanted):
        raise Problem(codes.INITIATOR_ID_TWICE, f"The logical unit number {wanted} is in use.")
    return wanted


def _require_node(call: Call) -> None:
    """An additional node must be there. Both nodes of the HA pair report the LUN anyway."""
    name = call.parameters.extra.get("additional_reporting_node.name", NODES[0])
    if name not in NODES:
        raise Problem(codes.MAP_NODE_NOT_FOUND, f"The cluster node {name} does not exist.")


def _remove(call: Call, row: Row) -> None:
    lun, igroup = row.record
    call.filer.state.commit(unmapped(call.filer.luns[lun.key], igroup.name))


def absent(call: Call) -> Problem:
    """What of a map's path is not there: the LUN, the igroup, or the map."""
    svms, filer = call.svms, call.filer
    key = filer.state.indexes.by_uuid.get(call.place["lun.uuid"])
    if key is None or key[0] not in svms:
        return Problem(codes.LUN_NOT_FOUND, "The specified LUN does not exist.", target="lun.uuid")
    if not any(
        each.uuid == call.place["igroup.uuid"] and each.vserver == key[0] for each in filer.igroups.values()
    ):
        code = codes.IGROUP_NOT_FOUND if call.method == "GET" else codes.MAP_IGROUP_NOT_FOUND
        return Problem(code, "The specified initiator group does not exist.", target="igroup.uuid")
    return Problem(codes.MAP_NOT_FOUND, "The specified LUN map does not exist.")


RESOURCES = (
    Resource(
        "/protocols/san/lun-maps",
        MAP,
        _maps,
        create=_create,
        remove=_remove,
        postable=POSTABLE,
        extra={"POST": frozenset(["additional_reporting_node.name"])},
        absent=absent,
    ),
)
