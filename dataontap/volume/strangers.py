"""LUNs that a node outside this cluster may be using: those of a cluster that was restored elsewhere, or renamed.

Two clusters with one configuration have volumes of the same names, and perhaps the same filer. Neither may take
the other's LUNs, or both run the same instance.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dataontap.errors import OntapError, VolumeError
from dataontap.volume import tag

if TYPE_CHECKING:
    from dataontap.client.array import Lun
    from dataontap.volume.igroups import Igroups

LOG = logging.getLogger(__name__)


def require_own_cluster(igroups: Igroups, lun: Lun, strange: Iterable[str]) -> None:
    """VolumeError if the LUN may be in use by one of the groups ``strange``, or is another cluster's.

    These are groups of nodes that are not in this cluster, to which the LUN is mapped. The filer is asked whether
    their initiators are logged in.
    """
    mark = tag.find(lun.comment)
    told = mark.cluster if mark else tag.UNKNOWN
    for igroup in strange:
        way_out = f"lun mapping delete -igroup {igroup}"
        LOG.warning(
            "the LUN is mapped to %s, of no node of this cluster, and its tag names %s; if it is not in use there:"
            " %s -path %s",
            igroup,
            told,
            way_out,
            lun.path,
        )
        if _may_be_logged_in(igroups, igroup):
            raise VolumeError(f"a node outside this cluster may use its LUN; if not: {way_out}")
        if told not in igroups.clusters:
            raise VolumeError(f"its LUN is cluster {told}'s; if that is gone: FORMER_CLUSTERS, or {way_out}")


def _may_be_logged_in(igroups: Igroups, igroup: str) -> bool:
    try:
        return igroups.logged_in(igroup)
    except OntapError as error:
        LOG.warning("whether %s is logged in cannot be told: %s", igroup, error)
        return True
