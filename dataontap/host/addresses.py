"""This machine's IP addresses, read from the kernel by rtnetlink(7)."""

from __future__ import annotations

import os
from struct import calcsize, pack, unpack_from
from typing import TYPE_CHECKING

from dataontap.errors import HostError

if TYPE_CHECKING:
    import socket

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
_DUMP_TRIES = 5  # an address that is added or removed during a dump can hide another address


def is_own_address(address: str) -> bool:
    """Whether an interface of this machine has the IP ``address``; HostError if the kernel does not answer.

    A successful bind proves nothing: net.ipv4.ip_nonlocal_bind, which HAProxy and keepalived need, allows it for
    every address. An address for which duplicate address detection found another machine does not count.
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
        raise HostError(f"cannot read this machine's IP addresses from the kernel: {error}") from None


def _own_addresses(family: int) -> set[bytes]:
    """The addresses of the interfaces in this network namespace, including secondary addresses: rtnetlink(7)."""
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
    """Add the addresses in the kernel's answer to ``found``; returns whether none changed during the dump."""
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
    # On a point-to-point link IFA_ADDRESS is the address of the other end.
    return attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))


def _aligned(length: int) -> int:
    """The offset of the next message or attribute: at least the size of a header, so that every loop ends."""
    return max((length + 3) & ~3, calcsize(_ATTRIBUTE))
