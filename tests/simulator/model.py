"""What the simulated filer remembers: one frozen record per vserver, volume, LUN, igroup and so on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Union, cast

Key = tuple[str, ...]

MIB = 1 << 20
GIB = 1 << 30
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
    """A login: of the whole cluster, or of one vserver.  Without a ``role`` it is one of their admins.

    ``applications`` are the APIs that it may log in to: "ontapi" is ZAPI, "http" REST.  Over REST it may have a
    role of its own, ``rest_role``.
    """

    kind: ClassVar[str] = "account"
    name: str
    password: str = field(repr=False)
    vserver: str | None = None
    role: str = ""
    applications: tuple[str, ...] = ("http", "ontapi")
    rest_role: str = ""

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
class Aggregate:
    """The disks that volumes are on; of ``node`` are the volumes' LUNs."""

    kind: ClassVar[str] = "aggregate"
    name: str
    uuid: str
    size: int
    node: str

    @property
    def key(self) -> Key:
        """Aggregate names are unique in the cluster."""
        return (self.name,)


@dataclass(frozen=True)
class Vserver:
    """A storage virtual machine; ``number`` is the N of its iSCSI name's ``vs.N`` and of its addresses.

    ``stopped`` has those of its services ("iscsi", "fcp") that do not run, ``without`` those of them that it does
    not have at all.
    """

    kind: ClassVar[str] = "vserver"
    name: str
    uuid: str
    number: int
    stopped: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Vserver names are unique in the cluster."""
        return (self.name,)


@dataclass(frozen=True)
class Interface:
    """A logical interface of a vserver, at home on a node: for "iscsi" or "fcp".

    ``number`` is its relative port id, of which its WWPN is made, or its portal group's tag.
    """

    kind: ClassVar[str] = "interface"
    vserver: str
    name: str
    protocol: str
    number: int
    node: str
    address: str = ""
    netmask_length: int = 24
    is_up: bool = True

    @property
    def key(self) -> Key:
        """Interfaces' names are unique in their vserver."""
        return (self.vserver, self.name)


@dataclass(frozen=True)
class Volume:
    """A flexible volume of a vserver: ``type`` is rw, dp or ls for a mirror; a FlexClone has a ``parent``.

    ``guarantee`` is "volume" when its whole size is set aside in the aggregate, "none" when only what is used;
    ``reserve`` the per cent of it that are kept for snapshots.
    """

    kind: ClassVar[str] = "volume"
    vserver: str
    name: str
    uuid: str
    size: int
    created: int
    type: str = "rw"
    parent: str = ""
    parent_snapshot: str = ""
    aggregate: str = "aggr1"
    guarantee: str = "volume"
    reserve: int = 0
    state: str = "online"
    junction: str = ""
    comment: str = ""
    is_root: bool = False
    qos_policy_group: str = ""

    @property
    def key(self) -> Key:
        """Volume names are unique in their vserver."""
        return (self.vserver, self.name)

    @property
    def is_read_only(self) -> bool:
        """Whether it shows only what it was copied from."""
        return self.type != "rw"


@dataclass(frozen=True)
class Mirror:
    """What a dp volume is, or was until it was ``broken-off``, the mirror of."""

    kind: ClassVar[str] = "mirror"
    vserver: str
    volume: str
    source_vserver: str
    source_volume: str
    state: str = "uninitialized"
    type: str = "data_protection"
    transferred: int = 0

    @property
    def key(self) -> Key:
        """A volume is a mirror of one other."""
        return (self.vserver, self.volume)

    @property
    def source(self) -> Key:
        """The key of the volume that it mirrors."""
        return (self.source_vserver, self.source_volume)


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
    """A volume's LUNs as they once were: the name of each content file -> the LUN's record then, as JSON."""

    kind: ClassVar[str] = "snapshot"
    vserver: str
    volume: str
    name: str
    created: int
    comment: str = ""
    uuid: str = ""
    luns: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Snapshot names are unique in their volume."""
        return (self.vserver, self.volume, self.name)


@dataclass(frozen=True)
class Lun:
    """A LUN with its maps; ``maps`` is igroup name -> LUN id, so a rename takes the maps along.

    ``reporting`` is igroup name -> the nodes that report the LUN to it, where these are not all of them.
    """

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
    qos_adaptive_policy_group: str = ""
    maps: dict[str, int] = field(default_factory=dict)
    reporting: dict[str, list[str]] = field(default_factory=dict)
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

    def copied(self, volume: Volume, path: str, uuid: str, serial: str) -> Lun:
        """Its copy in ``volume``: all that it says of itself, its comment too; another identity, and no maps."""
        return replace(self, vserver=volume.vserver, path=path, uuid=uuid, serial=serial, maps={}, reporting={})

    def path_in(self, volume: str) -> str:
        """Where it is, or its copy, if its volume, or a copy of that, is called ``volume``."""
        return f"/vol/{volume}{self.path[len('/vol/') + len(self.volume) :]}"


@dataclass(frozen=True)
class Igroup:
    """An initiator group.

    ``children`` has the UUIDs of groups that are nested in it; then ``initiators`` are theirs: see ``nesting``.
    """

    kind: ClassVar[str] = "igroup"
    vserver: str
    name: str
    uuid: str
    protocol: str
    ostype: str = "default"
    portset: str = ""
    initiators: tuple[str, ...] = ()
    alua: bool = True
    report_scsi_name: bool = True
    throttle_reserve: int = 0
    throttle_borrow: bool = False
    comment: str = ""
    children: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Igroup names are unique in their vserver."""
        return (self.vserver, self.name)


@dataclass(frozen=True)
class Portset:
    """The interfaces by which the igroups that are bound to it see their LUNs."""

    kind: ClassVar[str] = "portset"
    vserver: str
    name: str
    uuid: str
    protocol: str
    ports: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Portset names are unique in their vserver."""
        return (self.vserver, self.name)


@dataclass(frozen=True)
class Session:
    """An initiator that is logged in to an interface of a vserver."""

    kind: ClassVar[str] = "session"
    vserver: str
    initiator: str
    interface: str

    @property
    def key(self) -> Key:
        """One for each initiator and interface."""
        return (self.vserver, self.initiator, self.interface)


@dataclass(frozen=True)
class PolicyGroup:
    """A limit to what LUNs and volumes may do in a second; ``adaptive`` ones go with the size."""

    kind: ClassVar[str] = "policy-group"
    vserver: str
    name: str
    uuid: str
    adaptive: bool = False
    limits: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Policy groups' names are unique in the vserver, for here."""
        return (self.vserver, self.name)


@dataclass(frozen=True)
class Job:
    """A copy or a move of a LUN, or a move of a volume, that was asked for; here they are done at once."""

    kind: ClassVar[str] = "job"
    vserver: str
    uuid: str
    action: str
    source: str
    destination: str

    @property
    def key(self) -> Key:
        """Jobs are known by their UUIDs."""
        return (self.uuid,)


Record = Union[
    Cluster,
    Account,
    Role,
    Aggregate,
    Vserver,
    Interface,
    Volume,
    Mirror,
    Qtree,
    Snapshot,
    Lun,
    Igroup,
    Portset,
    Session,
    PolicyGroup,
    Job,
]
KINDS: dict[str, type[Record]] = {kind.kind: kind for kind in Record.__args__}  # type: ignore[attr-defined]


def to_json(record: Record) -> dict[str, Any]:
    """The record's fields as JSON knows them."""
    return dataclasses.asdict(record)


def from_json(kind: str, fields: dict[str, Any]) -> Record:
    """The record that ``to_json`` described."""
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return cast(Record, cast(Any, KINDS[kind])(**plain))
