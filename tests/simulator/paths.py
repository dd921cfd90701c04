"""LUN paths: /vol/VOLUME/LUN or /vol/VOLUME/QTREE/LUN, and whether a new LUN may be there."""

from __future__ import annotations

import re

from tests.simulator.call import Call
from tests.simulator.errnos import INVALID_INPUT, LUN_EXISTS, NO_SUCH_DIRECTORY, NO_SUCH_VOLUME, Refusal
from tests.simulator.model import Volume

# Letters, digits and - . _ { } make a LUN's name (Trident's REST error table); 255 at most is a guess.
SHAPE = re.compile(r"/vol/(?P<volume>[^/]+)/(?:(?P<qtree>[^/]+)/)?(?P<name>[A-Za-z0-9._{}-]{1,255})")


def place_for(call: Call, path: str) -> Volume:
    """The volume that a new LUN at ``path`` would be in; refused unless its parent exists and the place is
    free.
    """
    shape = SHAPE.fullmatch(path)
    if shape is None or shape["name"] in {".", ".."}:
        raise Refusal(INVALID_INPUT, f"Invalid LUN path: {path}")
    volume = call.filer.volumes.get((call.vserver, shape["volume"]))
    if volume is None:
        raise Refusal(NO_SUCH_VOLUME, f"No such volume: {shape['volume']}")
    if shape["qtree"] and (call.vserver, volume.name, shape["qtree"]) not in call.filer.state.qtrees:
        raise Refusal(NO_SUCH_DIRECTORY, f"No such directory: {shape['qtree']}")
    if (call.vserver, path) in call.filer.luns:
        raise Refusal(LUN_EXISTS, f"LUN already exists: {path}")
    return volume
