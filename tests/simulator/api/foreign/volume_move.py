"""Moves of volumes to other aggregates: done as soon as they are asked for; hosts see nothing but other paths."""

from __future__ import annotations

from dataclasses import replace

from tests.simulator.api.aggregate import find as find_aggregate
from tests.simulator.api.volume import find
from tests.simulator.api.volume_life import require_room
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import INVALID_INPUT, VOLUME_OFFLINE, Refusal
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import Job

ACTION = "volume-move"
OPTIONS = ("cutover-action", "cutover-attempts", "cutover-window", "perform-validation-only", "vserver")


@api("volume-move-start", "source-volume", "dest-aggr", optional=OPTIONS)
def volume_move_start(call: Call) -> Tree:
    """A volume on another aggregate; what is in it keeps names, identities and maps."""
    volume = find(call, "source-volume")
    aggregate = find_aggregate(call, call.text("dest-aggr"))
    call.named_vserver()
    if aggregate.name == volume.aggregate:
        raise Refusal(INVALID_INPUT, f"Volume {volume.name} is on aggregate {aggregate.name} already")
    if volume.state != "online":
        raise Refusal(VOLUME_OFFLINE, f"Volume {volume.name} is not online")
    moved = replace(volume, aggregate=aggregate.name)
    require_room(call.filer, moved, volume.size)
    if call.flag("perform-validation-only"):
        return {}
    uuid, _, counted = call.filer.identity()
    call.filer.state.commit(moved, Job(call.vserver, uuid, ACTION, volume.name, aggregate.name), counted)
    return {}


MOVES = trees("volume-move-info", ("vserver", "volume"))


@api("volume-move-get-iter", optional=ITERATOR, tunnelled=False)
def volume_move_get_iter(call: Call) -> Tree:
    """Each volume's last move."""
    moves: dict[tuple[str, ...], Tree] = {
        (job.vserver, job.source): {
            "destination-aggregate": job.destination,
            "percent-complete": 100,
            "phase": "completed",
            "state": "done",
            "volume": job.source,
            "vserver": job.vserver,
        }
        for job in call.filer.state.jobs.values()
        if job.action == ACTION and call.scope in {None, job.vserver}
    }
    return MOVES.answer(call, moves)
