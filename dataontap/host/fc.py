"""This node's Fibre Channel initiators."""

from __future__ import annotations

import re
from pathlib import Path


def initiators(sysfs: str = "/sys") -> list[str]:
    """The WWPNs of this node's FC ports, as ONTAP writes them: 20:00:00:25:b5:00:00:01."""
    found = []
    for port in sorted((Path(sysfs) / "class/fc_host").glob("host*/port_name")):
        digits = port.read_text(encoding="ascii").strip().lower().replace("0x", "", 1)
        if re.fullmatch("[0-9a-f]{16}", digits):
            found.append(":".join(digits[at : at + 2] for at in range(0, 16, 2)))
    return found
