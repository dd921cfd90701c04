"""How the first implementation brought a LUN to a node, and did not take it away again: to be compared with.

Its attach ran three commands for every LUN, then looked for the name each second (GRNET's provider of 2016).
Its detach ran nothing. It asked no device who it was.
"""

from __future__ import annotations

from tests.vm.machine import Machine
from tests.vm.storage import Shown

TRIES = 30


def attach(node: Machine, lun: Shown) -> str:
    """The device that it would print: whatever has the name of the LUN's map."""
    scan(node)
    node.shell(f'for i in $(seq {TRIES}); do [ -e "$1" ] && exit 0; sleep 1; done; exit 1', lun.map, limit=180)
    return lun.map


def scan(node: Machine) -> None:
    """Its attach commands."""
    commands = "; ".join(" ".join(command) for command in node.san.scan)
    node.shell(f"{{ {commands}; }} >/dev/null 2>&1", limit=180)


def log_in(node: Machine) -> None:
    """What there was before, once a node."""
    node.shell(node.san.log_in)
