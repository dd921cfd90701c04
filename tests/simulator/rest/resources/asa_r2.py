"""An ASA r2's LUNs, which are not made here: only what such a filer refuses is known of them."""

from __future__ import annotations

import re

from tests.simulator.rest.bodies import Body
from tests.simulator.rest.codes import API_NOT_FOUND, LUN_NAME_INVALID, LUN_NOT_ON_PLATFORM, Problem

# The documentation: what cannot be set at a LUN's creation on this platform.
UNSETTABLE = ("location.", "clone.", "space.guarantee.", "space.scsi_thin_provisioning_support_enabled")


def refusal(body: Body) -> Problem:
    """Why a LUN is not made: its properties and its path are not for this platform, or the simulator is."""
    for name in body:
        if name.startswith(UNSETTABLE):
            message = f"The property {name} cannot be set during the LUN create operation on this platform."
            return Problem(LUN_NOT_ON_PLATFORM, message, target=name)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,202}", body.text("name")):
        return Problem(LUN_NAME_INVALID, "The specified LUN name is invalid.", target="name")
    return Problem(API_NOT_FOUND, "This simulator does not make LUNs as an ASA r2 does.")
