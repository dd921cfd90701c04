"""Where this node sees the SVM's LUNs over FC. The filer names its interfaces; this node caches them for a day."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from dataontap.errors import OntapError

if TYPE_CHECKING:
    from dataontap.client.array import Svm
    from dataontap.host.fc import FibreChannel
    from dataontap.host.sysfs import Nexus
    from dataontap.state.cache import Cache

LOG = logging.getLogger(__name__)

_WWPN = re.compile("(?!(00:){7}00|(ff:){7}ff)[0-9a-f]{2}(:[0-9a-f]{2}){7}")


class FcTarget:
    """The SVM's FC interfaces, as this node's ports see them. ``cache`` keeps them."""

    def __init__(self, fc: FibreChannel, cache: Cache) -> None:
        self._fc = fc
        self._cache = cache
        self._told: dict[str, str] | None = None

    @property
    def is_cached(self) -> bool:
        """See ``FilerTarget``."""
        return self._cached() is not None

    def learn(self, svm: Svm) -> bool:
        """See ``FilerTarget``."""
        before, self._told = self._cached(), interfaces_of(svm)
        self._cache.put(json.dumps(self._told))
        return before is not None and before.keys() != self._told.keys()

    def connect(self, nodes: Collection[str] = ()) -> list[Nexus]:
        """See ``FilerTarget``. Nothing is logged in to: the kernel has done that."""
        everywhere = self.interfaces()
        chosen = [wwpn for wwpn, node in everywhere.items() if node in nodes]
        return self._fc.connect(chosen or [*everywhere])

    def known(self) -> list[Nexus]:
        """See ``FilerTarget``."""
        return self._fc.known(self.interfaces())

    def interfaces(self) -> dict[str, str]:
        """See ``FilerTarget``."""
        return self._cached() or {}

    def unreached(self, seconds: float) -> dict[str, str]:
        """See ``FilerTarget``. The kernel knows at once."""
        return self._fc.unreached(self.interfaces())

    def _cached(self) -> dict[str, str] | None:
        if self._told is None:
            try:
                found = json.loads(self._cache.get() or "null").items()
                self._told = {wwpn: str(node) for wwpn, node in found if _WWPN.fullmatch(wwpn)} or None
            except (ValueError, AttributeError, RecursionError):
                return None
        return self._told


def interfaces_of(svm: Svm) -> dict[str, str]:
    """The WWPNs of the SVM's FC interfaces, each with its node of the filer. OntapError if none is usable."""
    enabled = svm.is_fcp_enabled()
    if enabled is None:
        raise OntapError("the SVM has no FC service; see vserver fcp create")
    if not enabled:
        raise OntapError("the SVM's FC service is off; see vserver fcp start")
    usable: dict[str, str] = {}
    odd = []
    for port in svm.get_fc_target_ports():
        problem = "is disabled" if not port.enabled else "" if _WWPN.fullmatch(port.wwpn) else "is no WWPN"
        if problem:
            odd.append(f"{port.wwpn[:40]!r} {problem}")
            LOG.warning("ignoring an FC interface of the filer: %s", odd[-1])
        else:
            usable[port.wwpn] = port.node
    if not usable:
        first = f": {odd[0]}" if odd else ""
        raise OntapError(
            f"the SVM has no usable FC interface{first}; see network interface show -data-protocol fcp"
        )
    return usable
