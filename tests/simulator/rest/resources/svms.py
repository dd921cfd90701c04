"""The SVMs."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator.api.vserver import PROTOCOLS
from tests.simulator.metrocluster import plain
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import SVM_NOT_FOUND, Problem
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row

SVM = Schema(
    "uuid",
    "name",
    "aggregates[].name aggregates[].uuid comment ip_interfaces:* fc_interfaces:* ipspace.name ipspace.uuid"
    " iscsi.allowed:b iscsi.enabled:b fcp.allowed:b fcp.enabled:b nfs.allowed:b nfs.enabled:b cifs.allowed:b"
    " cifs.enabled:b nvme.allowed:b nvme.enabled:b s3.enabled:b language nsswitch:* dns:* ldap:* nis:* routes:*"
    " snapshot_policy.name snapshot_policy.uuid state subtype max_volumes certificate:* aggregates_delegated:b"
    " qos_policy:* is_space_reporting_logical:b is_space_enforcement_logical:b",
    "snapmirror:* anti_ransomware_default_volume_state",
)


def _svms(call: Call) -> Iterator[Row]:
    aggregates = [{"name": each.name, "uuid": each.uuid} for each in call.filer.state.aggregates.values()]
    for name in call.narrowed():
        found = call.svms[name]
        services = {each: {"allowed": True, "enabled": each not in found.stopped} for each in PROTOCOLS}
        others = {each: {"allowed": False, "enabled": False} for each in ("nfs", "cifs", "nvme")}
        document = {
            "name": name,
            "uuid": found.uuid,
            "aggregates": aggregates,
            "ipspace": {"name": "Default"},
            "language": "c.utf_8",
            "state": "running",
            "subtype": "default" if plain(name) == name else "sync_destination",
            **services,
            **others,
        }
        yield Row(document, found)


def _absent(_: Call) -> Problem:
    return Problem(SVM_NOT_FOUND, "The specified SVM does not exist.", target="uuid")


RESOURCES = (Resource("/svm/svms", SVM, _svms, absent=_absent),)
