"""LUNs as the files that they are: their use of space, and their policy group."""

from __future__ import annotations

from dataclasses import replace

from tests.simulator import space
from tests.simulator.api.qos import require as policy_group
from tests.simulator.call import Call, api, require_writable
from tests.simulator.documents import Tree
from tests.simulator.errnos import INVALID_INPUT, Refusal


@api("file-usage-get", "path")
def file_usage_get(call: Call) -> Tree:
    """What a LUN takes of its volume."""
    used = space.lun_used(call.filer, call.lun())
    return {"is-cloning-done": True, "unique-bytes": used}


QOS = ("qos-policy-group-name", "qos-adaptive-policy-group-name", "vserver")


@api("file-assign-qos", "volume", "file", optional=QOS, tunnelled=False)
def file_assign_qos(call: Call) -> Tree:
    """Another policy group for the LUN at a path below a volume."""
    path = f"/vol/{call.text('volume')}/{call.text('file').lstrip('/')}"
    lun = call.filer.luns.get((call.named_vserver(), path))
    if lun is None:
        raise Refusal(INVALID_INPUT, f"No such file: {path}")
    require_writable(call.filer.volumes[lun.vserver, lun.volume])
    plain, adaptive = (policy_group(call, f"qos-{family}policy-group-name") for family in ("", "adaptive-"))
    call.filer.state.commit(replace(lun, qos_policy_group=plain, qos_adaptive_policy_group=adaptive))
    return {}
