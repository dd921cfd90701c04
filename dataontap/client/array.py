"""What the policy asks of a filer, whatever its API: intentions, frozen records, and nothing of how it is done.

A new kind of filer is a new folder beside ``zapi`` with one more ``Array``. Errors are those of ``errors``:
LunExists, NoSuchLun, NoSuchIgroup, LunIdTaken, MapConflict and NotAllowed say that nothing was done. After any
other OntapError, or a DeadlineError, a request may have been carried out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dataontap.errors import DataOntapError

T = TypeVar("T")


@dataclass(frozen=True)
class LunSpec:
    """What a LUN shall be beyond its size: Cinder's ``metadata`` of ``create_lun``, as a record."""

    ostype: str
    space_reserved: bool
    comment: str


@dataclass(frozen=True)
class LunRef:
    """Which LUN is meant: the volume's ``name``, in ``pool``, None on a filer without pools.

    ``path`` is what the filer calls it, for its administrator. ``uuid`` is the filer's, "" where it is not known.
    """

    pool: str | None
    name: str
    path: str
    uuid: str = ""

    @property
    def where(self) -> str:
        """The pool, for people."""
        return self.pool or "the SVM"

    @property
    def volume(self) -> str:
        """The filer's volume that it is in: its pool, without a qtree."""
        return (self.pool or "").partition("/")[0]


@dataclass(frozen=True)
class Lun(LunRef):
    """A LUN as the filer describes it; ``size`` in bytes, ``serial`` 12 characters of which any may be odd.

    ``created`` is in seconds since the epoch, by the filer's clock.
    """

    size: int = 0
    serial: str = ""
    comment: str = ""
    space_reserved: bool = False
    online: bool = True
    mapped: bool = False
    created: int = 0

    @property
    def naas(self) -> tuple[str, ...]:
        """The identities that it may show to a host, in 32 hexadecimal digits: a prefix and its serial number.

        Clustered ONTAP's prefix comes first; a LUN that was moved from 7-Mode may have kept that one's.
        """
        return tuple(prefix + self.serial.encode().hex() for prefix in ("600a0980", "60a98000"))


@dataclass(frozen=True)
class LunMap:
    """A LUN's place in one initiator group; ``path`` and ``uuid`` are the LUN's."""

    path: str
    uuid: str
    igroup: str
    lun_id: int


@dataclass(frozen=True)
class Igroup:
    """An initiator group; ``protocol`` is iscsi, fcp or mixed."""

    name: str
    protocol: str
    initiators: tuple[str, ...]


@dataclass(frozen=True)
class IscsiPortal:
    """An interface of the SVM that serves iSCSI: IP address, TCP port, portal group tag."""

    address: str
    port: int
    tag: int
    enabled: bool


@dataclass(frozen=True)
class Pool:
    """A volume of the filer: may it hold LUNs of its own, or does it only show another one's?

    ``type`` is rw, or dp or ls for mirrors; ``state`` is online, restricted or offline, "" where the filer does
    not tell. ``size`` and ``available`` are what LUNs may take and what is left of it, in bytes, None where it
    does not tell; ``grows`` is whether the filer gives it room by itself (autosize).
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
        """Whether anything can be made in it."""
        return self.type == "rw"

    @property
    def online(self) -> bool:
        """Whether its LUNs are served, as far as the filer tells."""
        return self.state in {"", "online"}


@dataclass(frozen=True)
class VolumeProblem:
    """A volume of the filer that could not be listed; ``volume`` is "" where the filer does not tell which."""

    volume: str
    reason: str

    def __str__(self) -> str:
        which = f"volume {self.volume}" if self.volume else "a volume"
        return f"{which} could not be listed: {self.reason}"


class Found(list[T]):
    """The rows of an answer. ``problems``: the volumes that it lacks, as far as they concern the question.

    A row that is there is there. That one is not there proves nothing while there are problems.
    """

    def __init__(self, rows: Iterable[T] = (), problems: Iterable[VolumeProblem] = ()) -> None:
        super().__init__(rows)
        self.problems = tuple(problems)


class Tries(Protocol):
    """The attempts at one thing, which is decided anew before each of them."""

    def again(self, error: DataOntapError) -> None:
        """Return, after a pause, if the filer was only busy or its answer was lost, and time is left.

        Raises ``error`` otherwise.
        """

    def insist(self, error: DataOntapError) -> None:
        """The same, whatever the error."""


class Luns(Protocol):
    """The LUNs of an SVM.

    ``once``, here and below: a request whose answer was lost is not repeated, because what it depends on has to be
    looked at again first.
    """

    @property
    def comments_at_creation(self) -> bool:
        """Whether ``create_lun`` writes the comment. If not, ``set_lun_comment`` has to. Ask after ``prepare``."""

    def prepare(self) -> None:
        """Learn what making a LUN depends on, if it is not remembered."""

    def place(self, pool: str | None, name: str) -> LunRef:
        """Where the LUN of a volume called ``name`` is, or would be, in ``pool``. Nothing is asked."""

    def recall(self, path: str, uuid: str) -> LunRef:
        """The LUN that had this ``path`` and ``uuid`` when they were noted. Nothing is asked."""

    def get_luns(self, *luns: LunRef) -> Found[Lun]:
        """Those of these places that have a LUN, whatever its uuid."""

    def get_luns_called(self, name: str) -> Found[Lun]:
        """The LUNs of volumes called ``name``, in whatever pool."""

    def get_lun_list(self) -> Found[Lun]:
        """All LUNs of the SVM."""

    def create_lun(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun | None:
        """Make a LUN of ``size`` bytes or the least more that the filer can; the LUN, if the filer tells of it.

        Returns when it is there. Raises LunExists if there was one.
        """

    def clone_lun(self, source: Lun, clone: LunRef) -> Lun | None:
        """Clone a LUN inside its pool, at once, reserved as its source is; as ``create_lun`` otherwise."""

    def destroy_lun(self, lun: LunRef, *, once: bool = False) -> bool:
        """Destroy a LUN; False if there was none. One that is mapped and online stays."""

    def do_direct_resize(self, lun: LunRef, new_size_bytes: int) -> int | None:
        """Let a LUN grow; its size in bytes then, or None if the filer does not tell."""

    def set_lun_comment(self, lun: LunRef, comment: str) -> None:
        """Replace a LUN's comment."""


class Maps(Protocol):
    """Who sees them."""

    def get_lun_map(self, *luns: LunRef) -> list[LunMap]:
        """Where these LUNs are mapped; nothing for an unmapped or absent one."""

    def get_igroup_maps(self, igroup_name: str) -> list[LunMap]:
        """All that is mapped to a group."""

    def map_lun(self, lun: LunRef, igroup_name: str, lun_id: int, *, once: bool = False) -> bool:
        """Map a LUN to a group; False if it was mapped to it already."""

    def unmap_lun(self, lun: LunRef, igroup_name: str, *, once: bool = False) -> bool:
        """Unmap a LUN from a group; False if it was not mapped to it. Raises NoSuchLun and NoSuchIgroup."""

    def get_igroups(self, *names: str) -> list[Igroup]:
        """Those of these initiator groups that there are."""

    def get_igroups_of(self, initiators: Collection[str]) -> list[Igroup]:
        """The initiator groups that have any of these initiators, each with all that it has."""

    def create_igroup(self, igroup_name: str, igroup_type: str, os_type: str) -> bool:
        """Make an initiator group without initiators; False if there was one."""

    def add_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """Put an initiator into a group; False if it was in it."""

    def remove_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """Take an initiator out of a group that has no maps; False if it was not in it."""

    def logged_in(self, initiators: Collection[str], protocol: str) -> set[str]:
        """Which of these initiators are logged in to the SVM now, in lower case. ``protocol`` is iscsi or fc."""


class Svm(Protocol):
    """What else there is of an SVM."""

    def tries(self) -> Tries:
        """The attempts at something that begins now."""

    def get_pools(self, names: Collection[str]) -> list[Pool]:
        """Those of the SVM's volumes that have one of these names."""

    def get_iscsi_service_details(self) -> str | None:
        """The name of the SVM's iSCSI target; None where it has no iSCSI service."""

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        """The SVM's interfaces that serve iSCSI, the disabled ones among them; 0 where a number is missing."""

    def check_connection(self) -> None:
        """Ask the least that there is to ask. Raises NotAllowed if the account may not even ask that."""

    def is_whole_cluster(self) -> bool:
        """Whether the account is one of the whole cluster, which sees every SVM."""

    def get_missing_rights(self, protocol: str, *, per_node: bool) -> list[str] | None:
        """The calls that the account lacks, with a group per node or not; None if the filer is too old to tell."""


class Array(Luns, Maps, Svm, Protocol):
    """One SVM of a filer. Nothing is sent before the first question."""
