"""Selective LUN map: which nodes report a LUN to an igroup's initiators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import INVALID_INPUT, NO_SUCH_MAP, Refusal
from tests.simulator.model import Lun
from tests.simulator.nodes import NODES

OPTIONS = ("nodes", "all", "local-nodes", "remote-nodes", "destination-aggregate", "destination-volume")


def reporting_nodes(lun: Lun, igroup: str) -> list[str]:
    """The nodes that report a LUN to an igroup: both of the HA pair, unless some were taken out."""
    return list(lun.reporting.get(igroup, NODES))


def _changing(change: Callable[[set[str], set[str]], set[str]]) -> Callable[[Call], Tree]:
    def run(call: Call) -> Tree:
        lun, igroup = call.lun(), call.igroup("igroup")
        if igroup.name not in lun.maps:
            raise Refusal(NO_SUCH_MAP, "LUN is not mapped to this group")
        given = call.container("nodes")
        named = {child.text for child in given.children} if given else set(NODES)
        if named - set(NODES):
            raise Refusal(INVALID_INPUT, f"No such node: {min(named - set(NODES))}")
        left = change(set(reporting_nodes(lun, igroup.name)), named)
        others = {name: nodes for name, nodes in lun.reporting.items() if name != igroup.name}
        kept = others if left == set(NODES) else {**others, igroup.name: sorted(left)}
        call.filer.state.commit(replace(lun, reporting=kept))
        return {}

    return run


api("lun-map-add-reporting-nodes", "path", "igroup", optional=OPTIONS, introduced=30)(_changing(set.union))
api("lun-map-remove-reporting-nodes", "path", "igroup", optional=OPTIONS, introduced=30)(_changing(set.difference))
