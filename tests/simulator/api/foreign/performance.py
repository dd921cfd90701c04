"""Performance counters, as far as Cinder asks for them: they stand still."""

from __future__ import annotations

import time

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import INVALID_INPUT, Refusal
from tests.simulator.iterator import trees
from tests.simulator.nodes import NODES

# Object -> counter -> (its base counter, its labels).
COUNTERS: dict[str, dict[str, tuple[str, str]]] = {
    "system": {
        "avg_processor_busy": ("cpu_elapsed_time1", ""),
        "cpu_elapsed_time1": ("", ""),
        "instance_name": ("", ""),
    },
    "system:constituent": {
        "avg_processor_busy": ("cpu_elapsed_time1", ""),
        "cpu_elapsed_time1": ("", ""),
        "instance_name": ("", ""),
    },
    "processor": {
        "domain_busy": ("processor_elapsed_time", "idle,kahuna,storage,exempt"),
        "processor_elapsed_time": ("", ""),
    },
    "wafl": {
        "cp_phase_times": ("total_cp_msecs", "SETUP,PRE_P0,P0_SNAP_DEL,P1_CLEAN,P2V_SNAP,P2_FLUSH"),
        "total_cp_msecs": ("", ""),
    },
}


def _object(call: Call) -> str:
    name = call.text("objectname")
    if name not in COUNTERS:
        raise Refusal(INVALID_INPUT, f"Object {name!r} does not exist")
    return name


@api("perf-object-counter-list-info", "objectname", tunnelled=False)
def perf_object_counter_list_info(call: Call) -> Tree:
    """The counters of an object."""
    counters: list[Tree] = []
    for name, (base, labels) in COUNTERS[_object(call)].items():
        counter = {"name": name, "privilege-level": "basic", "properties": "percent", "unit": "percent"}
        if base:
            counter["base-counter"] = base
        labelled: Tree = {**counter, "labels": {"label-info": [labels]}} if labels else counter
        counters.append(labelled)
    return {"counters": {"counter-info": counters}}


INSTANCES = trees("instance-info", ("name",))


@api(
    "perf-object-instance-list-info-iter",
    "objectname",
    optional=("query", "desired-attributes", "max-records", "tag", "filter-data"),
    tunnelled=False,
)
def perf_object_instance_list_info_iter(call: Call) -> Tree:
    """One instance of each object on each node."""
    name = _object(call)
    uuids = [(f"{node}:kernel:{name}", node) for node in NODES]
    return INSTANCES.answer(call, {(uuid,): {"name": node, "uuid": uuid} for uuid, node in uuids})


@api(
    "perf-object-get-instances",
    "objectname",
    optional=("counters", "instance-uuids", "instances"),
    tunnelled=False,
)
def perf_object_get_instances(call: Call) -> Tree:
    """The counters of some instances."""
    name = _object(call)
    asked = call.container("counters")
    wanted = [child.text for child in asked.children] if asked else list(COUNTERS[name])
    named = call.container("instance-uuids") or call.container("instances")
    instances = [child.text for child in named.children] if named else [f"{node}:kernel:{name}" for node in NODES]
    now = int(time.time())
    data: list[Tree] = [
        {
            "name": instance,
            "uuid": instance,
            "counters": {
                "counter-data": [
                    {"name": counter, "value": _value(instance, name, counter, now)}
                    for counter in wanted
                    if counter in COUNTERS[name]
                ]
            },
        }
        for instance in instances
    ]
    return {"timestamp": now, "instances": {"instance-data": data}}


def _value(instance: str, name: str, counter: str, now: int) -> str:
    if counter == "instance_name":
        return instance.partition(":")[0]
    labels = COUNTERS[name][counter][1]
    return ",".join("1" for _ in labels.split(",")) if labels else str(now)
