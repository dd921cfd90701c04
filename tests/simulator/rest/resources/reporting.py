"""The nodes that report a LUN to an igroup's initiators (selective LUN map)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulator.api.reporting import reporting_nodes
from tests.simulator.model import Igroup, Lun
from tests.simulator.nodes import NODES
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources import common
from tests.simulator.rest.resources.maps import absent

NODE = Schema("lun.uuid igroup.uuid uuid", "name")


def _map(call: Call) -> tuple[Lun, Igroup]:
    """The map that the nodes are of."""
    key = call.filer.state.indexes.by_uuid.get(call.place["lun.uuid"])
    lun = call.filer.luns[key] if key is not None and key[0] in call.svms else None
    for name in lun.maps if lun is not None else ():
        igroup = call.filer.igroups[lun.vserver, name] if lun is not None else None
        if lun is not None and igroup is not None and igroup.uuid == call.place["igroup.uuid"]:
            return lun, igroup
    raise absent(call)


def _nodes(call: Call) -> Iterator[Row]:
    lun, igroup = _map(call)
    for name in reporting_nodes(lun, igroup.name):
        keys = {"lun": {"uuid": lun.uuid}, "igroup": {"uuid": igroup.uuid}}
        yield Row({**keys, **common.node(call.filer, name)}, name)


def _create(call: Call) -> list[dict[str, str]]:
    lun, igroup = _map(call)
    name, uuid = call.body.text("name"), call.body.text("uuid")
    if not name and not uuid:
        raise Problem(codes.MAP_NODE_MISSING, "A cluster node uuid or name must be specified.")
    known = {each: common.node_uuid(call.filer, each) for each in NODES}
    found = [each for each in known if name in {"", each} and uuid in {"", known[each]}]
    if not found:
        raise Problem(codes.MAP_NODE_NOT_FOUND, "The specified cluster node does not exist.")
    _report(call, lun, igroup, {*reporting_nodes(lun, igroup.name), found[0]})
    return [{"uuid": known[found[0]]}]


def _remove(call: Call, row: Row) -> None:
    lun, igroup = _map(call)
    left = set(reporting_nodes(lun, igroup.name)) - {row.record}
    if not left:
        raise Problem(codes.MAP_LAST_NODE, "A LUN map must have at least one reporting node.")
    _report(call, lun, igroup, left)


def _report(call: Call, lun: Lun, igroup: Igroup, nodes: set[str]) -> None:
    others = {name: each for name, each in lun.reporting.items() if name != igroup.name}
    kept = others if nodes == set(NODES) else {**others, igroup.name: sorted(nodes)}
    call.filer.state.commit(replace(lun, reporting=kept))


RESOURCES = (
    Resource(
        "/protocols/san/lun-maps/{lun.uuid}/{igroup.uuid}/reporting-nodes",
        NODE,
        _nodes,
        create=_create,
        remove=_remove,
        postable=frozenset(["name", "uuid"]),
        owner=_map,
        introduced=common.V9_10_1,
    ),
)
