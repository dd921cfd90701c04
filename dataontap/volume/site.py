"""The objects that a verb works with. ``assembly`` puts them together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Callable

from dataontap.volume import tag
from dataontap.volume.luns import Luns
from dataontap.volume.making import Making
from dataontap.volume.masking import Masking
from dataontap.volume.moving import Moving
from dataontap.volume.removal import Removal

if TYPE_CHECKING:
    from dataontap.client.array import Array
    from dataontap.config import Settings
    from dataontap.deadline import Deadline
    from dataontap.state.locks import Locks
    from dataontap.state.records import Records
    from dataontap.volume.checks import Checks
    from dataontap.volume.cluster import Cluster
    from dataontap.volume.devices import Devices
    from dataontap.volume.igroups import Igroups
    from dataontap.volume.reporting import Reporting


@dataclass(frozen=True)
class Site:
    """This node, its cluster and its filer, for one verb.

    ``connect`` connects to the filer at the first use of ``array``, because many attaches need no connection.
    ``checks`` makes the checks that verify runs.
    """

    settings: Settings
    cluster: Cluster
    deadline: Deadline
    connect: Callable[[], Array]
    devices: Devices
    igroups: Igroups
    reporting: Reporting
    locks: Locks
    records: Records
    checks: Callable[[], Checks]

    @cached_property
    def array(self) -> Array:
        """The filer. Nothing is sent before its first call."""
        return self.connect()

    @cached_property
    def luns(self) -> Luns:
        """The volumes' LUNs on the filer."""
        return Luns(self.array, self.settings, self.igroups, tag.cluster_word(self.cluster.name))

    @cached_property
    def removal(self) -> Removal:
        """Removes LUNs."""
        return Removal(self.array, self.luns, self.igroups)

    @cached_property
    def making(self) -> Making:
        """Creates LUNs."""
        return Making(self.array, self.deadline, self.removal)

    @cached_property
    def masking(self) -> Masking:
        """Maps LUNs."""
        return Masking(self.array, self.settings, self.igroups, self.deadline)

    def masking_of(self, form: str) -> Masking:
        """Maps the LUNs of a disk whose ext-param ``igroup`` is ``form``."""
        return Masking(self.array, self.settings, self.igroups.of_form(form), self.deadline)

    @cached_property
    def moving(self) -> Moving:
        """Moves LUNs between igroups."""
        return Moving(self.array, self.igroups, self.masking, self.deadline)
