"""The resources, in modules by subject."""

from __future__ import annotations

import importlib
from functools import lru_cache

from tests.simulator.rest.resource import Resource

SUBJECTS = (
    "cluster",
    "jobs",
    "svms",
    "volumes",
    "luns",
    "maps",
    "reporting",
    "igroups",
    "initiators",
    "services",
    "interfaces",
    "sessions",
    "security",
    "foreign.aggregates",
    "foreign.attributes",
    "foreign.counters",
    "foreign.nested",
    "foreign.qos",
    "foreign.snapshots",
    "foreign.support",
)


@lru_cache(maxsize=1)
def load() -> tuple[Resource, ...]:
    """Every resource."""
    modules = [importlib.import_module(f"{__name__}.{subject}") for subject in SUBJECTS]
    return tuple(resource for module in modules for resource in module.RESOURCES)
