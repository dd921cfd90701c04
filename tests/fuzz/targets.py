"""All targets, by their names."""

from __future__ import annotations

from tests.fuzz import of_filer, of_node, of_us
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    name: found
    for module in (of_filer, of_node, of_us)
    for name, found in vars(module).items()
    if isinstance(found, Target)
}
