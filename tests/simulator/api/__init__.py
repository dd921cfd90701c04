"""The APIs, one function each, in modules by subject."""

from __future__ import annotations

import importlib

SUBJECTS = (
    "system",
    "security",
    "cluster",
    "aggregate",
    "performance",
    "efficiency",
    "vserver",
    "vserver_life",
    "volume",
    "volume_life",
    "volume_move",
    "flexclone",
    "mirror",
    "snapshot",
    "consistency",
    "qtree",
    "qos",
    "lun",
    "lun_listing",
    "lun_settings",
    "lun_facts",
    "lun_copy",
    "clone",
    "file",
    "igroup",
    "igroup_listing",
    "portset",
    "maps",
    "reporting",
    "network",
    "iscsi",
    "fcp",
    "san_service",
    "initiator",
)


def load() -> None:
    """Register every API; again is no harm."""
    for subject in SUBJECTS:
        importlib.import_module(f"{__name__}.{subject}")
