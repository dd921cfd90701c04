"""What a verb is asked to do, as frozen records: one class a calling convention of Ganeti's.

Checked against Ganeti's ``_ExtStorageEnvironment`` (3.0.2, extstorage.py): the disk's name and UUID come with
every verb but ``snapshot``, which gets the name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

# The ext-params we take, by Ganeti's lower-case names (parameters.list says the same to Ganeti, which
# checks disks' parameters against nothing): no other EXTP_* variable may ever reach a setting.
PARAMETERS = ("pool", "igroup", "lun_ostype", "lun_space_reservation")


@dataclass(frozen=True)
class Disk:
    """The ext-params of the disk that a verb is about; ``verify`` is told no more than that."""

    params: Mapping[str, str]

    # Which ext-params the verb heeds. A disk whose lun_ostype was modified into nonsense long after its
    # creation must still attach.
    heeds: ClassVar[tuple[str, ...]] = ("pool", "igroup")


@dataclass(frozen=True)
class Verification(Disk):
    """What ``verify`` is to check: the ``usual``, unless its arguments name others."""

    checks: tuple[str, ...]

    heeds: ClassVar[tuple[str, ...]] = PARAMETERS
    usual: ClassVar[tuple[str, ...]] = (
        *("params", "config", "ganeti", "run", "initiator", "multipath", "udev", "lvm"),
        *("connection", "credentials", "pool", "igroup", "portals"),
    )
    # Which only the cluster's master node can tell, and which a new volume does not depend on.
    known: ClassVar[tuple[str, ...]] = (*usual, "orphans")


@dataclass(frozen=True)
class Volume(Disk):
    """A volume: what attach, detach, remove and close are told. ``uuid`` is Ganeti's for the disk."""

    name: str
    uuid: str | None


@dataclass(frozen=True)
class Creation(Volume):
    """A volume to be made, of ``size`` bytes. Here alone an unknown ext-param is an error."""

    size: int

    heeds: ClassVar[tuple[str, ...]] = PARAMETERS


@dataclass(frozen=True)
class Growth(Volume):
    """A volume that Ganeti knows with ``size`` bytes and wants to have ``new_size`` bytes."""

    size: int
    new_size: int


@dataclass(frozen=True)
class Snapshot(Volume):
    """A volume of which a clone named ``snapshot_name``, of ``snapshot_size`` bytes, is wanted."""

    snapshot_name: str
    snapshot_size: int


@dataclass(frozen=True)
class Metadata(Volume):
    """A volume and the text that Ganeti wants to be kept with it."""

    metadata: str


@dataclass(frozen=True)
class Opening(Volume):
    """A volume about to be used, by this node alone if ``exclusive``."""

    exclusive: bool
