"""What both families of ONTAP understand. Method names are the Cinder driver's, ZAPI names are in the bodies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dataontap.client.zapi import codes
from dataontap.client.zapi.api import Arguments, NaApiError, NaServer

T = TypeVar("T")


class Memory(Protocol):
    """Where the filer's version is remembered between processes."""

    def get(self) -> tuple[int, int] | None:
        """The version, unless it is unknown."""

    def put(self, version: tuple[int, int]) -> None:
        """Remember it."""

    def drop(self) -> None:
        """Forget it."""


@dataclass(frozen=True)
class LunSpec:
    """What a LUN shall be beyond its size: Cinder's ``metadata`` of ``create_lun``, as a record."""

    ostype: str
    space_reserved: bool
    comment: str


@dataclass(frozen=True)
class Lun:
    """A LUN as the filer describes it; ``size`` in bytes, ``serial`` 12 characters of which any may be odd.

    ``created`` is in seconds since the epoch, by the filer's clock.
    """

    path: str
    size: int
    serial: str
    uuid: str
    comment: str
    space_reserved: bool
    online: bool
    mapped: bool
    created: int

    @property
    def naas(self) -> tuple[str, ...]:
        """The identities that it may show to a host, in 32 hexadecimal digits: a prefix and its serial number.

        Clustered ONTAP's prefix comes first; a LUN that was moved from 7-Mode may have kept that one's.
        """
        return tuple(prefix + self.serial.encode().hex() for prefix in ("600a0980", "60a98000"))

    @property
    def pool(self) -> str:
        """Where it is: the filer's volume, or volume/qtree."""
        return self.path[len("/vol/") :].rpartition("/")[0]

    @property
    def volume(self) -> str:
        """The filer's volume that it is in."""
        return self.pool.partition("/")[0]


@dataclass(frozen=True)
class LunMap:
    """A LUN's place in one initiator group."""

    path: str
    uuid: str  # the LUN's, as in Lun
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
    errno: str
    reason: str

    def __str__(self) -> str:
        which = f"volume {self.volume}" if self.volume else "a volume"
        return f"{which} could not be listed: {self.reason} (errno {self.errno})"


class Found(list[T]):
    """The rows of an answer. ``problems``: the volumes that it lacks, as far as they concern the question.

    A row that is there is there. That one is not there proves nothing while there are problems.
    """

    def __init__(self, rows: Iterable[T] = (), problems: Iterable[VolumeProblem] = ()) -> None:
        super().__init__(rows)
        self.problems = tuple(problems)


class BaseClient:
    """Calls that are the same on clustered ONTAP and in 7-Mode."""

    # From which ONTAPI on lun-create-by-size takes an argument; a filer refuses those it does not know.
    # use-exact-size: Cinder's figure. comment: the API definition of 1.30 has none, that of 1.180 has it; when it
    # came is unknown [?], and before 1.180 a second call is the safe reading.
    EXACT_SIZE_SINCE = (1, 110)
    COMMENT_SINCE = (1, 180)

    def __init__(self, server: NaServer, remembered: Memory | None = None) -> None:
        self.server = server
        self._remembered = remembered

    def get_ontapi_version(self) -> tuple[int, int]:
        """The filer's API version, asked for; later requests go by it."""
        results = self.server.send_request("system-get-ontapi-version", enable_tunneling=False)
        self.server.version = (results.get_int("major-version"), results.get_int("minor-version"))
        if self._remembered is not None:
            self._remembered.put(self.server.version)
        return self.server.version

    def ensure_ontapi_version(self) -> None:
        """Let later requests go by the filer's API version, as remembered or else asked for."""
        version = self._remembered.get() if self._remembered is not None else None
        if version is None:
            self.get_ontapi_version()
        else:
            self.server.version = version

    def is_other_version(self, error: NaApiError) -> bool:
        """Whether ``error`` came because the filer is not of the version that we remembered; asks it anew."""
        if self._remembered is None or error.code not in codes.UNKNOWN_TO_THIS_VERSION:
            return False
        before = self.server.version
        self._remembered.drop()
        return self.get_ontapi_version() != before

    @property
    def takes_comment_at_creation(self) -> bool:
        """Whether the filer's lun-create-by-size knows ``comment``."""
        return self.server.version >= self.COMMENT_SINCE

    def create_lun(self, volume_name: str, lun_name: str, size: int, metadata: LunSpec) -> int:
        """Make a LUN of ``size`` bytes or the least more that the filer can; returns its actual size.

        Its comment is left to ``set_lun_comment`` unless ``takes_comment_at_creation``.
        """
        results = self.server.send_request(
            "lun-create-by-size",
            {
                "path": f"/vol/{volume_name}/{lun_name}",
                "size": size,
                "ostype": metadata.ostype,
                "space-reservation-enabled": metadata.space_reserved,
                "use-exact-size": True if self.server.version >= self.EXACT_SIZE_SINCE else None,
                "comment": metadata.comment if self.takes_comment_at_creation else None,
            },
            repeatable=False,
        )
        return results.get_int("actual-size", size)

    def destroy_lun(self, path: str, *, force: bool = False, once: bool = False) -> bool:
        """Destroy a LUN; False if there was none. Without ``force`` one that is mapped and online stays.

        ``once``, here and below: the caller decides whether to repeat the request.
        """
        arguments: Arguments = {"path": path, "force": True if force else None}
        return self._unless(codes.NO_SUCH_LUN, "lun-destroy", arguments, once=once)

    def map_lun(self, path: str, igroup_name: str, lun_id: int | None = None, *, once: bool = False) -> bool:
        """Map a LUN to a group; False if it was mapped to it already."""
        arguments: Arguments = {"path": path, "initiator-group": igroup_name, "lun-id": lun_id}
        return self._unless({codes.INITGROUP_HAS_VDISK}, "lun-map", arguments, once=once)

    def unmap_lun(self, path: str, igroup_name: str, *, once: bool = False) -> bool:
        """Unmap a LUN from a group; False if it was not mapped to it. One that is not there at all is an error."""
        arguments: Arguments = {"path": path, "initiator-group": igroup_name}
        return self._unless(codes.NOT_MAPPED, "lun-unmap", arguments, once=once)

    def create_igroup(self, igroup_name: str, igroup_type: str, os_type: str) -> None:
        """Make an initiator group without initiators."""
        self.server.send_request(
            "igroup-create",
            {"initiator-group-name": igroup_name, "initiator-group-type": igroup_type, "os-type": os_type},
        )

    def add_igroup_initiator(self, igroup_name: str, initiator: str) -> None:
        """Put an initiator into a group."""
        self.server.send_request("igroup-add", {"initiator-group-name": igroup_name, "initiator": initiator})

    def remove_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """Take an initiator out of a group that has no maps; False if it was not in it."""
        arguments: Arguments = {"initiator-group-name": igroup_name, "initiator": initiator}
        return self._unless({codes.NODE_NOT_IN_INITGROUP}, "igroup-remove", arguments)

    def do_direct_resize(self, path: str, new_size_bytes: int, *, force: bool = False) -> int | None:
        """Resize a LUN; returns its actual size, or None if that is what it had. Only ``force`` shrinks."""
        arguments: Arguments = {"path": path, "size": new_size_bytes, "force": True if force else None}
        try:
            results = self.server.send_request("lun-resize", arguments)
        except NaApiError as error:
            if error.code != codes.SIZE_UNCHANGED:
                raise
            return None
        return results.get_int("actual-size", new_size_bytes)

    def set_lun_comment(self, path: str, comment: str) -> None:
        """Replace a LUN's comment."""
        self.server.send_request("lun-set-comment", {"path": path, "comment": comment})

    def _unless(
        self, expected: frozenset[str] | set[str], api: str, arguments: Arguments, *, once: bool = False
    ) -> bool:
        """Call ``api``; False instead of an error when the filer answers with one of the ``expected`` errnos.

        True if it is such an answer to a repeated request, because then the first one has done it.
        """
        try:
            self.server.send_request(api, arguments, once=once)
        except NaApiError as error:
            if error.code not in expected:
                raise
            return error.after_lost_answer
        return True
