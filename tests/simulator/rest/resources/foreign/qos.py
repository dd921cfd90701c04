"""QoS policies: only to look at, and for LUNs to bear."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator.rest.call import Call
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import svm

POLICY = Schema(
    "uuid",
    "name",
    "svm.name svm.uuid policy_class scope object_count:n pgid:n fixed.capacity_shared:b fixed.max_throughput"
    " fixed.min_throughput adaptive.absolute_min_iops adaptive.block_size adaptive.expected_iops"
    " adaptive.expected_iops_allocation adaptive.peak_iops adaptive.peak_iops_allocation",
)


def _policies(call: Call) -> Iterator[Row]:
    svms = call.narrowed()
    for group in call.filer.state.policy_groups.values():
        if group.vserver not in svms:
            continue
        limits: Document = {name.replace("-", "_"): value for name, value in group.limits.items()}
        kind = {"adaptive": limits} if group.adaptive else {"fixed": limits}
        owner = svm(call.filer, group.vserver)
        yield Row({"uuid": group.uuid, "name": group.name, "svm": owner, "scope": "svm", "pgid": 1, **kind}, group)


RESOURCES = (Resource("/storage/qos/policies", POLICY, _policies),)
