"""Which igroups are this cluster's, and which are this node's own: decided by their names alone.

Fixed (``IGROUP = "ganeti"``): one igroup for all nodes, which the storage admin maintains. Per node
(``IGROUP = "ganeti-{node}"``): an igroup for each node, with only that node's initiators. The nodes maintain them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from dataontap import literals
from dataontap.errors import ConfigError
from dataontap.literals import NODE
from dataontap.volume import tag

if TYPE_CHECKING:
    from dataontap.config import Settings
    from dataontap.volume.cluster import Cluster

# The longest name of an igroup that ONTAP allows.
_LONGEST = 96
# What a node may be called: Ganeti 3.0.2, netutils, _VALID_NAME_RE. Capitals are for machines outside a cluster.
_ANY_NODE = "([A-Za-z0-9._-]+)"


class IgroupNames:
    """The igroups that ``settings`` name, on a node of ``cluster``."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings = settings
        self._cluster = cluster

    @property
    def is_per_node(self) -> bool:
        """Whether each node has an igroup of its own."""
        return NODE in (self._settings.igroup or "")

    @property
    def may_be_unmapped(self) -> bool:
        """Whether a volume of ours may be unmapped: with an igroup per node, stopped instances' volumes are."""
        return self.is_per_node or NODE in (self._settings.former_igroup or "")

    @property
    def clusters(self) -> frozenset[str]:
        """The present and former names of this node's cluster, as in tags. Empty if it is in no cluster."""
        names = (self._cluster.name, *self._settings.former_clusters)
        return frozenset(map(tag.cluster_word, names)) - {tag.UNKNOWN}

    @cached_property
    def own(self) -> str:
        """The igroup through which this node sees its LUNs. Raises ConfigError if there can be none."""
        igroup = self._settings.igroup
        if igroup is None:
            raise ConfigError('IGROUP: must be given: an igroup, or an igroup per node such as "ganeti-{node}"')
        own = self._of_this_node(igroup)
        if len(own) > _LONGEST:
            raise ConfigError(f"IGROUP: longer than the {_LONGEST} characters that ONTAP allows: {own}")
        if not literals.is_igroup(own) or not _fits(own, igroup):
            raise ConfigError(f"IGROUP: ONTAP does not allow the igroup name {own!r}")
        return own

    @cached_property
    def mine(self) -> frozenset[str]:
        """The igroups through which this node may see a volume's LUN.

        These are its own igroup and this node's igroups of the other forms: the disk may have had another
        ``igroup`` when it was mapped, and hooks map to the usual igroup if the LUN's tag does not tell them.
        """
        return frozenset({self.own, *map(self._of_this_node, self.private_forms)})

    @property
    def private(self) -> frozenset[str]:
        """The igroups of ``mine`` that are for this node alone."""
        return self.mine if self.is_per_node else self.mine - {self.own}

    @property
    def private_forms(self) -> list[str]:
        """The per-node forms of igroup that disks may have: this disk's, IGROUP, and those of ALLOWED_IGROUPS."""
        settings = self._settings
        forms = (settings.igroup, settings.usual_igroup, *settings.allowed_igroups)
        return [*dict.fromkeys(form for form in forms if form and NODE in form)]

    def _of_this_node(self, form: str) -> str:
        return form.replace(NODE, self._cluster.node) if NODE in form else form

    def are_ours(self, igroup: str) -> bool:
        """Whether it is this cluster's: IGROUP, or any node's igroup per node, also by ALLOWED_IGROUPS."""
        return any(_fits(igroup, form) for form in (self._settings.igroup, *self.private_forms))

    def are_former(self, igroup: str) -> bool:
        """Whether volumes are moving away from it: it fits FORMER_IGROUP and is not ours."""
        return _fits(igroup, self._settings.former_igroup) and not self.are_ours(igroup)

    def are_known(self, igroup: str) -> bool:
        """Whether this cluster's configuration allows maps to it, for this disk or for another disk."""
        return self.are_ours(igroup) or self.are_former(igroup) or igroup in self._settings.allowed_igroups

    def strange(self, igroups: Iterable[str]) -> list[str]:
        """The igroups of ``igroups`` that have the name of a node's igroup, but of a node outside this cluster."""
        return sorted({igroup for igroup in igroups if self._is_strange(igroup)})

    def _is_strange(self, igroup: str) -> bool:
        nodes = self.nodes_of(igroup, (*self.private_forms, self._settings.former_igroup))
        return bool(nodes) and not self._cluster.nodes & {*nodes}

    @staticmethod
    def nodes_of(igroup: str, forms: Iterable[str | None]) -> list[str]:
        """The nodes whose igroup it is, by the per-node forms among ``forms``."""
        found = (_match(igroup, form) for form in forms if form and NODE in form)
        return [match[1] for match in found if match]


def _match(igroup: str, form: str) -> re.Match[str] | None:
    return re.fullmatch(_ANY_NODE.join(map(re.escape, form.split(NODE))), igroup)


def _fits(igroup: str, form: str | None) -> bool:
    return form is not None and _match(igroup, form) is not None
