"""Which of the filer's nodes show a LUN to this node (selective LUN map). Asked once a day for each of them."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Callable

from dataontap.client.array import Lun
from dataontap.errors import OntapError

if TYPE_CHECKING:
    from dataontap.client.array import Array, LunRef
    from dataontap.state.cache import Cache

LOG = logging.getLogger(__name__)


class Reporting:
    """The reporting nodes of LUNs, cached by the filer's node that owns the LUN: ``memory`` returns its cache.

    When the filer maps a LUN, these are the owner and its HA partner. They stay the same when the LUN moves, so
    the cache can be wrong for a single LUN: then no path shows it there.
    """

    def __init__(self, array: Callable[[], Array], memory: Callable[[str], Cache]) -> None:
        self._array = array
        self._memory = memory

    def of(self, lun: LunRef) -> tuple[str, ...] | None:
        """The nodes that show LUNs of this LUN's owner; empty if all may, None if that is not cached."""
        owner = _owner(lun)
        if not owner:
            return ()
        try:
            return tuple(map(str, json.loads(self._memory(owner).get() or "null")))
        except (ValueError, TypeError, RecursionError):
            return None

    def owner(self, lun: LunRef) -> tuple[str, ...]:
        """The node that owns the LUN: it shows the LUN for certain after a new map."""
        return tuple(filter(None, [_owner(lun)]))

    def ask(self, lun: LunRef, igroup: str) -> tuple[str, ...]:
        """Ask for the nodes that show a LUN to ``igroup``, and cache them. Empty if all may, or without answer."""
        try:
            found = self._array().get_reporting_nodes(igroup, lun)
        except OntapError as error:
            LOG.warning("cannot ask the filer which of its nodes show the LUN: %s", error)
            return ()
        if found is not None and lun.path not in found:
            return ()
        owner, nodes = _owner(lun), sorted(found[lun.path]) if found else []
        if owner in nodes or not nodes:  # the LUN has not moved since it was mapped
            self._memory(owner).put(json.dumps(nodes))
        return tuple(nodes)

    def forget(self, lun: LunRef) -> None:
        """The LUN is not shown where it was expected."""
        if _owner(lun):
            self._memory(_owner(lun)).drop()


def _owner(lun: LunRef) -> str:
    return lun.node if isinstance(lun, Lun) else ""
