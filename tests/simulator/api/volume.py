"""Volumes, and snapshots of them."""

from __future__ import annotations

import time

from tests.simulator.api.system import NODE
from tests.simulator.api.vserver import AGGREGATE
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import SNAPSHOT_EXISTS, VOLUME_DOES_NOT_EXIST, Refusal
from tests.simulator.filer import Filer
from tests.simulator.iterator import ITERATOR, Fields, Listing
from tests.simulator.model import Snapshot, Volume

FIELDS: Fields = {
    "encrypt": None,
    "volume-id-attributes": {
        **dict.fromkeys(
            [
                "application",
                "application-uuid",
                "comment",
                "containing-aggregate-name",
                "containing-aggregate-uuid",
                "creation-time",
                "dsid",
                "extent-size",
                "flexgroup-index",
                "flexgroup-msid",
                "flexgroup-uuid",
                "fsid",
                "instance-uuid",
                "junction-parent-name",
                "junction-path",
                "msid",
                "name",
                "name-ordinal",
                "node",
                "owning-vserver-name",
                "owning-vserver-uuid",
                "provenance-uuid",
                "style",
                "style-extended",
                "type",
                "uuid",
            ]
        ),
        "aggr-list": {"aggr-name": None},
        "nodes": {"node-name": None},
    },
    "volume-clone-attributes": {
        "clone-child-count": None,
        "volume-clone-parent-attributes": dict.fromkeys(["name", "uuid", "vserver-name"]),
    },
    "volume-space-attributes": dict.fromkeys(
        [
            "expected-available",
            "filesystem-size",
            "is-filesys-size-fixed",
            "is-space-guarantee-enabled",
            "overwrite-reserve",
            "percentage-fractional-reserve",
            "percentage-size-used",
            "percentage-snapshot-reserve",
            "physical-used",
            "size",
            "size-available",
            "size-available-for-snapshots",
            "size-total",
            "size-used",
            "size-used-by-snapshots",
            "snapshot-reserve-available",
            "snapshot-reserve-size",
            "space-full-threshold-percent",
            "space-guarantee",
            "space-mgmt-option-try-first",
            "space-nearly-full-threshold-percent",
        ]
    ),
    "volume-state-attributes": dict.fromkeys(
        [
            "is-cluster-volume",
            "is-constituent",
            "is-flexgroup",
            "is-inconsistent",
            "is-invalid",
            "is-junction-active",
            "is-moving",
            "is-node-root",
            "is-nvfail-enabled",
            "is-quiesced-in-memory",
            "is-quiesced-on-disk",
            "is-unrecoverable",
            "is-volume-in-cutover",
            "is-vserver-root",
            "state",
        ]
    ),
}


def reserved(filer: Filer, volume: Volume) -> int:
    """How much of a volume its space-reserved LUNs take; thin ones take nothing here, whatever they hold."""
    return sum(
        lun.size
        for lun in filer.luns.values()
        if lun.reserved and lun.vserver == volume.vserver and lun.volume == volume.name
    )


def describe(filer: Filer, volume: Volume) -> Tree:
    """An online flexible volume, as volume-attributes."""
    used = reserved(filer, volume)
    parent = filer.volumes.get((volume.vserver, volume.parent))
    return {
        "volume-clone-attributes": {
            "clone-child-count": sum(
                other.parent == volume.name for other in filer.volumes.values() if other.vserver == volume.vserver
            ),
            **(
                {
                    "volume-clone-parent-attributes": {
                        "name": parent.name,
                        "uuid": parent.uuid,
                        "vserver-name": parent.vserver,
                    }
                }
                if parent is not None
                else {}
            ),
        },
        "volume-id-attributes": {
            "containing-aggregate-name": AGGREGATE,
            "creation-time": volume.created,
            "name": volume.name,
            "node": NODE,
            "owning-vserver-name": volume.vserver,
            "owning-vserver-uuid": filer.vservers[volume.vserver,].uuid,
            "style": "flex",
            "style-extended": "flexvol",
            "type": volume.type,
            "uuid": volume.uuid,
        },
        "volume-space-attributes": {
            "is-space-guarantee-enabled": True,
            "percentage-size-used": used * 100 // volume.size,
            "percentage-snapshot-reserve": 0,
            "size": volume.size,
            "size-available": volume.size - used,
            "size-total": volume.size,
            "size-used": used,
            "space-guarantee": "volume",
        },
        "volume-state-attributes": {
            "is-cluster-volume": True,
            "is-inconsistent": False,
            "is-invalid": False,
            "is-node-root": False,
            "is-vserver-root": False,
            "state": "online",
        },
    }


KEY = ("volume-id-attributes/owning-vserver-name", "volume-id-attributes/name")


@api("volume-get-iter", optional=ITERATOR, tunnelled=False)
def volume_get_iter(call: Call) -> Tree:
    """Volumes, of one vserver or of the cluster."""
    listing: Listing[Volume] = Listing(
        "volume-attributes", KEY, FIELDS, lambda volume: describe(call.filer, volume)
    )
    volumes = call.filer.volumes
    query = listing.query(call)
    name = query.plain("volume-id-attributes", "name")
    return listing.answer(
        call,
        {key: volumes[key] for key in volumes if call.scope in {None, key[0]} and name in {None, key[1]}},
        query,
    )


@api("snapshot-create", "volume", "snapshot", optional=("async", "comment", "snapmirror-label"))
def snapshot_create(call: Call) -> Tree:
    """A snapshot's name; its content is not kept."""
    call.flag("async")
    volume, name = call.text("volume"), call.text("snapshot")
    if (call.vserver, volume) not in call.filer.volumes:
        raise Refusal(VOLUME_DOES_NOT_EXIST, f"No volume named {volume!r} exists.")
    snapshot = Snapshot(call.vserver, volume, name, int(time.time()), call.text("comment"))
    if snapshot.key in call.filer.state.snapshots:
        raise Refusal(SNAPSHOT_EXISTS, f"Snapshot {name!r} already exists.")
    call.filer.state.commit(snapshot)
    return {}
