"""What a verb is asked to do: one frozen record for each of Ganeti's calling conventions.

Checked against Ganeti's ``_ExtStorageEnvironment`` (3.0.2, extstorage.py): every verb gets the disk's name and
UUID, except ``snapshot``, which gets only the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

# The ext-params that we accept, by Ganeti's lower-case names. parameters.list tells Ganeti the same, but Ganeti
# does not check disks' parameters. No other EXTP_* variable may ever reach a setting.
PARAMETERS = ("pool", "igroup", "lun_ostype", "lun_space_reservation")


@dataclass(frozen=True)
class Disk:
    """The ext-params of the disk that a verb is about. ``verify`` is told nothing else about a disk."""

    params: Mapping[str, str]

    # The ext-params that the verb uses. A disk must still attach if its lun_ostype was set to nonsense long after
    # its creation.
    heeds: ClassVar[tuple[str, ...]] = ("pool", "igroup")


@dataclass(frozen=True)
class Verification(Disk):
    """The checks that ``verify`` runs: the ``usual`` ones, unless its arguments name others."""

    checks: tuple[str, ...]

    heeds: ClassVar[tuple[str, ...]] = PARAMETERS
    usual: ClassVar[tuple[str, ...]] = (
        *("params", "config", "ganeti", "run", "initiator", "multipath", "udev", "lvm"),
        *("connection", "credentials", "pool", "igroup", "portals"),
    )
    # Only the cluster's master node can check for orphans, and no new volume depends on that.
    known: ClassVar[tuple[str, ...]] = (*usual, "orphans")


@dataclass(frozen=True)
class Volume(Disk):
    """A volume: what attach, detach, remove and close are told. ``uuid`` is Ganeti's UUID of the disk."""

    name: str
    uuid: str | None


@dataclass(frozen=True)
class Creation(Volume):
    """A volume to create, of ``size`` bytes. Only here an unknown ext-param is an error."""

    size: int

    heeds: ClassVar[tuple[str, ...]] = PARAMETERS


@dataclass(frozen=True)
class Growth(Volume):
    """A volume that has ``size`` bytes according to Ganeti and is to have ``new_size`` bytes."""

    size: int
    new_size: int


@dataclass(frozen=True)
class Snapshot(Volume):
    """A volume to clone under the name ``snapshot_name``, with ``snapshot_size`` bytes."""

    snapshot_name: str
    snapshot_size: int


@dataclass(frozen=True)
class Metadata(Volume):
    """A volume, and the text that Ganeti wants to keep with it."""

    metadata: str


@dataclass(frozen=True)
class Opening(Volume):
    """A volume to open for use, by this node alone if ``exclusive``."""

    exclusive: bool
