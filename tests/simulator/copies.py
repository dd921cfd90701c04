"""How a storage admin gets copies of LUNs on a filer, for tests that stage them.

``ask`` makes a call on the SVM: ``Stage.ask``, ``partial(zapi.ask, filer)``, ``client.server.send_request``.
"""

from __future__ import annotations

from typing import Any, Callable

Ask = Callable[[str, dict[str, Any]], object]


def lun_copy(ask: Ask, source: str, destination: str) -> None:
    """A copy of the LUN at the path ``source``."""
    ask("lun-copy-start", _pair(source, destination))


def lun_move(ask: Ask, source: str, destination: str) -> None:
    """No copy: the LUN itself, in another volume."""
    ask("lun-move-start", _pair(source, destination))


def _pair(source: str, destination: str) -> dict[str, Any]:
    return {"paths": {"lun-path-pair": {"source-path": source, "destination-path": destination}}}


def flexclone(ask: Ask, parent: str, name: str, *, split: bool = False) -> None:
    """A FlexClone of a volume; ``split`` makes it a volume like any other."""
    ask("volume-clone-create", {"volume": name, "parent-volume": parent})
    if split:
        ask("volume-clone-split-start", {"volume": name})


def mirror(ask: Ask, source: str, name: str, *, broken: bool = False) -> None:
    """A mirror of a volume, read-only; one that is ``broken`` off can be written, and is no mirror any more."""
    ends = {"source-volume": source, "destination-volume": name}
    new = {"volume": name, "containing-aggr-name": "aggr2", "size": "1t", "volume-type": "dp"}
    ask("volume-create", {**new, "percentage-snapshot-reserve": 0})
    ask("snapmirror-create", ends)
    ask("snapmirror-initialize", ends)
    if broken:
        ask("snapmirror-break", ends)
