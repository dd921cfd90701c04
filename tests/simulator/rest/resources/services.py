"""The iSCSI and FC services of the SVMs: whether there are any, whether they run, and their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulator.identity import iscsi_name, wwpn
from tests.simulator.model import Vserver
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import NO_SERVICE, SERVICE_ENABLED, SERVICE_EXISTS, SERVICE_NOT_LICENSED, Problem
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
            if protocol in found.without:
                continue
            enabled = protocol not in found.stopped
            yield Row({"svm": svm(call.filer, name), "enabled": enabled, "target": target(found)}, found)

    return rows


def _creating(protocol: str) -> Callable[[Call], list[dict[str, str]]]:
    def create(call: Call) -> list[dict[str, str]]:
        """It is enabled unless the body says otherwise (netapp-ontap)."""
        found = call.svm()
        if protocol not in call.filer.licences:
            raise Problem(SERVICE_NOT_LICENSED, "The cluster lacks a valid licence.")
        if protocol not in found.without:
            raise Problem(SERVICE_EXISTS, "The SVM has such a service already.")
        without = tuple(each for each in found.without if each != protocol)
        _commit(call, replace(found, without=without), protocol, enabled=call.body.flag("enabled", True))
        return [{"svm.uuid": found.uuid}]

    return create


def _changing(protocol: str) -> Callable[[Call, Row], None]:
    def change(call: Call, row: Row) -> None:
        found: Vserver = row.record
        _commit(call, found, protocol, enabled=call.body.flag("enabled", protocol not in found.stopped))

    return change


def _removing(protocol: str) -> Callable[[Call, Row], None]:
    def remove(call: Call, row: Row) -> None:
        """It has to be disabled before (netapp-ontap); so what asks whether it runs need not ask for more."""
        found: Vserver = row.record
        if protocol not in found.stopped:
            raise Problem(SERVICE_ENABLED, "The service is enabled.")
        call.filer.state.commit(replace(found, without=(*found.without, protocol)))

    return remove


def _commit(call: Call, found: Vserver, protocol: str, *, enabled: bool) -> None:
    others = tuple(each for each in found.stopped if each != protocol)
    call.filer.state.commit(replace(found, stopped=others if enabled else (*others, protocol)))


def _absent(_: Call) -> Problem:
    return Problem(NO_SERVICE, "The SVM does not have such a service.")


RESOURCES = tuple(
    Resource(
        f"/protocols/san/{protocol}/services",
        schema,
        _rows(protocol, target),
        create=_creating(protocol),
        change=_changing(protocol),
        remove=_removing(protocol),
        postable=frozenset(["svm.name", "svm.uuid", "enabled"]),
        patchable=frozenset(["enabled"]),
        absent=_absent,
    )
    for protocol, schema, target in (("iscsi", ISCSI, _iscsi_target), ("fcp", FCP, _fc_target))
)
