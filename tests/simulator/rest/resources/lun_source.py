"""What a LUN is cloned from."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.api.snapshot import luns_in
from tests.simulator.model import Lun
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem


@dataclass(frozen=True)
class Source:
    """What is cloned: a LUN's record, and the file with its data."""

    lun: Lun
    content: str


def source(call: Call, svm: str, volume: str) -> Source:
    """The LUN of ``clone.source``: one of the volume, or of one of its snapshots."""
    name, uuid = call.body.text("clone.source.name"), call.body.text("clone.source.uuid")
    parts = name.split("/")
    if len(parts) > 5 and parts[3] == ".snapshot":
        return _in_snapshot(call, svm, parts, volume)
    by_uuid = call.filer.state.indexes.by_uuid.get(uuid)
    found = call.filer.luns.get(by_uuid or ("", "")) if uuid else call.filer.luns.get((svm, name))
    if found is None or found.vserver != svm:
        code = codes.LUN_NOT_FOUND if uuid else codes.LUN_NAME_NOT_FOUND
        raise Problem(code, "The specified clone.source was not found.", target="clone.source")
    if name not in {"", found.path}:
        raise Problem(codes.LUN_SOURCE_DISAGREES, "clone.source.uuid and .name do not refer to the same LUN.")
    if found.volume != volume:
        raise Problem(codes.CLONE_OTHER_VOLUME, "Cloning a LUN to a different volume is not supported.")
    return Source(found, found.uuid)


def _in_snapshot(call: Call, svm: str, parts: list[str], volume: str) -> Source:
    if parts[2] != volume:
        raise Problem(codes.CLONE_OTHER_VOLUME, "Cloning a LUN to a different volume is not supported.")
    snapshot = call.filer.state.snapshots.get((svm, parts[2], parts[4]))
    path = "/".join([*parts[:3], *parts[5:]])
    for content, lun in (luns_in(snapshot) if snapshot else {}).items():
        if lun.path == path:
            return Source(lun, content)
    raise Problem(codes.LUN_NAME_NOT_FOUND, "The specified clone.source was not found.", target="clone.source")
