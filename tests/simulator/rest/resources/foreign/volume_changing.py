"""PATCH of a volume: what programs that run a filer change of it, and tests do."""

from __future__ import annotations

from dataclasses import replace

from tests.simulator import errnos
from tests.simulator.api.volume_life import resized
from tests.simulator.model import Volume
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.resource import Row
from tests.simulator.rest.resources.common import refusals
from tests.simulator.rest.resources.lun_making import choice

PATCHABLE = frozenset(["comment", "size", "state"])
STATES = frozenset(["offline", "online", "restricted"])
# No public table has the codes of volumes.
SIZES = {errnos.INVALID_INPUT: codes.INVALID_VALUE, errnos.NO_SPACE_FOR_GUARANTEE: codes.INVALID_VALUE}


def change(call: Call, row: Row) -> None:
    """All that the body says, or nothing of it."""
    changed: Volume = row.record
    body = call.body
    if "size" in body:
        with refusals(SIZES):
            changed = resized(call.filer, changed, body.number("size") or 0)
    if "comment" in body:
        changed = replace(changed, comment=body.text("comment"))
    if "state" in body:
        state = choice(body, "state", STATES)
        changed = replace(changed, state=state, junction=changed.junction if state == "online" else "")
    call.filer.state.commit(changed)
