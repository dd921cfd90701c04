"""LUNs: what there is to know of them. ``lun_making`` and ``lun_changing`` have their life."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.simulator import space
from tests.simulator.api.lun_listing import at
from tests.simulator.model import Lun
from tests.simulator.nodes import node_of
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import LUN_NOT_FOUND, Problem
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources import common
from tests.simulator.rest.resources.lun_changing import PATCHABLE, change, remove
from tests.simulator.rest.resources.lun_making import POSTABLE, create

LUN = Schema(
    "uuid",
    "name",
    "svm.name svm.uuid class clone.source.name clone.source.uuid comment consistency_group.name"
    " consistency_group.uuid"
    " create_time:t enabled:b location.logical_unit location.node.name location.node.uuid location.qtree.id:n"
    " location.qtree.name location.volume.name location.volume.uuid os_type qos_policy.name qos_policy.uuid"
    " serial_number serial_number_hex space.guarantee.requested:b space.guarantee.reserved:b"
    " space.scsi_thin_provisioning_support_enabled:b space.size:s space.used:n status.container_state"
    " status.read_only:b status.state convert:* provisioning_options:*",
    "attributes[].name attributes[].value auto_delete:b copy:* lun_maps[].igroup.name lun_maps[].igroup.uuid"
    " lun_maps[].logical_unit_number:n metric:* movement:* space.efficiency_ratio:n space.physical_used:n"
    " space.physical_used_by_snapshots:n statistics:* status.mapped:b vvol:*",
    since={
        "attributes": common.V9_10_1,
        "space.efficiency_ratio": common.V9_16_1,
        "space.physical_used": common.V9_16_1,
        "space.physical_used_by_snapshots": common.V9_16_1,
        "serial_number_hex": common.V9_17_1,
    },
)


def describe(call: Call, found: Lun) -> Document:
    """A LUN. Values that cost time are computed only if they are asked for."""
    filer = call.filer
    volume = filer.volumes[found.vserver, found.volume]
    is_there = volume.state == "online"
    return common.told(
        uuid=found.uuid,
        name=found.path,
        svm=common.svm(filer, found.vserver),
        attributes=[{"name": name, "value": value} for name, value in found.attributes.items()] or None,
        auto_delete=False,
        comment=found.comment,
        create_time=common.moment(found.created),
        enabled=found.online,
        location={
            "logical_unit": found.name,
            "node": common.node(filer, node_of(filer, volume)),
            "volume": common.volume(volume),
            **({"qtree": {"name": found.qtree}} if found.qtree else {}),
        },
        lun_maps=lambda: _maps(call, found),
        os_type=found.ostype,
        qos_policy=_policy(call, found),
        serial_number=found.serial,
        serial_number_hex=found.serial.encode().hex(),
        space={
            "size": found.size,
            "used": lambda: space.lun_used(filer, found),
            "guarantee": {
                "requested": found.reserved,
                "reserved": found.reserved and volume.guarantee == "volume",
            },
            "scsi_thin_provisioning_support_enabled": found.space_allocation,
        },
        status={
            "state": "online" if found.online and is_there else "offline",
            "container_state": "online" if is_there else "volume_offline",
            "read_only": volume.is_read_only,
            "mapped": bool(found.maps),
        },
        **{"class": found.lun_class},
    )


def _maps(call: Call, found: Lun) -> list[Document]:
    groups = {name: call.filer.igroups[found.vserver, name] for name in found.maps}
    return [
        {"igroup": common.igroup(groups[name]), "logical_unit_number": number}
        for name, number in found.maps.items()
    ]


def _policy(call: Call, found: Lun) -> Document | None:
    name = found.qos_policy_group or found.qos_adaptive_policy_group
    group = call.filer.state.policy_groups.get((found.vserver, name))
    return {"name": name, "uuid": group.uuid} if group else None


def candidates(call: Call) -> Iterable[Lun]:
    """The LUNs that a call may be about, looked up where it tells their uuids, names or volumes."""
    return (each for each in _known(call) if _is_listed(call, each))


def _is_listed(call: Call, found: Lun) -> bool:
    if call.scope not in {None, found.vserver}:
        return False
    return call.filer.lists_offline or call.filer.volumes[found.vserver, found.volume].state == "online"


def _known(call: Call) -> Iterable[Lun]:
    if not call.sight.is_clear:
        return call.luns.values()
    filer, indexes = call.filer, call.filer.state.indexes
    uuids = call.exact("uuid")
    if uuids is not None:
        return [filer.luns[indexes.by_uuid[uuid]] for uuid in uuids if uuid in indexes.by_uuid]
    svms = call.narrowed()
    for paths in (call.forms("name"), _anywhere(call.exact("location.logical_unit"))):
        found = [at(filer, svm, path) for svm in svms for path in paths] if paths is not None else [None]
        if None not in found:
            return list({lun.uuid: lun for luns in found for lun in luns or ()}.values())
    volumes = call.exact("location.volume.name")
    if volumes is not None:
        inside = indexes.in_volume
        return [filer.luns[svm, path] for svm in svms for each in volumes for path in inside.get((svm, each), ())]
    return filer.luns.values()


def _anywhere(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(f"/vol/*/{name}" for name in names)


def _luns(call: Call) -> Iterator[Row]:
    for found in candidates(call):
        yield Row(describe(call, found), found)


def absent(_: Call) -> Problem:
    """There is no LUN at the path."""
    return Problem(LUN_NOT_FOUND, "The specified LUN was not found.", target="uuid")


RESOURCES = (
    Resource(
        "/storage/luns",
        LUN,
        _luns,
        create=create,
        change=change,
        remove=remove,
        postable=POSTABLE,
        patchable=PATCHABLE,
        extra={"DELETE": frozenset(["allow_delete_while_mapped"])},
        absent=absent,
        slow=True,
    ),
)
