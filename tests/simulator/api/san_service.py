"""The iSCSI and FC services of a vserver, switched off and on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import OBJECT_NOT_FOUND, Refusal
from tests.simulator.model import Vserver


def require_service(call: Call, service: str) -> Vserver:
    """The call's vserver, which must have the service. The errno is not known [?]."""
    vserver = call.filer.vservers[call.vserver,]
    if service in vserver.without:
        raise Refusal(OBJECT_NOT_FOUND, "entry doesn't exist")
    return vserver


def _switching(service: str, *, on: bool) -> Callable[[Call], Tree]:
    def switch(call: Call) -> Tree:
        """Once more is no harm [?]."""
        vserver = require_service(call, service)
        others = tuple(each for each in vserver.stopped if each != service)
        call.filer.state.commit(replace(vserver, stopped=others if on else (*others, service)))
        return {}

    return switch


def _status(service: str) -> Callable[[Call], Tree]:
    def status(call: Call) -> Tree:
        return {"is-available": service not in require_service(call, service).stopped}

    return status


for each in ("iscsi", "fcp"):
    api(f"{each}-service-start")(_switching(each, on=True))
    api(f"{each}-service-stop")(_switching(each, on=False))
    api(f"{each}-service-status")(_status(each))
