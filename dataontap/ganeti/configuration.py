"""What Ganeti's configuration says about disks. The only reader of config.data.

Only master candidates have that file.
"""

from __future__ import annotations

import json
from pathlib import Path

from dataontap.errors import HostError
from dataontap.ganeti.environ import PROVIDER
from dataontap.volume.cluster import Templates


def disk_templates(directory: str) -> Templates | None:
    """The cluster's disk templates, or None if this node has no readable configuration.

    A node that was a master candidate before may have an old copy.
    """
    try:
        cluster = json.loads(Path(directory, "config.data").read_bytes())["cluster"]
        enabled = frozenset(map(str, cluster["enabled_disk_templates"]))
        return Templates(enabled, frozenset(map(str, cluster["ipolicy"]["disk-templates"])))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def volumes(directory: str) -> dict[str, str | None]:
    """All our volumes, including those without an instance: name -> ``pool``.

    The pool is the disk's ext-param, or None if it has none. Raises HostError if the configuration cannot be read.
    """
    path = Path(directory, "config.data")
    try:
        disks = [disk for disk in json.loads(path.read_bytes())["disks"].values() if disk["dev_type"] == "ext"]
        ours = [disk for disk in disks if disk["logical_id"][0] == PROVIDER]
        found = {disk["logical_id"][1]: (disk.get("params") or {}).get("pool") for disk in ours}
        odd = [text for text in (*found, *found.values()) if not isinstance(text, (str, type(None)))]
        if odd or None in found:
            raise TypeError("a disk's name or pool is not a text")
        return found
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise HostError(f"{path} cannot be read: {type(error).__name__}: {error}") from None
