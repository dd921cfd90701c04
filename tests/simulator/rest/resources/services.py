"""The iSCSI and FC services of the SVMs: their targets, and whether they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulator.identity import iscsi_name, wwpn
from tests.simulator.model import Vserver
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import ISCSI_NO_SERVICE, Problem
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import svm

ISCSI = Schema(
    "svm.uuid", "svm.name", "enabled:b target.name target.alias", "metric:* statistics:*", since={"metric": 170}
)
FCP = Schema("svm.uuid", "svm.name", "enabled:b target.name", "metric:* statistics:*", since={"metric": 170})


def _iscsi_target(found: Vserver) -> Document:
    return {"name": iscsi_name(found.uuid, found.number), "alias": found.name}


def _fc_target(found: Vserver) -> Document:
    return {"name": wwpn(found.number, 0)}


def _rows(protocol: str, target: Callable[[Vserver], Document]) -> Callable[[Call], Iterator[Row]]:
    def rows(call: Call) -> Iterator[Row]:
        for name in call.narrowed():
            found = call.svms[name]
            enabled = protocol not in found.stopped
            yield Row({"svm": svm(call.filer, name), "enabled": enabled, "target": target(found)}, found)

    return rows


def _changing(protocol: str) -> Callable[[Call, Row], None]:
    def change(call: Call, row: Row) -> None:
        found: Vserver = row.record
        others = tuple(each for each in found.stopped if each != protocol)
        enabled = call.body.flag("enabled", protocol not in found.stopped)
        call.filer.state.commit(replace(found, stopped=others if enabled else (*others, protocol)))

    return change


def _absent(_: Call) -> Problem:
    return Problem(ISCSI_NO_SERVICE, "The SVM does not have such a service.")


RESOURCES = tuple(
    Resource(
        f"/protocols/san/{protocol}/services",
        schema,
        _rows(protocol, target),
        change=_changing(protocol),
        patchable=frozenset(["enabled"]),
        absent=_absent,
    )
    for protocol, schema, target in (("iscsi", ISCSI, _iscsi_target), ("fcp", FCP, _fc_target))
)
