"""Volumes: what there is to know of them. They are made and destroyed over ZAPI only."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator import space
from tests.simulator.model import Volume
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import VOLUME_UUID_NOT_FOUND, Problem
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import moment, svm, told
from tests.simulator.rest.resources.foreign.volume_changing import PATCHABLE, change

OPAQUE = (
    "activity_tracking consistency_group flexgroup snapmirror tiering snapshot_policy"
    # Those that are expensive:
    "|analytics anti_ransomware application autosize efficiency encryption error_state files metric movement quota"
    " rebalancing snaplock statistics constituents"
)
SHOWN, HIDDEN = ([f"{name}:*" for name in names.split()] for names in OPAQUE.split("|"))
VOLUME = Schema(
    "uuid",
    "name",
    "svm.name svm.uuid aggregates[].name aggregates[].uuid clone.is_flexclone:b comment create_time:t language"
    " nas.export_policy.name size:n space.available:n space.size:n space.used:n snapshot_policy.name"
    " state style type"
    f" {' '.join(SHOWN)}",
    "clone.parent_svm.name clone.parent_svm.uuid clone.parent_volume.name clone.parent_volume.uuid"
    " clone.parent_snapshot.name clone.split_initiated:b guarantee.honored:b guarantee.type is_svm_root:b nas.path"
    " qos.policy.name qos.policy.uuid space.afs_total:n space.over_provisioned:n space.percent_used:n"
    " space.physical_used:n space.logical_space.available:n space.logical_space.used:n"
    " space.snapshot.reserve_percent:n"
    f" space.snapshot.used:n {' '.join(HIDDEN)}",
)


def describe(call: Call, found: Volume) -> Document:
    """A volume. The space in use is computed only if it is asked for."""
    filer = call.filer
    aggregate = filer.state.aggregates[found.aggregate,]
    clone: Document = {"is_flexclone": bool(found.parent)}
    parent = filer.volumes.get((found.vserver, found.parent))
    if parent is not None:
        snapshot = {"name": found.parent_snapshot}
        clone["parent_volume"] = {"name": parent.name, "uuid": parent.uuid}
        clone.update(parent_svm=svm(filer, parent.vserver), parent_snapshot=snapshot)
    return told(
        uuid=found.uuid,
        name=found.name,
        svm=svm(filer, found.vserver),
        aggregates=[{"name": aggregate.name, "uuid": aggregate.uuid}],
        clone=clone,
        comment=found.comment,
        create_time=moment(found.created),
        guarantee={"honored": True, "type": found.guarantee},
        is_svm_root=found.is_root,
        language="c.utf_8",
        nas={"path": found.junction} if found.junction else None,
        qos={"policy": {"name": found.qos_policy_group}} if found.qos_policy_group else None,
        size=found.size,
        space={
            "size": found.size,
            "available": lambda: space.available(filer, found),
            "used": lambda: space.used(filer, found),
            "afs_total": space.usable(found),
            "percent_used": lambda: 100 * space.used(filer, found) // found.size,
            "physical_used": lambda: space.used(filer, found),
            "snapshot": {"reserve_percent": found.reserve, "used": 0},
        },
        state=found.state,
        style="flexvol",
        type=found.type,
    )


def _volumes(call: Call) -> Iterator[Row]:
    svms = call.narrowed() if call.filer.kind.has_pools else []
    for found in call.filer.volumes.values():
        if found.vserver in svms:
            yield Row(describe(call, found), found)


def _absent(_: Call) -> Problem:
    return Problem(VOLUME_UUID_NOT_FOUND, "A volume with the specified UUID was not found.", target="uuid")


RESOURCES = (
    Resource("/storage/volumes", VOLUME, _volumes, change=change, patchable=PATCHABLE, absent=_absent, slow=True),
)
