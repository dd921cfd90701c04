"""What the policy wants to know of the Ganeti cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Templates:
    """The disk templates that a cluster has ``enabled``, and those ``allowed`` by its instance policy."""

    enabled: frozenset[str]
    allowed: frozenset[str]


class Cluster(Protocol):
    """The cluster that this node is in. Nothing is read before it is asked for."""

    @property
    def name(self) -> str:
        """Its name, or ``-`` on a node that is in no cluster (yet)."""

    @property
    def node(self) -> str:
        """This node's name."""

    @property
    def nodes(self) -> frozenset[str]:
        """The names of all nodes, this one's among them."""

    def disk_templates(self) -> Templates | None:
        """Its disk templates, None where this node is not told."""

    def volumes(self) -> dict[str, str | None]:
        """All volumes of ours, name -> the disk's ext-param ``pool``; HostError where they cannot be told."""
