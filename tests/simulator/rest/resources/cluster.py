"""The cluster, its nodes, its licences."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator.api.system import BUILT, release
from tests.simulator.identity import object_uuid
from tests.simulator.nodes import NODES
from tests.simulator.rest.call import Call
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import V9_16_1, node, node_uuid, told

CLUSTER = Schema(
    "",
    "",
    "name uuid contact location version.full version.generation:n version.major:n version.minor:n dns_domains[]"
    " name_servers[] timezone.name management_interfaces[].name management_interfaces[].uuid"
    " management_interfaces[].ip.address certificate.uuid san_optimized:b disaggregated:b"
    " peering_policy:* auto_enable_analytics:b auto_enable_activity_tracking:b",
    "metric:* statistics:* nodes:*",
    since={"san_optimized": V9_16_1, "disaggregated": V9_16_1, "auto_enable_analytics": 230},
)


def _cluster(call: Call) -> Iterator[Row]:
    name = release(call.ontapi)
    generation, major, minor = (*map(int, name.split(".")), 0)[:3]
    version = {
        "full": f"NetApp Release {name}: {BUILT}",
        "generation": generation,
        "major": major,
        "minor": minor,
    }
    cluster, kind = call.filer.cluster, call.filer.kind
    kinds = {"san_optimized": kind.san_optimized, "disaggregated": kind.disaggregated}
    yield Row(
        {"name": cluster.name, "uuid": cluster.uuid, "version": version, "timezone": {"name": "Etc/UTC"}, **kinds}
    )


NODE = Schema(
    "uuid",
    "name",
    "date:t location membership model owner serial_number state storage_configuration system_id uptime:n"
    " vendor_serial_number version.full version.generation:n version.major:n version.minor:n ha.enabled:b"
    " ha.partners[].name ha.partners[].uuid controller:* service_processor:* cluster_interfaces:*"
    " management_interfaces:* nvram:* metrocluster:* is_spares_low:b",
    "metric:* statistics:*",
)


def _nodes(call: Call) -> Iterator[Row]:
    version = next(_cluster(call)).document["version"]
    for number, name in enumerate(NODES, start=1):
        partners = [node(call.filer, other) for other in NODES if other != name]
        yield Row(
            told(
                name=name,
                uuid=node_uuid(call.filer, name),
                model=call.filer.kind.model,
                membership="member",
                state="taken_over" if name == call.filer.serving.taken_over else "up",
                serial_number=f"70000000000{number}",
                system_id=f"053700000{number}",
                uptime=1_000_000,
                version=version,
                ha={"enabled": True, "partners": partners},
            )
        )


LICENCES = Schema(
    "name", "", "scope state description licenses[].owner licenses[].serial_number licenses[].active:b"
)


def _licences(call: Call) -> Iterator[Row]:
    for name in sorted(call.filer.licences):
        owner = {"owner": NODES[0], "serial_number": object_uuid(call.filer.cluster.uuid, -300), "active": True}
        yield Row({"name": name, "scope": "node", "state": "compliant", "licenses": [owner]})


RESOURCES = (
    Resource("/cluster", CLUSTER, _cluster, single=True),
    Resource("/cluster/nodes", NODE, _nodes, cluster_only=True),
    Resource("/cluster/licensing/licenses", LICENCES, _licences, cluster_only=True),
)
