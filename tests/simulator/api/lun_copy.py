"""Copying and moving LUNs between volumes: jobs, which here are done as soon as they are asked for."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.simulator import space
from tests.simulator.call import Call, api, require_writable
from tests.simulator.documents import Tree
from tests.simulator.errnos import INVALID_INPUT, NO_SUCH_LUN, VSERVER_NOT_FOUND, Refusal
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import Cluster, Job, Lun
from tests.simulator.paths import place_in

COPY, MOVE = "copy", "move"


def _pairs(call: Call) -> list[tuple[str, str]]:
    """(source, destination) of each pair of paths."""
    paths = call.container("paths")
    found = []
    for pair in paths.children if paths else ():
        given = {child.name: child.text for child in pair.children}
        if pair.name != "lun-path-pair" or given.keys() != {"source-path", "destination-path"}:
            raise Refusal(INVALID_INPUT, "Invalid value for paths")
        found.append((given["source-path"], given["destination-path"]))
    if any(len(set(places)) != len(found) for places in zip(*found)):
        raise Refusal(INVALID_INPUT, "Invalid value for paths: one is given twice")
    if not found:
        raise Refusal(INVALID_INPUT, "Invalid value for paths: none are given")
    return found


def _lun(call: Call, vserver: str, path: str) -> Lun:
    lun = call.filer.luns.get((vserver, path))
    if lun is None:
        raise Refusal(NO_SUCH_LUN, f"No such LUN exists: {path}")
    return lun


def _job(call: Call, vserver: str, action: str, pairs: list[tuple[str, str]]) -> tuple[Job, Cluster]:
    """The job that did it, and how many objects were made with it: its own identity is the one after the LUNs'."""
    uuid, _, counted = call.filer.identity(len(pairs))
    source, destination = pairs[0]
    return Job(vserver, uuid, action, source, destination), counted


COPY_OPTIONS = ("source-vserver", "destination-vserver", "max-throughput", "promote-early", "reference-path")


@api("lun-copy-start", "paths", optional=COPY_OPTIONS, introduced=30, tunnelled=False)
def lun_copy_start(call: Call) -> Tree:
    """LUNs with others' data, in another volume or vserver."""
    source_vserver = call.text("source-vserver") or call.scope
    vserver = call.text("destination-vserver") or source_vserver
    if source_vserver is None or vserver is None or call.scope not in {None, source_vserver, vserver}:
        raise Refusal(VSERVER_NOT_FOUND, "Specified vserver not found")
    pairs = _pairs(call)
    copies = []
    for ahead, (source, destination) in enumerate(pairs):
        lun = _lun(call, source_vserver, source)
        volume = place_in(call.filer, vserver, destination)
        if lun.reserved:
            space.require(call.filer, volume, lun.size)
        uuid, serial, _ = call.filer.identity(ahead)
        copy = lun.copied(volume, destination, uuid, serial)
        copies.append(replace(copy, created=int(time.time()), is_clone=False))
        call.filer.state.contents.copy(lun.uuid, uuid, lun.size)
    job, counted = _job(call, vserver, COPY, pairs)
    call.filer.state.commit(*copies, job, counted)
    return {"job-uuid": job.uuid}


@api("lun-move-start", "paths", optional=("max-throughput", "promote-late", "reference-path"), introduced=30)
def lun_move_start(call: Call) -> Tree:
    """LUNs in another volume of the vserver; identity, data and maps stay."""
    pairs = _pairs(call)
    luns = []
    for source, destination in pairs:
        lun = _lun(call, call.vserver, source)
        require_writable(call.filer.volumes[lun.vserver, lun.volume])
        volume = place_in(call.filer, call.vserver, destination)
        if lun.reserved and volume.name != lun.volume:
            space.require(call.filer, volume, lun.size)
        luns.append(lun)
    moved = [replace(lun, path=destination) for lun, (_, destination) in zip(luns, pairs)]
    job, counted = _job(call, call.vserver, MOVE, pairs)
    call.filer.state.commit(*moved, job, counted, gone=luns)
    return {"job-uuid": job.uuid}


COPIES, MOVES = trees("lun-copy-info", ("job-uuid",)), trees("lun-move-info", ("job-uuid",))


def _jobs(call: Call, action: str) -> dict[tuple[str, ...], Tree]:
    return {
        job.key: {
            "destination-path": job.destination,
            "job-status": "complete",
            "job-uuid": job.uuid,
            "progress-percent": 100,
            "source-path": job.source,
            "vserver": job.vserver,
        }
        for job in call.filer.state.jobs.values()
        if job.action == action and call.scope in {None, job.vserver}
    }


@api("lun-copy-get-iter", optional=ITERATOR, introduced=30, tunnelled=False)
def lun_copy_get_iter(call: Call) -> Tree:
    """What became of the copies."""
    return COPIES.answer(call, _jobs(call, COPY))


@api("lun-move-get-iter", optional=ITERATOR, introduced=30, tunnelled=False)
def lun_move_get_iter(call: Call) -> Tree:
    """What became of the moves."""
    return MOVES.answer(call, _jobs(call, MOVE))
