"""LUNs that a node outside this cluster may be using, because a cluster was restored elsewhere or renamed.

Two clusters with the same configuration have volumes of the same names, and perhaps the same filer. Neither may
take the other's LUNs: both would run the same instance.
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
    """VolumeError if one of the igroups ``strange`` may be using the LUN, or if the LUN is another cluster's.

    The LUN is mapped to these igroups, whose nodes are not in this cluster. Asks the filer whether their
    initiators are logged in.
    """
    mark = tag.find(lun.comment)
    told = mark.cluster if mark else tag.UNKNOWN
    for igroup in strange:
        way_out = f"lun mapping delete -igroup {igroup}"
        LOG.warning(
            "the LUN is mapped to %s, the igroup of a node outside this cluster, and its tag names the cluster %s;"
            " if it is not in use there: %s -path %s",
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
        LOG.warning("cannot tell whether %s is logged in: %s", igroup, error)
        return True
