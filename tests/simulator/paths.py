"""LUN paths: /vol/VOLUME/LUN or /vol/VOLUME/QTREE/LUN, and whether a new LUN may be there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.simulator.call import Call, require_writable
from tests.simulator.errnos import (
    INVALID_INPUT,
    LUN_EXISTS,
    NO_SUCH_DIRECTORY,
    NO_SUCH_VOLUME,
    TOO_MANY_LUNS,
    VOLUME_OFFLINE,
    Refusal,
)
from tests.simulator.model import Volume

if TYPE_CHECKING:
    from tests.simulator.filer import Filer

# Letters, digits and - . _ { } make a LUN's name (Trident's REST error table); 255 at most is a guess.
SHAPE = re.compile(r"/vol/(?P<volume>[^/]+)/(?:(?P<qtree>[^/]+)/)?(?P<name>[A-Za-z0-9._{}-]{1,255})")


def place_for(call: Call, path: str) -> Volume:
    """The volume that a new LUN at ``path`` would be in; refused unless its parent exists and the place is
    free.
    """
    return place_in(call.filer, call.vserver, path)


def place_in(filer: Filer, vserver: str, path: str) -> Volume:
    """As ``place_for``, in any vserver."""
    shape = SHAPE.fullmatch(path)
    if shape is None or shape["name"] in {".", ".."}:
        raise Refusal(INVALID_INPUT, f"Invalid LUN path: {path}")
    volume = filer.volumes.get((vserver, shape["volume"]))
    if volume is None:
        raise Refusal(NO_SUCH_VOLUME, f"No such volume: {shape['volume']}")
    if volume.state != "online":
        raise Refusal(VOLUME_OFFLINE, f"Volume {volume.name} is not online")
    require_writable(volume)
    if shape["qtree"] and (vserver, volume.name, shape["qtree"]) not in filer.state.qtrees:
        raise Refusal(NO_SUCH_DIRECTORY, f"No such directory: {shape['qtree']}")
    if (vserver, path) in filer.luns:
        raise Refusal(LUN_EXISTS, f"LUN already exists: {path}")
    if len(filer.state.indexes.in_volume.get(volume.key, ())) >= filer.luns_per_volume:
        raise Refusal(TOO_MANY_LUNS, f"Too many LUNs in volume {volume.name}")
    return volume
