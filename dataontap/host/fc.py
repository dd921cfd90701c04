"""This node's Fibre Channel initiators."""

from __future__ import annotations

import re
from pathlib import Path

from dataontap.host.sysfs import read

# Drivers report all zeroes or all ones for a port that has no WWPN (yet).
_NO_NAMES = frozenset({"0" * 16, "f" * 16})


def initiators(sysfs: str = "/sys") -> list[str]:
    """The WWPNs of this node's FC ports, as ONTAP writes them: 20:00:00:25:b5:00:00:01.

    A port without a WWPN is left out: every machine may have such a port, so the nodes would look like twins.
    """
    found: dict[str, None] = {}
    for port in sorted((Path(sysfs) / "class/fc_host").glob("host*/port_name")):
        digits = read(port).lower().replace("0x", "", 1)
        if re.fullmatch("[0-9a-f]{16}", digits) and digits not in _NO_NAMES:
            found[":".join(digits[at : at + 2] for at in range(0, 16, 2))] = None
    return list(found)
