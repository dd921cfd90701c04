"""What the storage admin sees on the simulated filer, to the byte: LUNs, their maps, and their data."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from dataontap.client.zapi.cmode import CmodeClient
from tests.simulator.process import Simulator

MIB = 1024 * 1024
_SHOWN = {"lun-info": dict.fromkeys(("path", "size", "comment", "uuid", "online", "serial-number"), "")}
_MAPPED = {"lun-map-info": dict.fromkeys(("path", "initiator-group", "lun-id"), "")}


# In the place of a LUN's own serial number, as tags have it, in its comment here: the filer chooses it.
SERIAL = "SERIAL"


class Lun(NamedTuple):
    """A LUN as it is or should be: MiB, comment, the groups that it is mapped to, the first of its data."""

    size: int
    comment: str
    groups: tuple[str, ...]
    data: bytes = b""


View = dict[str, Lun]


class Inventory:
    """One SVM of ``simulator``, as ``admin`` sees it; LUNs' data are read from the simulator's files."""

    def __init__(self, simulator: Simulator, admin: CmodeClient) -> None:
        self._contents = simulator.state / "luns"
        self._admin = admin
        self._digests: dict[str, tuple[tuple[int, ...], bytes]] = {}  # by UUID, with what the file was like

    def ask(self, api: str, **arguments: object) -> None:
        """Let the admin make a call; names have underscores for dashes."""
        words = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._admin.server.send_request(api, words)  # type: ignore[arg-type]

    def add(self, path: str, lun: Lun) -> None:
        """Make a LUN, with the first of its data in place."""
        self.ask("lun-create-by-size", path=path, size=lun.size * MIB, ostype="linux")
        (record,) = self._records("lun-get-iter", _SHOWN, {"lun-info": {"path": path}})
        self.ask("lun-set-comment", path=path, comment=lun.comment.replace(SERIAL, _serial(record)))
        for group in lun.groups:
            self.ask("lun-map", path=path, initiator_group=group)
        with (self._contents / record["uuid"]).open("r+b") as content:
            content.write(lun.data)

    def luns(self) -> View:
        """All LUNs, by their paths."""
        groups: dict[str, list[str]] = {}
        for record in self._records("lun-map-get-iter", _MAPPED):
            groups.setdefault(record["path"], []).append(record["initiator-group"])
        return {
            record["path"]: Lun(
                int(record["size"]) // MIB,
                record.get("comment", "").replace(_serial(record), SERIAL),
                tuple(sorted(groups.get(record["path"], ()))),
                self._data(record["uuid"]),
            )
            for record in self._records("lun-get-iter", _SHOWN)
        }

    def exactly(self, part: str) -> dict[str, object]:
        """The LUNs that have ``part`` in their paths, to the byte and the LUN id; and all groups."""
        maps = self._records("lun-map-get-iter", _MAPPED)
        seen: dict[str, object] = {}
        for record in self._records("lun-get-iter", _SHOWN):
            if part in record["path"]:
                ways = [mapping for mapping in maps if mapping["path"] == record["path"]]
                seen[record["path"]] = (record, self._digest(record["uuid"]), ways)
        for group in self._records("igroup-get-iter", None):
            seen[group["initiator-group-name"]] = group
        return seen

    def _digest(self, uuid: str) -> bytes:
        """Of all data; a file that nobody wrote to since the last time is not read again."""
        file = self._contents / uuid
        now = file.stat()
        like = (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        known, digest = self._digests.get(uuid, ((), b""))
        if known != like:
            digest = sha256(file.read_bytes()).digest()
            self._digests[uuid] = (like, digest)
        return digest

    def _data(self, uuid: str) -> bytes:
        with (self._contents / uuid).open("rb") as content:
            return content.read(100).rstrip(b"\0")

    def _records(self, api: str, wanted: object, query: object = None) -> list[dict[str, str]]:
        arguments = {"max-records": 1000, "desired-attributes": wanted, "query": query}
        results = self._admin.server.send_request(api, arguments)  # type: ignore[arg-type]
        found = results.get_child_by_name("attributes-list")
        records = found.get_children() if found is not None else ()
        return [{leaf.name: leaf.get_content() for leaf in record.get_children()} for record in records]


def _serial(record: dict[str, str]) -> str:
    return record["serial-number"].encode().hex()
