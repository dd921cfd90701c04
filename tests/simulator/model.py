"""What the simulated filer remembers: one frozen record per vserver, volume, LUN, igroup and so on.

Only the standard library is used here, because the fabric reads these records without the simulator's
dependencies.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, Union, cast

Key = tuple[str, ...]

MIB = 1 << 20
TIB = 1 << 40


@dataclass(frozen=True)
class Cluster:
    """The filer itself; ``made`` counts every object ever made, so that no identity is given twice."""

    kind: ClassVar[str] = "cluster"
    name: str
    uuid: str
    made: int = 0

    @property
    def key(self) -> Key:
        """There is one cluster."""
        return ()


@dataclass(frozen=True)
class Account:
    """A login: of the whole cluster, or of one vserver.  Without a ``role`` it is one of their admins."""

    kind: ClassVar[str] = "account"
    name: str
    password: str = field(repr=False)
    vserver: str | None = None
    role: str = ""

    @property
    def key(self) -> Key:
        """Logins are told apart by name alone: all vservers share this filer's one address."""
        return (self.name,)


@dataclass(frozen=True)
class Role:
    """What accounts of a vserver (of the cluster: "") may do: command or directory -> none, readonly or all."""

    kind: ClassVar[str] = "role"
    vserver: str
    name: str
    rights: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Role names are unique in their vserver."""
        return (self.vserver, self.name)


@dataclass(frozen=True)
class Vserver:
    """A storage virtual machine; ``number`` is the N of its iSCSI name's ``vs.N`` and of its addresses."""

    kind: ClassVar[str] = "vserver"
    name: str
    uuid: str
    number: int

    @property
    def key(self) -> Key:
        """Vserver names are unique in the cluster."""
        return (self.name,)


@dataclass(frozen=True)
class Volume:
    """A flexible volume of a vserver: ``type`` is rw, or dp for a mirror; a FlexClone has a ``parent``."""

    kind: ClassVar[str] = "volume"
    vserver: str
    name: str
    uuid: str
    size: int
    created: int
    type: str = "rw"
    parent: str = ""

    @property
    def key(self) -> Key:
        """Volume names are unique in their vserver."""
        return (self.vserver, self.name)


@dataclass(frozen=True)
class Qtree:
    """A subtree of a volume that LUNs can live in."""

    kind: ClassVar[str] = "qtree"
    vserver: str
    volume: str
    name: str

    @property
    def key(self) -> Key:
        """Qtree names are unique in their volume."""
        return (self.vserver, self.volume, self.name)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot's name; the simulator keeps no content for it."""

    kind: ClassVar[str] = "snapshot"
    vserver: str
    volume: str
    name: str
    created: int
    comment: str = ""

    @property
    def key(self) -> Key:
        """Snapshot names are unique in their volume."""
        return (self.vserver, self.volume, self.name)


@dataclass(frozen=True)
class Lun:
    """A LUN with its maps; ``maps`` is igroup name -> LUN id, so a rename takes the maps along."""

    kind: ClassVar[str] = "lun"
    vserver: str
    path: str
    uuid: str
    serial: str
    size: int
    cylinder: int
    created: int
    exact: bool = False
    ostype: str = "image"
    reserved: bool = True
    online: bool = True
    is_clone: bool = False
    space_allocation: bool = False
    lun_class: str = "regular"
    comment: str = ""
    prefix_size: int = 0
    application: str = ""
    caching_policy: str = ""
    qos_policy_group: str = ""
    maps: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """LUN paths are unique in their vserver."""
        return (self.vserver, self.path)

    @property
    def volume(self) -> str:
        """The V of /vol/V/... ."""
        return self.path.split("/")[2]

    @property
    def qtree(self) -> str:
        """The Q of /vol/V/Q/L, empty for a LUN in the volume's root."""
        return "/".join(self.path.split("/")[3:-1])

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Igroup:
    """An initiator group."""

    kind: ClassVar[str] = "igroup"
    vserver: str
    name: str
    uuid: str
    protocol: str
    ostype: str = "default"
    portset: str = ""
    initiators: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Igroup names are unique in their vserver."""
        return (self.vserver, self.name)


Record = Union[Cluster, Account, Role, Vserver, Volume, Qtree, Snapshot, Lun, Igroup]
KINDS: dict[str, type[Record]] = {
    kind.kind: kind for kind in (Cluster, Account, Role, Vserver, Volume, Qtree, Snapshot, Lun, Igroup)
}


def to_json(record: Record) -> dict[str, Any]:
    """The record's fields as JSON knows them."""
    return dataclasses.asdict(record)


def from_json(kind: str, fields: dict[str, Any]) -> Record:
    """The record that ``to_json`` described."""
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return cast(Record, cast(Any, KINDS[kind])(**plain))
