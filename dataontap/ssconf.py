"""What Ganeti says of its cluster on this node: the one reader of its ssconf files."""

from __future__ import annotations

import re
from pathlib import Path

DIRECTORY = "/var/lib/ganeti"

# A cluster's name is a host name: objects that come from elsewhere do not get into a LUN's tag.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def cluster_name(directory: str = DIRECTORY) -> str:
    """The cluster's name, or ``-`` on a node that is in no cluster (yet)."""
    try:
        text = Path(directory, "ssconf_cluster_name").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return "-"
    return text if _NAME.fullmatch(text) else "-"
