"""A LUN becomes a block device of this node, is proven to be that LUN, and goes again without a trace.

Knows nothing of how paths come about: iSCSI and FC hand in where the target is seen (``Nexus``). Nothing here
changes anything of other LUNs. Every step that may hang in the kernel is done in a child (``limit``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Callable

from dataontap.deadline import Deadline
from dataontap.host import lun
from dataontap.host.bring_up import Coming
from dataontap.host.identity import Proof
from dataontap.host.lun import FLAT_SPACE, Answer, Wanted
from dataontap.host.multipath import Multipath
from dataontap.host.node import Limits, Node
from dataontap.host.sysfs import Nexus, Sysfs
from dataontap.host.take_down import Going
from dataontap.host.udev import Events, Names


class San:
    """This node's side of the SAN. Without ``wants_maps`` disks are used as they are, with a single path each.

    ``ask`` tells what a path's LUN says of itself; ``events`` makes something that waits for udev's events.
    """

    def __init__(
        self,
        sysfs: Sysfs,
        multipath: Multipath,
        names: Names,
        deadline: Deadline,
        *,
        wants_maps: bool = True,
        limits: Limits | None = None,
        ask: Callable[[str], Answer] = lun.ask,
        events: Callable[[Collection[str]], Events] = Events,
    ) -> None:
        limits = limits or Limits.of(deadline.seconds)
        self._node = Node(sysfs, multipath, names, deadline, wants_maps, limits, ask, events)
        self._proof = Proof(self._node)
        self._going = Going(self._node)
        self._coming = Coming(self._node, self._proof, self._going)

    def taken(self) -> set[int]:
        """The LUN ids at which this node has something, healthy or not, of whatever target by whatever session."""
        luns = self._node.sysfs.luns()
        return luns | {one & ~FLAT_SPACE for one in luns}

    def is_known(self, naas: Collection[str]) -> bool:
        """Whether the kernel has a map or a path of one of these LUNs, alive or dead."""
        return self._node.is_known(naas)

    def has_dead_map(self, naas: Collection[str]) -> bool:
        """Whether there is a map of one of these LUNs of which no path leads to it."""
        return self._proof.has_dead_map(naas)

    def identities(self, device: str) -> tuple[str, ...]:
        """The identity that the kernel remembers of a device, if it is a map or a disk with one."""
        return self._node.identities(device)

    def holders(self, device: str) -> list[str]:
        """Who holds a device, for people."""
        return self._node.holders(device)

    def scan(
        self, wanted: Wanted, lun_ids: Sequence[int], nexuses: Sequence[Nexus], known: Sequence[Nexus] = ()
    ) -> None:
        """See ``Coming.scan``."""
        self._coming.scan(wanted, lun_ids, nexuses, known)

    def settle(self, wanted: Wanted) -> str:
        """See ``Coming.settle``."""
        return self._coming.settle(wanted)

    def prove(self, device: str, wanted: Wanted) -> None:
        """See ``Proof.prove``."""
        self._proof.prove(device, wanted)

    def prove_alive(self, device: str) -> None:
        """See ``Proof.prove_alive``."""
        self._proof.prove_alive(device)

    def require_writable(self, device: str) -> None:
        """See ``Proof.require_writable``."""
        self._proof.require_writable(device)

    def take_down(self, naas: Collection[str]) -> None:
        """See ``Going.take_down``."""
        self._going.take_down(naas)

    def queue(self, device: str, wait: bool) -> None:
        """See ``Going.queue``."""
        self._going.queue(device, wait)
