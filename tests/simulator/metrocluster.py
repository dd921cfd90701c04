"""MetroCluster: after a switchover each vserver is called NAME-mc at the other site.

Names are all that changes here: a vserver keeps its UUID, so do its LUNs with their serial numbers and maps.
Cluster, nodes and addresses stay, too, which those of the other site would not. A filer that starts is not
switched over, and takes a name with -mc for what a switchover has left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulator.model import Record, Vserver
from tests.simulator.state import State

SUFFIX = "-mc"


def plain(vserver: str) -> str:
    """The name without a switchover."""
    return vserver[: -len(SUFFIX)] if vserver.endswith(SUFFIX) else vserver


def rename(state: State, *, back: bool) -> None:
    """Give every vserver its name after a switchover, or the plain one ``back``; no harm if it has it."""
    names = {each.name: plain(each.name) + ("" if back else SUFFIX) for each in state.vservers.values()}
    moved = [(record, _renamed(record, names)) for record in state.records]
    moved = [(before, after) for before, after in moved if before != after]
    if moved:
        state.commit(*(after for _, after in moved), gone=[before for before, _ in moved])


def _renamed(record: Record, names: dict[str, str]) -> Record:
    if isinstance(record, Vserver):
        return replace(record, name=names[record.name])
    fields: dict[str, Any] = {
        field: names[getattr(record, field)]
        for field in ("vserver", "source_vserver")
        if getattr(record, field, None) in names
    }
    return replace(record, **fields)
