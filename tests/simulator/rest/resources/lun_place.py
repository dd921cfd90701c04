"""Where a new LUN is to be: its path, whole or in parts, and whether the place is free."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.simulator import errnos, paths
from tests.simulator.model import Volume, Vserver
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.resources.common import refusals

PLACES: Mapping[int, str] = {
    errnos.INVALID_INPUT: codes.LUN_NAME_INVALID,
    errnos.NO_SUCH_VOLUME: codes.VOLUME_NOT_FOUND,
    errnos.VOLUME_OFFLINE: codes.LUN_VOLUME_OFFLINE,
    errnos.VOLUME_READ_ONLY: codes.LUN_IN_MIRROR,
    errnos.NO_SUCH_DIRECTORY: codes.QTREE_NOT_FOUND,
    errnos.LUN_EXISTS: codes.LUN_EXISTS,
    errnos.TOO_MANY_LUNS: codes.NO_SUITABLE_STORAGE,
}


def path_of(call: Call, svm: Vserver) -> str:
    """The path that the body gives, whole or in parts that must agree with it."""
    body, name, base = call.body, call.body.text("name"), call.body.text("location.logical_unit")
    volume, qtree = _volume_name(call, svm), body.text("location.qtree.name")
    if not name:
        if not volume:
            raise Problem(codes.LUN_WITHOUT_VOLUME, "No volume was specified for the LUN.")
        if not base:
            raise Problem(codes.LUN_WITHOUT_BASE, "No LUN path base name was provided for the LUN.")
        name = "/".join(filter(None, ["/vol", volume, qtree, base]))
    parts = name.split("/")
    if parts[:2] != ["", "vol"] or not 4 <= len(parts) <= 5 or not all(parts[2:]):
        raise Problem(codes.LUN_NAME_INVALID, f"The LUN name {name!r} is invalid.", target="name")
    if parts[3] == ".snapshot":
        raise Problem(codes.LUN_IN_SNAPSHOT, "LUNs cannot be created in snapshots.", target="name")
    if not re.fullmatch(r"[A-Za-z0-9._{}-]+", parts[-1]):
        raise Problem(
            codes.LUN_NAME_CHARACTERS, f"The LUN name {parts[-1]!r} has other characters.", target="name"
        )
    for given, is_so, code in (
        (volume, parts[2], codes.LUN_VOLUME_DISAGREES),
        (qtree, parts[3] if len(parts) == 5 else "", codes.LUN_QTREE_DISAGREES),
        (base, parts[-1], codes.LUN_BASE_DISAGREES),
    ):
        if given and given != is_so:
            raise Problem(code, f"{given!r} and the LUN name {name!r} disagree.", target="name")
    return name


def _volume_name(call: Call, svm: Vserver) -> str:
    name, uuid = call.body.text("location.volume.name"), call.body.text("location.volume.uuid")
    if not uuid:
        return name
    found = [each for each in call.filer.volumes.values() if (each.vserver, each.uuid) == (svm.name, uuid)]
    if not found:
        raise Problem(codes.VOLUME_UUID_NOT_FOUND, "A volume with the specified UUID was not found.")
    if name not in {"", found[0].name}:
        raise Problem(codes.VOLUME_MISMATCH, "location.volume.uuid and .name do not refer to the same volume.")
    return found[0].name


def free_place(call: Call, svm: str, path: str, exists: str = codes.LUN_EXISTS) -> Volume:
    """The volume of a path at which a LUN may be made; ``exists`` is the code for a LUN that is there."""
    with refusals({**PLACES, errnos.LUN_EXISTS: exists}):
        volume = paths.place_in(call.filer, svm, path)
    if volume.is_root:
        raise Problem(codes.LUN_IN_ROOT_VOLUME, "LUNs cannot be created on an SVM root volume.")
    return volume
