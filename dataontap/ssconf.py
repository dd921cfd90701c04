"""What Ganeti says of its cluster on this node: the one reader of its ssconf files."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Callable

DIRECTORY = "/var/lib/ganeti"

# A cluster's name is a host name (Ganeti 3.0.2, netutils: _VALID_NAME_RE, which allows lower case only): what is
# none does not get into a LUN's tag.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")


def cluster_name(directory: str = DIRECTORY) -> str:
    """The cluster's name, or ``-`` on a node that is in no cluster (yet)."""
    text = "\n".join(_lines(directory, "cluster_name")).strip()
    return text if _NAME.fullmatch(text) else "-"


class Cluster:
    """The cluster that this node is in, read from ``directory`` when it is asked for."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self._directory = directory

    @cached_property
    def name(self) -> str:
        """See ``cluster_name``."""
        return cluster_name(self._directory)

    @cached_property
    def node(self) -> str:
        """See ``node_name``."""
        return node_name(self._directory)

    @cached_property
    def nodes(self) -> frozenset[str]:
        """The names of the cluster's nodes, this one's among them also where Ganeti's list cannot be read."""
        return frozenset({line.strip() for line in _lines(self._directory, "node_list")} | {self.node})


def is_own_address(address: str) -> bool:
    """Whether this machine has the IP ``address``: nothing else can be bound to. No packet is sent."""
    import socket

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def node_name(
    directory: str = DIRECTORY, *, is_own: Callable[[str], bool] = is_own_address, host_name: str | None = None
) -> str:
    """This node's name, as Ganeti knows it.

    The host name may be another one (short, in another domain), so the node whose primary address is this
    machine's wins. Where that is none or several, it is the node with the host name, or with its first label;
    the host name itself if Ganeti knows none such.
    """
    addresses = [line.split() for line in _lines(directory, "node_primary_ips")]
    here = {words[0] for words in addresses if len(words) == 2 and is_own(words[1])}
    if len(here) == 1:
        return here.pop()
    host = host_name or os.uname().nodename
    nodes = [line.strip() for line in _lines(directory, "node_list")]
    alike = [node for node in nodes if node.partition(".")[0] == host.partition(".")[0]]
    return alike[0] if len(alike) == 1 else host


def is_master(directory: str = DIRECTORY, *, is_own: Callable[[str], bool] = is_own_address) -> bool:
    """Whether this node is the cluster's master: it has the master's address.

    A former master that was down when another node took over has old files, which still name it.
    """
    addresses = _lines(directory, "master_ip")
    return len(addresses) == 1 and is_own(addresses[0].strip())


def _lines(directory: str, key: str) -> list[str]:
    """The lines of one of ssconf's files; none where there is no such file (yet)."""
    try:
        return Path(directory, f"ssconf_{key}").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
