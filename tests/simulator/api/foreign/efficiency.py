"""Deduplication, peers: what management software asks for, and what this filer has none of."""

from __future__ import annotations

from tests.simulator import space
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import VOLUME_DOES_NOT_EXIST, Refusal
from tests.simulator.iterator import ITERATOR, trees

# ONTAP's limit to what can be deduplicated in one volume.
LOGICAL_DATA_LIMIT = 640 << 40

SIS = trees("sis-status-info", ("vserver", "path"))


@api("sis-get-iter", optional=ITERATOR, tunnelled=False)
def sis_get_iter(call: Call) -> Tree:
    """Every volume could be deduplicated, none is."""
    return SIS.answer(
        call,
        {
            (volume.vserver, f"/vol/{volume.name}"): {
                "is-compression-enabled": False,
                "is-inline-compression-enabled": False,
                "logical-data-limit": LOGICAL_DATA_LIMIT,
                "logical-data-size": space.used(call.filer, volume),
                "path": f"/vol/{volume.name}",
                "policy": "-",
                "schedule": "-",
                "state": "disabled",
                "status": "idle",
                "vserver": volume.vserver,
            }
            for volume in call.filer.volumes.values()
            if call.scope in {None, volume.vserver}
        },
    )


@api("clone-split-status", optional=("volume-name",), introduced=30)
def clone_split_status(call: Call) -> Tree:
    """LUN clones whose blocks are still shared: none."""
    name = call.text("volume-name")
    if name and (call.vserver, name) not in call.filer.volumes:
        raise Refusal(VOLUME_DOES_NOT_EXIST, f"No volume named {name!r} exists.")
    return {"clone-split-info": {"unsplit-clone-count": 0, "unsplit-size": 0}}


PEERS = trees("vserver-peer-info", ("vserver", "peer-vserver"))


@api("vserver-peer-get-iter", optional=ITERATOR, tunnelled=False)
def vserver_peer_get_iter(call: Call) -> Tree:
    """No peers."""
    return PEERS.answer(call, {})
