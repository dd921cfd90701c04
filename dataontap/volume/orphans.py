"""Orphans: LUNs that this cluster created and no longer knows, and LUNs that it will not find again.

Ganeti forgets a volume when a script of its creation is killed or loses the filer before its end, and when attach
fails while an instance is removed. After that nothing asks for the LUN, and it uses space for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Callable

from dataontap.errors import HostError, OntapError, VolumeError
from dataontap.volume import tag
from dataontap.volume.candidates import is_copy, names_itself
from dataontap.volume.luns import only_originals

if TYPE_CHECKING:
    from dataontap.client.array import Array, Lun
    from dataontap.config import Settings
    from dataontap.volume.cluster import Cluster

LOG = logging.getLogger(__name__)

# A volume enters Ganeti's configuration some time after its LUN was created: when all disks of the instance exist,
# 900 s each at most, or when all disks of a converted instance are copied, 3600 s each at most (3.0.2, rpc_defs).
# An export's snapshot never enters it, and is removed at the export's end.
_AGE = 86400


class Orphans:
    """The LUNs of an SVM that no volume of Ganeti's leads to."""

    def __init__(
        self,
        array: Array,
        settings: Settings,
        cluster: Cluster,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._array = array
        self._settings = settings
        self._cluster = cluster
        self._clock = clock

    def check(self) -> None:
        """VolumeError with the LUNs that the admin has to look at. Copies are only named in the log.

        Some of these LUNs have this cluster's tag and are no volume of Ganeti's, although by the filer's clock
        they are old enough. Others are outside their volume's own path, and nothing proves that they are the
        volume: once they are mapped to no node, they will not be found.
        """
        if self._cluster.name == tag.UNKNOWN:
            raise HostError("this node is in no Ganeti cluster")
        volumes = self._cluster.volumes()  # first: a volume that is removed meanwhile is no orphan then
        found = self._array.get_lun_list()
        luns = [lun for lun in found if lun.pool is None or self._settings.allows_pool(lun.pool)]
        for problem in found.problems:
            if self._settings.allows_pool(problem.volume) or not problem.volume:
                raise OntapError(f"{problem}; cannot tell whether it has orphans")
        self._tell_copies(luns, volumes)
        suspects = [lun for lun in luns if not is_copy(lun)]
        lost = self._originals([lun for lun in suspects if self._is_lost(lun, volumes)])
        astray = self._originals([lun for lun in suspects if self._is_astray(lun, volumes)])
        for path in lost:
            LOG.warning("%s has this cluster's tag, but Ganeti has no such disk", path)
        for path in astray:
            LOG.warning("%s is not in its disk's pool, and nothing proves that it is the disk's LUN", path)
        self._complain(lost, astray)

    def _originals(self, luns: list[Lun]) -> list[str]:
        return sorted(lun.path for lun in only_originals(self._array, luns))

    @staticmethod
    def _complain(lost: list[str], astray: list[str]) -> None:
        problems = []
        if lost:
            problems.append(
                f"Ganeti knows no disk for {', '.join(lost)}; see the man page, LUNS THAT GANETI FORGOT"
            )
        if astray:
            problems.append(f"not in its disk's pool: {', '.join(astray)}; see the man page, UPGRADING")
        if problems:
            raise VolumeError("; ".join(problems))

    def _tell_copies(self, luns: list[Lun], volumes: Container[str]) -> None:
        for lun in filter(is_copy, luns):
            if lun.name in volumes or self._is_ours(lun):
                LOG.warning("%s is a copy: its tag was written for another LUN", lun.path)

    def _is_ours(self, lun: Lun) -> bool:
        mark = tag.find(lun.comment)
        return mark is not None and mark.cluster == tag.cluster_word(self._cluster.name)

    def _is_lost(self, lun: Lun, volumes: Container[str]) -> bool:
        """Whether the LUN has this cluster's tag and is old enough, but Ganeti does not know it."""
        return self._is_ours(lun) and lun.name not in volumes and self._clock() - lun.created >= _AGE

    def _is_astray(self, lun: Lun, volumes: Mapping[str, str | None]) -> bool:
        """Whether the LUN has a volume's name but not its pool, and its tag does not prove it the volume's."""
        name = lun.name
        pool = volumes.get(name) or self._settings.pool
        return name in volumes and lun.pool not in {None, pool} and not names_itself(lun)
