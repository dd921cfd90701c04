"""Snapshots of several volumes at one moment: begun for all of them, then committed."""

from __future__ import annotations

from tests.simulator.api.snapshot import take
from tests.simulator.api.volume import find_volume
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import INVALID_INPUT, Refusal

TIMEOUTS = frozenset({"urgent", "medium", "relaxed"})


@api("cg-start", "snapshot", "timeout", "volumes", optional=("user-timeout",))
def cg_start(call: Call) -> Tree:
    """Begin: here the snapshots are taken at once, because nothing happens between two requests."""
    call.choice("timeout", TIMEOUTS, "")
    named = call.container("volumes")
    volumes = [find_volume(call, child.text) for child in named.children] if named else []
    if not volumes:
        raise Refusal(INVALID_INPUT, "Invalid value for volumes: none are given")
    for volume in volumes:
        take(call, volume, call.text("snapshot"), "")
    identity = call.filer.cluster.made
    call.filer.begun.add(identity)
    return {"cg-id": identity}


@api("cg-commit", "cg-id")
def cg_commit(call: Call) -> Tree:
    """Let the snapshots stand."""
    identity = call.number("cg-id")
    if identity not in call.filer.begun:
        raise Refusal(INVALID_INPUT, f"No consistency group {identity} was begun")
    call.filer.begun.remove(identity)
    return {}
