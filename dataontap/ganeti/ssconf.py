"""What this node knows about its Ganeti cluster. The only reader of Ganeti's ssconf files."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Callable

from dataontap.errors import HostError
from dataontap.ganeti import configuration
from dataontap.host.addresses import is_own_address
from dataontap.volume.cluster import Templates

DIRECTORY = "/var/lib/ganeti"

# A cluster's name is a host name (Ganeti 3.0.2, netutils: _VALID_NAME_RE, which allows lower case only). Any other
# text is kept out of a LUN's tag.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")


class Cluster:
    """The cluster of this node. Its facts are read from ``directory`` when they are needed.

    ``is_own`` tells whether an IP address is this machine's. ``host_name`` is this machine's name.
    """

    def __init__(
        self,
        directory: str = DIRECTORY,
        *,
        is_own: Callable[[str], bool] = is_own_address,
        host_name: str | None = None,
    ) -> None:
        self._directory = directory
        self._is_own = is_own
        self._host_name = host_name or os.uname().nodename

    @cached_property
    def name(self) -> str:
        """The cluster's name, or ``-`` on a node that is not in a cluster."""
        text = "\n".join(self._lines("cluster_name")).strip()
        return text if _NAME.fullmatch(text) else "-"

    @cached_property
    def node(self) -> str:
        """This node's name in Ganeti.

        The host name may differ from it (short, or in another domain). So it is the node whose primary address
        this machine has. If that is not exactly one node, it is the node with the same first label as the host
        name. If that is not exactly one node either, it is the host name.
        """
        addresses = [line.split() for line in self._lines("node_primary_ips")]
        here = {words[0] for words in addresses if len(words) == 2 and self._is_own(words[1])}
        if len(here) == 1:
            return here.pop()
        nodes = [line.strip() for line in self._lines("node_list")]
        alike = [node for node in nodes if node.partition(".")[0] == self._host_name.partition(".")[0]]
        return alike[0] if len(alike) == 1 else self._host_name

    @cached_property
    def nodes(self) -> frozenset[str]:
        """The names of the cluster's nodes. This node's name is included even if Ganeti's list cannot be read."""
        return frozenset({line.strip() for line in self._lines("node_list")} | {self.node})

    @property
    def is_master(self) -> bool:
        """Whether this node is the cluster's master, which has the master's address.

        The files are no proof: a former master that was down during a failover has old files, which still name it.
        """
        addresses = self._lines("master_ip")
        return len(addresses) == 1 and self._is_own(addresses[0].strip())

    def disk_templates(self) -> Templates | None:
        """See ``configuration.disk_templates``."""
        return configuration.disk_templates(self._directory)

    def volumes(self) -> dict[str, str | None]:
        """See ``configuration.volumes``. Raises HostError unless this node is the master.

        Another node may have an old configuration, if it was down for some time.
        """
        if not self.is_master:
            raise HostError("the cluster's master address is not on this node; run it on the master")
        return configuration.volumes(self._directory)

    def _lines(self, key: str) -> list[str]:
        """The lines of an ssconf file; none if the file cannot be read."""
        try:
            return Path(self._directory, f"ssconf_{key}").read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
