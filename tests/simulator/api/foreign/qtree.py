"""Qtrees: subtrees of volumes that LUNs can live in."""

from __future__ import annotations

from tests.simulator.api.volume import find_writable
from tests.simulator.call import Call, api, require_writable
from tests.simulator.documents import Tree
from tests.simulator.errnos import NO_SUCH_QTREE, QTREE_EXISTS, QTREE_HAS_FILES, Refusal
from tests.simulator.filer import Filer
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import Qtree

QTREES = trees("qtree-info", ("vserver", "volume", "qtree"))


def _describe(number: int, vserver: str, volume: str, name: str) -> Tree:
    return {
        "export-policy": "default",
        "id": number,
        "is-export-policy-inherited": True,
        "oplocks": "enabled",
        "qtree": name,
        "security-style": "unix",
        "status": "normal",
        "volume": volume,
        "vserver": vserver,
    }


@api("qtree-list-iter", optional=ITERATOR, tunnelled=False)
def qtree_list_iter(call: Call) -> Tree:
    """The qtrees; each volume's root is one without a name, as on real filers."""
    named = sorted(call.filer.state.qtrees)
    keys = [(*key, "") for key in sorted(call.filer.volumes)] + named
    return QTREES.answer(
        call,
        {
            key: _describe(_number(call.filer, key), key[0], key[1], key[2])
            for key in keys
            if call.scope in {None, key[0]}
        },
    )


def _number(filer: Filer, key: tuple[str, ...]) -> int:
    if not key[2]:
        return 0
    return 1 + sorted(each for each in filer.state.qtrees if each[:2] == key[:2]).index(key)


CREATE = ("export-policy", "mode", "oplocks", "security-style")


@api("qtree-create", "volume", "qtree", optional=CREATE)
def qtree_create(call: Call) -> Tree:
    """A new qtree."""
    qtree = Qtree(call.vserver, find_writable(call).name, call.text("qtree"))
    if qtree.key in call.filer.state.qtrees:
        raise Refusal(QTREE_EXISTS, f"Qtree {qtree.name!r} already exists")
    call.filer.state.commit(qtree)
    return {}


@api("qtree-delete", "qtree", optional=("force",))
def qtree_delete(call: Call) -> Tree:
    """Gone; one with LUNs in it by force only, and then they are gone, too."""
    path = call.text("qtree")
    parts = path.split("/")
    key = (call.vserver, *parts[2:4])
    qtree = call.filer.state.qtrees.get(key) if path.startswith("/vol/") and len(parts) == 4 else None
    if qtree is None:
        raise Refusal(NO_SUCH_QTREE, f"Qtree {path!r} does not exist")
    require_writable(call.filer.volumes[qtree.vserver, qtree.volume])
    paths = call.filer.state.indexes.in_volume.get((qtree.vserver, qtree.volume), ())
    luns = [call.filer.luns[qtree.vserver, each] for each in paths if each.startswith(f"{path}/")]
    if luns and not call.flag("force"):
        raise Refusal(QTREE_HAS_FILES, f"Qtree {path!r} is not empty")
    call.filer.state.commit(gone=[qtree, *luns])
    for lun in luns:
        call.filer.state.contents.remove(lun.uuid)
    return {}
