"""Snapshots of volumes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator.model import Volume
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import VOLUME_UUID_NOT_FOUND, Problem
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources import common

SNAPSHOT = Schema(
    "volume.uuid uuid",
    "name volume.name",
    "comment create_time:t svm.name svm.uuid size:n state owners[] snapmirror_label expiry_time:t version_uuid",
)


def _volume(call: Call) -> Volume:
    for found in call.filer.volumes.values():
        if found.uuid == call.place["volume.uuid"] and found.vserver in call.svms:
            return found
    raise Problem(VOLUME_UUID_NOT_FOUND, "A volume with the specified UUID was not found.", target="volume.uuid")


def _snapshots(call: Call) -> Iterator[Row]:
    volume = _volume(call)
    for found in call.filer.state.snapshots.values():
        if (found.vserver, found.volume) == volume.key:
            yield Row(
                common.told(
                    uuid=found.uuid,
                    name=found.name,
                    volume=common.volume(volume),
                    svm=common.svm(call.filer, volume.vserver),
                    comment=found.comment,
                    create_time=common.moment(found.created),
                    size=0,
                    state="valid",
                    version_uuid=found.uuid,
                ),
                found,
            )


RESOURCES = (Resource("/storage/volumes/{volume.uuid}/snapshots", SNAPSHOT, _snapshots, owner=_volume),)
