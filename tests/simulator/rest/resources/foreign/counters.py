"""Performance counters as tables, which the cluster's accounts read: they stand still."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.simulator.api.foreign.performance import COUNTERS
from tests.simulator.nodes import NODES
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import NOT_FOUND, Problem
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import V9_11_1

TABLE = Schema(
    "name",
    "",
    "description counter_schemas[].name counter_schemas[].description counter_schemas[].type"
    " counter_schemas[].unit"
    " counter_schemas[].denominator.name",
)
ROW = Schema(
    "counter_table.name id",
    "",
    "properties[].name properties[].value counters[].name counters[].value:n counters[].values[]:n"
    " counters[].labels[]"
    " aggregation.count:n aggregation.complete:b",
)


def _schema(name: str, base: str) -> Document:
    plain = {"name": name, "description": name, "type": "rate", "unit": "none"}
    return {**plain, "denominator": {"name": base}} if base else plain


def _tables(_: Call) -> Iterator[Row]:
    for name, counters in COUNTERS.items():
        schemas = [_schema(counter, base) for counter, (base, _) in counters.items()]
        yield Row({"name": name, "description": f"Counters of {name}", "counter_schemas": schemas})


def _rows(call: Call) -> Iterator[Row]:
    table = _require_table(call)
    now = int(time.time())
    for node in NODES:
        counters = [_counter(name, labels, now) for name, (_, labels) in COUNTERS[table].items()]
        properties = [{"name": "node.name", "value": node}]
        document = {"counter_table": {"name": table}, "id": node, "properties": properties, "counters": counters}
        yield Row({**document, "aggregation": {"count": 1, "complete": True}})


def _counter(name: str, labels: str, now: int) -> Document:
    if labels:
        return {"name": name, "labels": labels.split(","), "values": [1 for _ in labels.split(",")]}
    return {"name": name, "value": now}


def _require_table(call: Call) -> str:
    name = call.place["counter_table.name"]
    if name not in COUNTERS:
        raise Problem(NOT_FOUND, "entry doesn't exist", target="counter_table.name")
    return name


RESOURCES = (
    Resource("/cluster/counter/tables", TABLE, _tables, cluster_only=True, introduced=V9_11_1),
    Resource(
        "/cluster/counter/tables/{counter_table.name}/rows",
        ROW,
        _rows,
        owner=_require_table,
        cluster_only=True,
        introduced=V9_11_1,
    ),
)
