"""clone-create: a LUN with another's data."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.simulator.api.lun import require_space
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    CLONE_EXISTS,
    CLONE_NO_SUCH_SOURCE,
    CLONE_NO_SUCH_VOLUME,
    LUN_EXISTS,
    Refusal,
)
from tests.simulator.paths import place_for

# Cloning out of snapshots and of block ranges is not simulated: those arguments are unknown here.
OPTIONS = (
    "space-reserve",
    "is-backup",
    "ignore-locks",
    "ignore-streams",
    "bypass-license-check",
    "qos-policy-group-name",
)


@api("clone-create", "volume", "source-path", "destination-path", optional=OPTIONS, since={"is-backup": 100})
def clone_create(call: Call) -> Tree:
    """A new LUN, unmapped, of the source's size, type, reservation and data; paths are relative to the
    volume.
    """
    name = call.text("volume")
    volume = call.filer.volumes.get((call.vserver, name))
    if volume is None:
        raise Refusal(CLONE_NO_SUCH_VOLUME, f"No such volume: {name}")
    source = call.filer.luns.get((call.vserver, _absolute(name, call.text("source-path"))))
    if source is None:
        raise Refusal(CLONE_NO_SUCH_SOURCE, "The clone's source does not exist")
    path = _absolute(name, call.text("destination-path"))
    _require_free(call, path)
    for flag in ("is-backup", "ignore-locks", "ignore-streams", "bypass-license-check"):
        call.flag(flag)
    keep = call.flag("space-reserve", source.reserved)
    if keep:
        require_space(call, volume, source.size)
    uuid, serial, counted = call.filer.identity()
    clone = replace(
        source,
        path=path,
        uuid=uuid,
        serial=serial,
        created=int(time.time()),
        reserved=keep,
        online=True,
        is_clone=True,
        comment=source.comment if call.filer.clones_keep_comment else "",
        maps={},
        qos_policy_group=call.text("qos-policy-group-name"),
    )
    call.filer.state.contents.copy(source.uuid, uuid, source.size)
    call.filer.state.commit(clone, counted)
    return {}


def _absolute(volume: str, relative: str) -> str:
    return f"/vol/{volume}/{relative.lstrip('/')}"


def _require_free(call: Call, path: str) -> None:
    try:
        place_for(call, path)
    except Refusal as refusal:
        if refusal.errno == LUN_EXISTS:
            raise Refusal(CLONE_EXISTS, "The clone's destination already exists") from None
        raise
