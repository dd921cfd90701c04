"""The APIs, one function each, in modules by subject."""

from __future__ import annotations

import importlib

SUBJECTS = (
    "system",
    "vserver",
    "volume",
    "lun",
    "lun_listing",
    "lun_settings",
    "igroup",
    "igroup_listing",
    "maps",
    "clone",
    "network",
)


def load() -> None:
    """Register every API; again is no harm."""
    for subject in SUBJECTS:
        importlib.import_module(f"{__name__}.{subject}")
