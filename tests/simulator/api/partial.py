"""Lists that lack the LUNs of volumes that are not online, and say so: ``volume-errors``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.simulator.call import Call
from tests.simulator.documents import Tree
from tests.simulator.errnos import VOLUME_OFFLINE
from tests.simulator.model import Lun, Volume
from tests.simulator.query import Query


def listable(call: Call, query: Query, luns: Sequence[Lun]) -> tuple[list[Lun], Tree]:
    """Those of ``luns`` that can be listed, and the ``volume-errors`` that a list with this query has then."""
    if call.filer.lists_offline:
        return list(luns), {}
    dark = {
        volume.key: volume
        for volume in call.filer.volumes.values()
        if volume.state != "online" and call.scope in {None, volume.vserver}
    }
    errors: list[Tree] = [
        {
            "errno": VOLUME_OFFLINE,
            "name": volume.name,
            "reason": f"Volume {volume.name} is {volume.state}",
            "vserver": volume.vserver,
        }
        for _, volume in sorted(dark.items())
        if _concerns(query, volume)
    ]
    shown = [lun for lun in luns if (lun.vserver, lun.volume) not in dark]
    return shown, {"volume-errors": {"volume-error": errors}} if errors else {}


def _concerns(query: Query, volume: Volume) -> bool:
    """Whether the volume may have LUNs of such paths."""
    patterns = query.alternatives("path")
    return patterns is None or any(_leads_into(pattern, volume.name) for pattern in patterns)


def _leads_into(pattern: str, volume: str) -> bool:
    """A path has at least three parts; only the second is looked at here, and ``*`` can stand for several."""
    parts = pattern.split("/")
    if len(parts) < 4 or "*" in parts[1]:
        return "*" in pattern
    form = ".*".join(map(re.escape, parts[2].split("*")))
    return re.fullmatch(form, volume) is not None
