"""What Ganeti asks of the product in these runs, and what guests do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from dataontap.errors import DataOntapError
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.requests import Volume
from tests.interleavings.baton import Process
from tests.interleavings.place import Place
from tests.unit.volume import CREATION, EXCLUSIVE, METADATA, SHARED, SNAPSHOT, VOLUME, growth

SNAP = Volume({}, "v.snap", "u-1")
Verb = Callable[[DataOnTapProvider], object]
VERBS: Mapping[str, Verb] = {
    "create": lambda provider: provider.create(CREATION),
    "attach": lambda provider: provider.attach(VOLUME),
    "detach": lambda provider: provider.detach(VOLUME),
    "remove": lambda provider: provider.remove(VOLUME),
    "grow": lambda provider: provider.grow(growth(64, 80)),
    "snapshot": lambda provider: provider.snapshot(SNAPSHOT),
    "setinfo": lambda provider: provider.setinfo(METADATA),
    "open": lambda provider: provider.open(EXCLUSIVE),
    "share": lambda provider: provider.open(SHARED),
    "close": lambda provider: provider.close(VOLUME),
    "pre-move": lambda provider: provider.attach_anew(VOLUME),
    "post-remove": lambda provider: provider.remove_left(VOLUME, in_use=False),
    "cleanup": lambda provider: provider.take_down("v"),
    "attach snapshot": lambda provider: provider.attach(SNAP),
    "detach snapshot": lambda provider: provider.detach(SNAP),
    "remove snapshot": lambda provider: provider.remove(SNAP),
}
MAKES = frozenset({"create"})
REMOVES = frozenset({"remove", "post-remove"})
# After these another node may rightly have lost the LUN.
TAKES = frozenset({"open", "remove", "post-remove"})


def run_quietly(place: Place, node: str, verb: str) -> DataOntapError | None:
    """Run a verb alone, to its end; returns how it failed."""
    failed: list[DataOntapError] = []

    def body(process: Process) -> None:
        try:
            VERBS[verb](place.provider(process))
        except DataOntapError as error:
            failed.append(error)

    process = Process("afterwards", node, body)
    process.start()
    while not process.finished:
        process.proceed()
    if process.failure is not None:
        raise process.failure
    return failed[0] if failed else None
