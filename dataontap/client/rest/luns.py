"""LUNs over REST. Changes address a LUN by its uuid, never by a query."""

from __future__ import annotations

from typing import Callable

from dataontap.client.array import Lun, LunRef, LunSpec
from dataontap.client.found import Found
from dataontap.client.rest import codes
from dataontap.client.rest.api import JobUnclear, any_of, literal, segment
from dataontap.client.rest.fields import Record, flag, number, optional_number, records, required, seconds, text
from dataontap.client.rest.kinds import Kinds
from dataontap.client.rest.recent import DOUBT_SECONDS, STALE_SECONDS
from dataontap.errors import DeadlineError, LunExists, NoSuchLun, OntapError, Refusal, TransportError

LUNS = "/storage/luns"
# The beginning of every LUN's path, except on ASA r2.
VOLUMES = "/vol/"

_FIELDS = (
    "name,svm.uuid,serial_number,comment,create_time,enabled,status.state,status.mapped,location.node.name,"
    "space.size,space.guarantee.requested,space.scsi_thin_provisioning_support_enabled"
)


class LunCalls(Kinds):
    """Methods are described in ``Luns`` of ``client.array``."""

    comments_at_creation = True

    def prepare(self) -> None:
        """See ``Luns``: make sure that the filer is of a kind that has such LUNs."""
        self.require_served()

    def place(self, pool: str | None, name: str) -> LunRef:
        """See ``Luns``."""
        return LunRef(pool, name, f"{VOLUMES}{pool}/{name}")

    def recall(self, path: str, uuid: str) -> LunRef:
        """See ``Luns``."""
        return LunRef(*_split(path), path, uuid)

    def get_luns(self, *luns: LunRef) -> Found[Lun]:
        """See ``Luns``."""
        paths = [lun.path for lun in luns]
        if not paths:  # an empty query would match every LUN
            return Found()
        found = self.settled(
            lambda: self._luns({"name": any_of(paths)}, lambda lun: lun.path in paths),
            facts=lambda lun: [("lun", lun.path)],
            asked=lambda fact: fact[0] == "lun" and fact[1] in paths,
        )
        return Found(found)

    def get_luns_called(self, name: str) -> Found[Lun]:
        """See ``Luns``: also in a pool's qtree."""
        found = self.settled(
            lambda: self._luns({"location.logical_unit": literal(name)}, lambda lun: lun.name == name),
            facts=lambda lun: [("lun", lun.path)],
            asked=lambda fact: fact[0] == "lun" and _split(fact[1])[1] == name,
        )
        return Found(found)

    def get_lun_list(self) -> Found[Lun]:
        """See ``Luns``."""
        return Found(self._luns({}, lambda lun: True))

    def _luns(self, query: dict[str, str], is_asked: Callable[[Lun], bool]) -> list[Lun]:
        return self.iterate(
            LUNS, self._lun, key=lambda lun: (lun.path,), query=query, fields=_FIELDS, is_asked=is_asked
        )

    def _lun(self, record: Record) -> Lun:
        path, uuid = text(record, "name"), required(record, "uuid")
        pool, name = _split(path)
        self.learn(path, uuid)
        self.svm.learn(text(record, "svm.uuid"))
        return Lun(
            pool=pool,
            name=name,
            path=path,
            size=number(record, "space.size"),
            serial=text(record, "serial_number"),
            uuid=uuid,
            comment=text(record, "comment"),
            space_reserved=flag(record, "space.guarantee.requested"),
            discard=flag(record, "space.scsi_thin_provisioning_support_enabled"),
            online=flag(record, "enabled") and text(record, "status.state") != "offline",
            mapped=flag(record, "status.mapped"),
            created=seconds(record, "create_time"),
            node=text(record, "location.node.name"),
        )

    def create_lun(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun | None:
        """See ``Luns``."""
        space = {"size": size, "guarantee": {"requested": metadata.space_reserved}}
        return self._make(lun, {"os_type": metadata.ostype, "space": space, "comment": metadata.comment})

    def clone_lun(self, source: Lun, clone: LunRef) -> Lun | None:
        """See ``Luns``. A clone has its source's discard only if that is said (netapp-ontap, lun)."""
        space = {
            "guarantee": {"requested": source.space_reserved},
            "scsi_thin_provisioning_support_enabled": source.discard,
        }
        return self._make(clone, {"clone": {"source": {"uuid": self.existing_uuid(source)}}, "space": space})

    def _make(self, lun: LunRef, properties: dict[str, object]) -> Lun:
        fact = ("lun", lun.path)
        body = {"name": lun.path, **properties}
        unclear: OntapError | None = None
        try:
            content = self.make(LUNS, body, repeatable=False)
        except LunExists:
            self.recent.note(fact, True)
            raise
        except JobUnclear as error:
            content, unclear = {}, error
        except Refusal as error:
            if error.code not in codes.LUN_MADE:
                raise
            content, unclear = {}, error
        except TransportError as error:
            if error.sent:
                self.recent.note(fact, True, DOUBT_SECONDS)
            raise
        self.recent.note(fact, True)
        return self._made(lun, content, unclear)

    def _made(self, lun: LunRef, content: Record, unclear: OntapError | None) -> Lun:
        """The new LUN, from the answer or else from the list. Raises ``unclear`` if there is none."""
        for record in records(content):
            if text(record, "name") != lun.path:
                raise OntapError(f"the filer created another LUN than {lun.path}")
            if text(record, "uuid") and text(record, "serial_number") and optional_number(record, "space.size"):
                return self._lun({"enabled": True, **record})
        try:
            found = self.get_luns(lun)
        except DeadlineError:
            raise unclear or JobUnclear(f"the filer created {lun.path}, but does not list it in time") from None
        if not found:
            raise unclear or JobUnclear(f"the filer created {lun.path}, but does not list it")
        return found[0]

    def destroy_lun(self, lun: LunRef, *, once: bool = False) -> bool:
        """See ``Luns``: never by force."""
        try:
            uuid = self.existing_uuid(lun)
            self.server.send("DELETE", f"{LUNS}/{segment(uuid)}", once=once)
        except JobUnclear as error:
            self._await_end(uuid, error)
        except Refusal as error:
            if not _is_absent(error):
                raise
            return error.after_lost_answer
        self.recent.note(("lun", lun.path), False)
        self.learn(lun.path, "")
        return True

    def _await_end(self, uuid: str, unclear: JobUnclear) -> None:
        """Return when the LUN does not exist any more. Raises ``unclear`` if it stays."""
        for _ in self.server.patience.looks("waiting until the LUN is gone", seconds=STALE_SECONDS):
            try:
                self._read(uuid)
            except Refusal as error:
                if not _is_absent(error):
                    raise
                return
        raise unclear

    def do_direct_resize(self, lun: LunRef, new_size_bytes: int) -> int | None:
        """See ``Luns``. The filer may round the size up, and no source says that its answer tells the size [?]."""
        uuid = self.existing_uuid(lun)
        try:
            space: dict[str, object] = {"space": {"size": new_size_bytes}}
            content = self._change(uuid, space, lambda lun: lun.size >= new_size_bytes)
        except Refusal as error:
            if error.code != codes.SIZE_UNCHANGED:
                raise
            content = {}
        told = next((optional_number(record, "space.size") for record in records(content)), None)
        return told or self._read(uuid).size

    def set_lun_comment(self, lun: LunRef, comment: str) -> None:
        """See ``Luns``."""
        self._change(self.existing_uuid(lun), {"comment": comment}, lambda lun: lun.comment == comment)

    def _change(self, uuid: str, properties: dict[str, object], is_done: Callable[[Lun], bool]) -> Record:
        try:
            return self.server.send("PATCH", f"{LUNS}/{segment(uuid)}", {"return_records": "true"}, properties)
        except JobUnclear:
            for _ in self.server.patience.looks("waiting until the LUN is changed", seconds=STALE_SECONDS):
                if is_done(self._read(uuid)):
                    return {}
            raise

    def _read(self, uuid: str) -> Lun:
        return self._lun(self.server.get(f"{LUNS}/{segment(uuid)}", {"fields": _FIELDS}))

    def existing_uuid(self, lun: LunRef) -> str:
        """The LUN's uuid. Asks the filer if it is not known; NoSuchLun if there is no LUN."""
        uuid = self.known_uuid(lun) or next((found.uuid for found in self.get_luns(lun)), "")
        if not uuid:
            raise NoSuchLun(f"there is no LUN {lun.path}", call="GET luns")
        return uuid


def _is_absent(error: Refusal) -> bool:
    return isinstance(error, NoSuchLun) or error.code in codes.NOT_FOUND


def _split(path: str) -> tuple[str | None, str]:
    """The pool and the name in a LUN's path."""
    pool, _, name = path[len(VOLUMES) :].rpartition("/")
    return pool, name
