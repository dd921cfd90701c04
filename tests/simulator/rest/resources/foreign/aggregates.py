"""Aggregates, which only the cluster's accounts see."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator import space
from tests.simulator.nodes import in_charge
from tests.simulator.rest.call import Call
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import node

AGGREGATE = Schema(
    "uuid",
    "name",
    "node.name node.uuid home_node.name home_node.uuid state create_time:t space.block_storage.size:n"
    " space.block_storage.available:n space.block_storage.used:n block_storage:* cloud_storage:* data_encryption:*"
    " snaplock_type inactive_data_reporting:* space.efficiency:* space.snapshot:* volume-count:n",
    "is_spare_low:b metric:* statistics:* space.footprint:n",
)


def _aggregates(call: Call) -> Iterator[Row]:
    for found in call.filer.state.aggregates.values() if call.filer.kind.has_pools else ():
        available = space.aggregate_available(call.filer, found)
        storage = {"size": found.size, "available": available, "used": found.size - available}
        yield Row(
            {
                "name": found.name,
                "uuid": found.uuid,
                "node": node(call.filer, in_charge(call.filer, found.node)),
                "home_node": node(call.filer, found.node),
                "state": "online",
                "space": {"block_storage": storage},
                "volume-count": sum(each.aggregate == found.name for each in call.filer.volumes.values()),
            },
            found,
        )


RESOURCES = (Resource("/storage/aggregates", AGGREGATE, _aggregates, cluster_only=True),)
