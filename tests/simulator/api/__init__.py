"""The APIs, one function each, in modules by subject; ``foreign`` has those that the product does not call."""

from __future__ import annotations

import importlib

SUBJECTS = (
    "system",
    "aggregate",
    "vserver",
    "volume",
    "volume_life",
    "flexclone",
    "mirror",
    "snapshot",
    "qos",
    "lun",
    "lun_listing",
    "lun_settings",
    "lun_copy",
    "clone",
    "igroup",
    "igroup_listing",
    "maps",
    "reporting",
    "iscsi",
    "fcp",
    "san_service",
    "initiator",
    "foreign.cluster",
    "foreign.consistency",
    "foreign.efficiency",
    "foreign.file",
    "foreign.lun_facts",
    "foreign.network",
    "foreign.performance",
    "foreign.portset",
    "foreign.qtree",
    "foreign.security",
    "foreign.volume_move",
    "foreign.vserver_life",
)


def load() -> None:
    """Register every API; again is no harm."""
    for subject in SUBJECTS:
        importlib.import_module(f"{__name__}.{subject}")
