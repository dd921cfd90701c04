"""The protocol between the policy and a filer, for any API: methods named by intention, and frozen records.

A new kind of filer is a new folder beside ``zapi`` with another ``Array``. The errors are those of ``errors``:
LunExists, NoSuchLun, NoSuchIgroup, LunMapped, LunIdTaken, MapConflict and NotAllowed mean that nothing was done.
After any other OntapError, or a DeadlineError, the request may have been carried out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from dataontap.client.found import Found
from dataontap.errors import DataOntapError, Refusal


@dataclass(frozen=True)
class LunSpec:
    """The properties of a new LUN apart from its size: ``metadata`` of Cinder's ``create_lun``, as a record."""

    ostype: str
    space_reserved: bool
    comment: str


@dataclass(frozen=True)
class LunRef:
    """Refers to a LUN by the volume's ``name`` in ``pool``, which is None on a filer without pools.

    ``path`` is the filer's name of the LUN, for messages. ``uuid`` is the filer's, or "" if it is not known.
    """

    pool: str | None
    name: str
    path: str
    uuid: str = ""

    @property
    def where(self) -> str:
        """The pool, as text for messages."""
        return self.pool or "the SVM"

    @property
    def volume(self) -> str:
        """The filer's volume that holds the LUN: its pool, without a qtree."""
        return (self.pool or "").partition("/")[0]


@dataclass(frozen=True)
class Lun(LunRef):
    """A LUN as the filer describes it. ``size`` is in bytes; ``serial`` has 12 characters, also punctuation.

    ``created`` is in seconds since the epoch, by the filer's clock. ``discard`` is whether a host may return
    space; it is only told by an API that does not pass it on to clones. ``node`` is the filer's node that owns it
    now; "" if the filer does not tell.
    """

    size: int = 0
    serial: str = ""
    comment: str = ""
    space_reserved: bool = False
    online: bool = True
    mapped: bool = False
    created: int = 0
    discard: bool = False
    node: str = ""

    @property
    def naas(self) -> tuple[str, ...]:
        """The identities that it may show to a host, in 32 hexadecimal digits: a prefix and its serial number.

        The first has clustered ONTAP's prefix. A LUN that was moved from 7-Mode may have kept 7-Mode's.
        """
        return tuple(prefix + self.serial.encode().hex() for prefix in ("600a0980", "60a98000"))


@dataclass(frozen=True)
class LunMap:
    """A map of a LUN to an initiator group. ``path`` and ``uuid`` are the LUN's."""

    path: str
    uuid: str
    igroup: str
    lun_id: int


@dataclass(frozen=True)
class Igroup:
    """An initiator group. ``protocol`` is iscsi, fcp or mixed. Initiators are as in ``initiators.canonical``."""

    name: str
    protocol: str
    initiators: tuple[str, ...]


@dataclass(frozen=True)
class IscsiPortal:
    """An interface of the SVM that serves iSCSI: IP address, TCP port, portal group tag.

    ``tag`` is None if the API does not tell it. ``node`` is the filer's node at which it is now.
    """

    address: str
    port: int
    tag: int | None
    enabled: bool
    node: str = ""


@dataclass(frozen=True)
class FcPort:
    """An interface of the SVM that serves FC. ``wwpn`` is in lower case: 20:00:00:25:b5:00:00:01.

    ``enabled`` is True if the filer does not tell. ``node`` is the filer's node at which it is now.
    """

    wwpn: str
    enabled: bool
    node: str = ""


@dataclass(frozen=True)
class Pool:
    """A volume of the filer.

    ``type`` is rw, or dp or ls for mirrors, which show another volume's LUNs. ``state`` is online, restricted or
    offline. ``size`` and ``available`` are the total space for LUNs and the free space, in bytes. ``state`` is "",
    and ``size`` and ``available`` are None, if the filer does not tell. ``grows`` is whether the filer enlarges it
    automatically (autosize).
    """

    name: str
    type: str
    is_clone: bool
    state: str = ""
    size: int | None = None
    available: int | None = None
    grows: bool = False

    @property
    def writable(self) -> bool:
        """Whether LUNs can be created in it."""
        return self.type == "rw"

    @property
    def online(self) -> bool:
        """Whether its LUNs are served. True if the filer does not tell."""
        return self.state in {"", "online"}


class Tries(Protocol):
    """The attempts at one operation. The caller decides anew before each attempt."""

    def again(self, error: DataOntapError) -> None:
        """Return after a pause if the filer was only busy or its answer was lost, and time is left.

        Raises ``error`` otherwise.
        """

    def insist(self, error: DataOntapError) -> None:
        """Return after a pause after any error, if time is left. Raises ``error`` otherwise."""


class Luns(Protocol):
    """The LUNs of an SVM.

    ``once``, here and below: the request is not repeated if its answer was lost, because the caller must first
    check its preconditions again.
    """

    @property
    def comments_at_creation(self) -> bool:
        """Whether ``create_lun`` writes the comment; else ``set_lun_comment`` must. Known after ``prepare``."""

    def prepare(self) -> None:
        """Ask for the facts that creating a LUN depends on, unless they are cached."""

    def place(self, pool: str | None, name: str) -> LunRef:
        """The LUN of a volume called ``name`` in ``pool``, which may not exist. Sends no request."""

    def recall(self, path: str, uuid: str) -> LunRef:
        """The LUN that had this ``path`` and ``uuid`` when they were recorded. Sends no request."""

    def get_luns(self, *luns: LunRef) -> Found[Lun]:
        """The LUNs at the places of ``luns``. Their uuids are not compared."""

    def get_luns_called(self, name: str) -> Found[Lun]:
        """The LUNs of volumes called ``name``, in all pools."""

    def get_lun_list(self) -> Found[Lun]:
        """All LUNs of the SVM."""

    def create_lun(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun | None:
        """Create a LUN of ``size`` bytes, or of the next larger size that the filer can make.

        Returns when the LUN exists: the LUN, if the filer's answer describes it. Raises LunExists if it existed
        before.
        """

    def clone_lun(self, source: Lun, clone: LunRef) -> Lun | None:
        """Clone a LUN inside its pool, at once, with its source's reservation. Otherwise like ``create_lun``."""

    def destroy_lun(self, lun: LunRef, *, once: bool = False) -> bool:
        """Destroy a LUN; False if it did not exist. A LUN that is mapped and online is not destroyed."""

    def do_direct_resize(self, lun: LunRef, new_size_bytes: int) -> int | None:
        """Grow a LUN; returns its new size in bytes, or None if the filer does not tell."""

    def set_lun_comment(self, lun: LunRef, comment: str) -> None:
        """Replace a LUN's comment."""


class Maps(Protocol):
    """Maps, initiator groups and initiators."""

    def get_lun_map(self, *luns: LunRef) -> list[LunMap]:
        """The maps of these LUNs. A LUN that is unmapped or absent has none."""

    def get_igroup_maps(self, igroup_name: str) -> list[LunMap]:
        """All maps to a group."""

    def get_reporting_nodes(self, igroup_name: str, *luns: LunRef) -> Mapping[str, Collection[str]] | None:
        """Path of each LUN mapped to a group -> the filer's nodes that show it there. Empty: all nodes do.

        If ``luns`` are given, only these are asked for. None if the filer does not know reporting nodes.
        """

    def map_lun(self, lun: LunRef, igroup_name: str, lun_id: int, *, once: bool = False) -> bool:
        """Map a LUN to a group; False if it was already mapped to it."""

    def explain_map(self, lun: LunRef, igroup_name: str, lun_id: int, error: Refusal) -> Refusal | None:
        """Why ``map_lun`` was refused, for certain; None if the map exists. May ask the filer."""

    def unmap_lun(self, lun: LunRef, igroup_name: str, *, once: bool = False) -> bool:
        """Unmap a LUN from a group; False if it was not mapped to it. Raises NoSuchLun and NoSuchIgroup."""

    def get_igroups(self, *names: str) -> list[Igroup]:
        """The initiator groups with these names, as far as they exist."""

    def get_igroups_of(self, initiators: Collection[str]) -> list[Igroup]:
        """The initiator groups that have any of these initiators, each with all its initiators."""

    def create_igroup(self, igroup_name: str, igroup_type: str, os_type: str) -> bool:
        """Create an initiator group without initiators; False if it existed already."""

    def add_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """Add an initiator to a group; False if the group had it already."""

    def remove_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """Remove an initiator from a group that has no maps; False if the group did not have it."""

    def logged_in(self, initiators: Collection[str], protocol: str) -> set[str]:
        """Which of these initiators, ``canonical``, are logged in to the SVM now. ``protocol`` is iscsi or fc."""


class Svm(Protocol):
    """The SVM: its pools, its targets, and the rights of the account."""

    @property
    def account_commands(self) -> str:
        """The example file that has the filer's commands for an account with the least rights."""

    def tries(self) -> Tries:
        """The attempts at an operation that begins now."""

    def expect(self, lun: LunRef) -> None:
        """Say that a verb of this node created the LUN a moment ago: a list that lacks it is too old."""

    def get_pools(self, names: Collection[str]) -> list[Pool]:
        """The SVM's volumes that have one of these names."""

    def get_iscsi_service_details(self) -> str | None:
        """The name of the SVM's iSCSI target; None if it has no iSCSI service."""

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        """The SVM's iSCSI interfaces, including disabled ones. A missing number is 0."""

    def is_fcp_enabled(self) -> bool | None:
        """Whether the SVM's FC service is on; None if it has none."""

    def get_fc_target_ports(self) -> list[FcPort]:
        """The SVM's FC interfaces, including disabled ones. A missing WWPN is ""."""

    def check_connection(self) -> None:
        """Make the simplest call. Raises NotAllowed if the account may not even make that."""

    def require_svm(self) -> None:
        """Raise OntapError if the SVM does not exist: an empty list may only mean that."""

    def is_whole_cluster(self) -> bool:
        """Whether the account belongs to the whole cluster and sees every SVM."""

    def get_missing_rights(self, protocol: str, *, per_node: bool) -> list[str] | None:
        """The calls that the account lacks (``per_node``: for groups per node); None if the filer cannot tell."""


class Array(Luns, Maps, Svm, Protocol):
    """One SVM of a filer. Nothing is sent before the first call."""
