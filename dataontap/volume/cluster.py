"""What the policy needs to know about the Ganeti cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Templates:
    """The disk templates that are ``enabled`` in a cluster, and those ``allowed`` by its instance policy."""

    enabled: frozenset[str]
    allowed: frozenset[str]


class Cluster(Protocol):
    """The cluster that this node is in. Each fact is read only when it is asked for."""

    @property
    def name(self) -> str:
        """The cluster's name, or ``-`` on a node that is not (yet) in a cluster."""

    @property
    def node(self) -> str:
        """This node's name."""

    @property
    def nodes(self) -> frozenset[str]:
        """The names of all nodes, including this node's."""

    def disk_templates(self) -> Templates | None:
        """The cluster's disk templates; None if this node does not know them."""

    def volumes(self) -> dict[str, str | None]:
        """All our volumes, name -> the disk's ext-param ``pool``. HostError if they cannot be listed."""
