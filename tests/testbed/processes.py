"""Processes on machines of the test-bed that do what others would have to be there for."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from tests.testbed.machine import Machine


@contextlib.contextmanager
def holder(machine: Machine, link: str) -> Iterator[None]:
    """A process on the machine that has the device open."""
    child = machine.popen("sh", "-c", f"exec 3<{link}; echo open; exec cat", stdin=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        yield
    finally:
        child.communicate()  # it ends with its standard input
