"""LUNs that this cluster made and does not know any more.

Ganeti forgets a volume when a script of its creation is killed, or cannot reach the filer to the end, and when
attach fails as an instance is removed. Nobody asks for its LUN after that, and it takes up space for ever.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from dataontap import ssconf, tag
from dataontap.environ import PROVIDER
from dataontap.errors import HostError, VolumeError
from dataontap.luns import only_originals
from dataontap.ssconf import DIRECTORY

if TYPE_CHECKING:
    from dataontap.client.client_base import Lun
    from dataontap.client.client_cmode import CmodeClient

LOG = logging.getLogger(__name__)

# A volume gets into Ganeti's configuration some time after its LUN was made: when all disks of the instance are
# there, 900 s each at most, or all are copied of one that is converted, 3600 s each at most (3.0.2, rpc_defs). An
# export's snapshot never does, and is removed at its end.
_AGE = 86400


def known(directory: str = DIRECTORY, *, is_master: Callable[[str], bool] = ssconf.is_master) -> frozenset[str]:
    """The names of all volumes of ours in the configuration of Ganeti's master, which this node has to be.

    Those of disks without an instance are among them. Raises HostError where it cannot be read, and on other
    nodes: one that was away for a while may have an old one.
    """
    path = Path(directory, "config.data")
    if not is_master(directory):
        raise HostError("the cluster's master address is not on this node; run it on the master")
    try:
        disks = json.loads(path.read_bytes())["disks"].values()
        places = [disk["logical_id"] for disk in disks if disk["dev_type"] == "ext"]
        return frozenset(name for provider, name in places if provider == PROVIDER)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise HostError(f"{path} cannot be read: {type(error).__name__}: {error}") from None


class Orphans:
    """The LUNs that have the tag of ``cluster``, in any pool. ``volumes`` tells those that Ganeti knows."""

    def __init__(
        self,
        client: CmodeClient,
        cluster: str,
        *,
        volumes: Callable[[], frozenset[str]] = known,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._cluster = cluster
        self._volumes = volumes
        self._clock = clock

    def check(self) -> None:
        """VolumeError naming each LUN that is not known, though by the filer's clock it ought to be by now."""
        if self._cluster == "-":
            raise HostError("this node is in no Ganeti cluster")
        volumes = self._volumes()  # first: what is removed meanwhile is on no list then
        luns = self._client.get_lun_by_args(comment=f"*dataontap:1:{self._cluster}:*")
        suspects = [lun for lun in luns if self._is_suspect(lun, volumes)]
        lost = sorted(lun.path for lun in only_originals(self._client, suspects))
        for path in lost:
            LOG.warning("%s has this cluster's tag, and is no disk of Ganeti's", path)
        if lost:
            raise VolumeError(
                f"Ganeti knows no disk for {', '.join(lost)}; see the man page, LUNS THAT GANETI FORGOT"
            )

    def _is_suspect(self, lun: Lun, volumes: frozenset[str]) -> bool:
        mark = tag.find(lun.comment)
        if mark is None or mark.cluster != self._cluster or lun.path.rpartition("/")[2] in volumes:
            return False
        return self._clock() - lun.created >= _AGE
