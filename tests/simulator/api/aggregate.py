"""Aggregates and their disks.  Each aggregate is one plex of one RAID group of identical disks."""

from __future__ import annotations

from tests.simulator import space
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import NO_SUCH_AGGREGATE, Refusal
from tests.simulator.iterator import ITERATOR, fields, trees
from tests.simulator.model import Aggregate

DISKS = 6
RAID = "raid_dp"


def find(call: Call, name: str) -> Aggregate:
    """The aggregate of that name."""
    aggregate = call.filer.state.aggregates.get((name,))
    if aggregate is None:
        raise Refusal(NO_SUCH_AGGREGATE, f"Aggregate {name!r} does not exist.")
    return aggregate


def _space(call: Call, aggregate: Aggregate) -> Tree:
    used = space.aggregate_used(call.filer, aggregate)
    return {
        "aggregate-metadata": 0,
        "hybrid-cache-size-total": 0,
        "percent-used-capacity": used * 100 // aggregate.size,
        "physical-used": used,
        "physical-used-percent": used * 100 // aggregate.size,
        "size-available": space.aggregate_available(call.filer, aggregate),
        "size-total": aggregate.size,
        "size-used": used,
        "total-reserved-space": 0,
        "used-including-snapshot-reserve": used,
        "volume-footprints": used,
    }


def describe(call: Call, aggregate: Aggregate) -> Tree:
    """An aggregate, as aggr-attributes."""
    volumes = [volume for volume in call.filer.volumes.values() if volume.aggregate == aggregate.name]
    return {
        "aggregate-name": aggregate.name,
        "aggregate-uuid": aggregate.uuid,
        "aggr-inode-attributes": {"files-total": 31142, "files-used": 96, "percent-inode-used-capacity": 0},
        "aggr-ownership-attributes": {
            "cluster": call.filer.cluster.name,
            "home-id": 1,
            "home-name": aggregate.node,
            "owner-id": 1,
            "owner-name": aggregate.node,
        },
        "aggr-raid-attributes": {
            "aggregate-type": "hdd",
            "disk-count": DISKS,
            "ha-policy": "sfo",
            "has-local-root": False,
            "has-partner-root": False,
            "is-checksum-enabled": True,
            "is-flash-pool-caching-enabled": False,
            "is-hybrid": False,
            "is-hybrid-enabled": False,
            "is-inconsistent": False,
            "is-root-aggregate": False,
            "mirror-status": "unmirrored",
            "plex-count": 1,
            "plexes": {
                "plex-attributes": [
                    {
                        "is-online": True,
                        "is-resyncing": False,
                        "plex-name": f"/{aggregate.name}/plex0",
                        "plex-status": "normal,active",
                    }
                ]
            },
            "raid-size": 24,
            "raid-status": f"{RAID}, normal",
            "raid-type": RAID,
            "state": "online",
            "uses-shared-disks": False,
        },
        "aggr-space-attributes": _space(call, aggregate),
        "aggr-volume-count-attributes": {
            "flexvol-count": len(volumes),
            "flexvol-count-collective": len(volumes),
            "flexvol-count-striped": 0,
        },
        "nodes": {"node-name": [aggregate.node]},
        "striping-type": "not_striped",
    }


AGGREGATES = trees("aggr-attributes", ("aggregate-name",))


@api("aggr-get-iter", optional=ITERATOR, cluster_only=True)
def aggr_get_iter(call: Call) -> Tree:
    """The aggregates; of the cluster only."""
    found = call.filer.state.aggregates.items()
    return AGGREGATES.answer(call, {key: describe(call, aggregate) for key, aggregate in found})


SPACE = trees("space-information", ("aggregate",))


@api("aggr-space-get-iter", optional=ITERATOR, cluster_only=True)
def aggr_space_get_iter(call: Call) -> Tree:
    """What takes how much of an aggregate."""
    found: dict[tuple[str, ...], Tree] = {}
    for key, aggregate in call.filer.state.aggregates.items():
        used = space.aggregate_used(call.filer, aggregate)
        found[key] = {
            "aggregate": aggregate.name,
            "aggregate-size": aggregate.size,
            "percent-snapshot-space": 0,
            "tier-name": aggregate.name,
            "used-including-snapshot-reserve": used,
            "used-including-snapshot-reserve-percent": used * 100 // aggregate.size,
            "volume-footprints": used,
            "volume-footprints-percent": used * 100 // aggregate.size,
        }
    return SPACE.answer(call, found)


SEEN = trees(
    "show-aggregates",
    ("vserver-name", "aggregate-name"),
    fields("aggregate-name aggregate-type available-size is-nve-capable snaplock-type vserver-name"),
)


@api("vserver-show-aggr-get-iter", optional=(*ITERATOR, "vserver"))
def vserver_show_aggr_get_iter(call: Call) -> Tree:
    """The aggregates that a vserver's own admin may make volumes on (Trident)."""
    return SEEN.answer(
        call,
        {
            (call.vserver, aggregate.name): {
                "aggregate-name": aggregate.name,
                "aggregate-type": "hdd",
                "available-size": space.aggregate_available(call.filer, aggregate),
                "is-nve-capable": False,
                "snaplock-type": "non_snaplock",
                "vserver-name": call.vserver,
            }
            for aggregate in call.filer.state.aggregates.values()
        },
    )


@api("aggr-options-list-info", "aggregate", cluster_only=True)
def aggr_options_list_info(call: Call) -> Tree:
    """Some of an aggregate's options."""
    find(call, call.text("aggregate"))
    options: list[Tree] = [
        {"name": name, "value": value}
        for name, value in (("raidtype", RAID), ("raidsize", "24"), ("root", "false"))
    ]
    return {"options": {"aggr-option-info": options}}


def _disk(aggregate: Aggregate, number: int) -> Tree:
    return {
        "disk-name": f"{aggregate.name}.{number}",
        "disk-inventory-info": {
            "bytes-per-sector": 512,
            "capacity-sectors": aggregate.size // 512 // (DISKS - 2),
            "disk-type": "SAS",
            "rpm": 10000,
        },
        "disk-ownership-info": {"home-node-name": aggregate.node, "owner-node-name": aggregate.node},
        "disk-raid-info": {
            "container-type": "aggregate",
            "effective-disk-type": "SAS",
            "disk-aggregate-info": {
                "aggregate-name": aggregate.name,
                "is-media-scrubbing": False,
                "is-offline": False,
                "is-prefailed": False,
                "plex-name": "plex0",
                "raid-group-name": "rg0",
            },
        },
    }


DISK_INFO = trees("storage-disk-info", ("disk-name",))


@api("storage-disk-get-iter", optional=ITERATOR, cluster_only=True)
def storage_disk_get_iter(call: Call) -> Tree:
    """The disks of all aggregates."""
    disks = [_disk(each, number) for each in call.filer.state.aggregates.values() for number in range(DISKS)]
    return DISK_INFO.answer(call, {(str(disk["disk-name"]),): disk for disk in disks})
