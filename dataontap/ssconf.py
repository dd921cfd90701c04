"""What Ganeti says of its cluster on this node: the one reader of its ssconf files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from struct import calcsize, pack, unpack_from
from typing import TYPE_CHECKING, Callable

from dataontap.errors import HostError

if TYPE_CHECKING:
    import socket

DIRECTORY = "/var/lib/ganeti"

# A cluster's name is a host name (Ganeti 3.0.2, netutils: _VALID_NAME_RE, which allows lower case only): what is
# none does not get into a LUN's tag.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")

# <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_addr.h>
_MESSAGE = "=IHHII"  # nlmsghdr: length, type, flags, sequence number, port
_ADDRESS = "=BBBBI"  # ifaddrmsg: family, prefix length, flags, scope, interface
_ATTRIBUTE = "=HH"  # rtattr: length, type
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_NLM_F_REQUEST, _NLM_F_DUMP, _NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_DADFAILED = 0x08

_KERNEL_SECONDS = 5.0
_DUMP_TRIES = 5  # an address that comes or goes while the kernel tells them can hide another one


def cluster_name(directory: str = DIRECTORY) -> str:
    """The cluster's name, or ``-`` on a node that is in no cluster (yet)."""
    text = "\n".join(_lines(directory, "cluster_name")).strip()
    return text if _NAME.fullmatch(text) else "-"


@dataclass(frozen=True)
class Templates:
    """The disk templates that a cluster has ``enabled``, and those ``allowed`` by its instance policy."""

    enabled: frozenset[str]
    allowed: frozenset[str]


def disk_templates(directory: str = DIRECTORY) -> Templates | None:
    """The cluster's disk templates, None where this node is not told: only master candidates have Ganeti's
    configuration, and a former one may have an old copy.
    """
    import json

    try:
        cluster = json.loads(Path(directory, "config.data").read_bytes())["cluster"]
        enabled = frozenset(map(str, cluster["enabled_disk_templates"]))
        return Templates(enabled, frozenset(map(str, cluster["ipolicy"]["disk-templates"])))
    except (OSError, ValueError, LookupError, TypeError):
        return None


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
    """Whether an interface of this machine has the IP ``address``; HostError if the kernel does not tell.

    What can be bound to proves nothing: with net.ipv4.ip_nonlocal_bind, which HAProxy and keepalived want, that is
    every address. One for which duplicate address detection found another machine does not count.
    """
    import socket

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        wanted = socket.inet_pton(family, address)
    except (OSError, ValueError):
        return False
    try:
        return wanted in _own_addresses(family)
    except OSError as error:
        raise HostError(f"the kernel does not tell this machine's addresses: {error}") from None


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


def _own_addresses(family: int) -> set[bytes]:
    """The addresses that the interfaces in this network namespace have, secondary ones included: rtnetlink(7)."""
    import socket

    request = pack(_ADDRESS, family, 0, 0, 0, 0)
    header = pack(_MESSAGE, calcsize(_MESSAGE) + len(request), _RTM_GETADDR, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
    found: set[bytes] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_KERNEL_SECONDS)
        for _ in range(_DUMP_TRIES):
            kernel.send(header + request)
            if _read_dump(kernel, family, found):
                break
    return found


def _read_dump(kernel: socket.socket, family: int, found: set[bytes]) -> bool:
    """Add the addresses in the kernel's answer to ``found``; returns whether none changed meanwhile."""
    is_consistent = True
    while True:
        answer = kernel.recv(65536)
        while answer:
            length, kind, flags, _, _ = unpack_from(_MESSAGE, answer)
            message, answer = answer[calcsize(_MESSAGE) : length], answer[_aligned(length) :]
            is_consistent = is_consistent and not flags & _NLM_F_DUMP_INTR
            if kind in {_NLMSG_DONE, _NLMSG_ERROR}:
                (status,) = unpack_from("=i", message)
                if status:
                    raise OSError(-status, os.strerror(-status))
                return is_consistent
            address = _own_address(message) if kind == _RTM_NEWADDR else None
            if address is not None and message[0] == family:
                found.add(address)


def _own_address(message: bytes) -> bytes | None:
    """The address in an RTM_NEWADDR message; None if duplicate address detection failed for it."""
    _, _, flags, _, _ = unpack_from(_ADDRESS, message)
    if flags & _IFA_F_DADFAILED:
        return None
    attributes = {}
    rest = message[calcsize(_ADDRESS) :]
    while len(rest) >= calcsize(_ATTRIBUTE):
        length, kind = unpack_from(_ATTRIBUTE, rest)
        attributes[kind] = rest[calcsize(_ATTRIBUTE) : length]
        rest = rest[_aligned(length) :]
    # On a point-to-point link the second one is the other end's.
    return attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))


def _aligned(length: int) -> int:
    """Where the next message or attribute begins; at least a header later, so that reading comes to an end."""
    return max((length + 3) & ~3, calcsize(_ATTRIBUTE))
