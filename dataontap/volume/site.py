"""What a verb works with, put together in ``assembly``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from dataontap.client.zapi.cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.deadline import Deadline
    from dataontap.state.locks import Locks
    from dataontap.state.records import Records
    from dataontap.volume.checks import Checks
    from dataontap.volume.cluster import Cluster
    from dataontap.volume.devices import Devices
    from dataontap.volume.igroups import Igroups


@dataclass(frozen=True)
class Site:
    """This node, its cluster and its filer, for one verb.

    ``array`` connects to the filer at its first call, because many an attach needs none. ``checks`` makes what
    verify runs.
    """

    settings: Settings
    cluster: Cluster
    deadline: Deadline
    array: Callable[[], CmodeClient]
    devices: Devices
    igroups: Igroups
    locks: Locks
    records: Records
    checks: Callable[[], Checks]
