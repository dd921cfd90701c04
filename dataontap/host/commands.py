"""Configured commands (*_COMMANDS): they act in our hands' place. What they did is looked for as after our own."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Sequence
from typing import Callable

from dataontap.errors import CommandError, DeviceError
from dataontap.host import run as programs
from dataontap.host.node import Node

LOG = logging.getLogger(__name__)


class Commands:
    """Commands on ``node``, and waiting for what they do. ``failed`` is what ``run_all`` returned of them."""

    def __init__(self, node: Node, run: Callable[..., str]) -> None:
        self._node = node
        self._run = run

    def run_all(self, commands: Iterable[tuple[str, ...]], **values: str) -> list[str]:
        """Run each command and go on after a failed one; returns what failed, as sentences.

        ``{device}``, ``{name}`` and whatever else ``values`` has are replaced in the words. Raises CommandError
        only when not one of them could be started.
        """
        failed = []
        started = False
        for command in commands:
            argv = [_fill_in(word, values) for word in command]
            if self._node.deadline.is_over():
                failed.append(f"no time was left for {programs.brief(argv)}")
                continue
            try:
                self._run(*argv, timeout=self._node.deadline.left(argv[0]))
                started = True
            except CommandError as error:
                started = started or error.started
                failed.append(str(error))
        if failed and not started:
            raise CommandError(failed[0], started=False)
        for problem in failed:
            LOG.warning("%s", problem)
        return failed

    def await_device(self, look: Callable[[], str | None], name: str, failed: Sequence[str], remedy: str) -> str:
        """What ``look`` returns as soon as that is a device; DeviceError with the ``remedy`` when it never is.

        ``name`` is the last part of its name.
        """
        found: list[str] = []

        def there() -> bool:
            found.extend(filter(None, [look()]))
            return bool(found)

        self._await(there, name, "no device came up", failed, remedy)
        return found[0]

    def await_size(self, device: str, size: int, failed: Sequence[str]) -> None:
        """Return as soon as the kernel sees ``size`` bytes or more on ``device``; DeviceError if it never does."""
        problem = f"the LUN has {size} bytes now, but this node does not see that"
        name = self._node.block(device).name
        self._await(lambda: self._node.size(device) >= size, name, problem, failed)

    def await_absence(self, look: Callable[[], str | None], name: str, failed: Sequence[str]) -> None:
        """Return as soon as ``look`` finds no device of this ``name``; DeviceError if it stays."""
        self._await(lambda: look() is None, name, "the device is still on this node", failed)

    def await_release(self, device: str) -> None:
        """Return as soon as nobody holds ``device``; DeviceError naming who does if that takes long.

        udev looks into a device for a moment each time that somebody has written to it.
        """
        seconds = self._node.seconds(self._node.limits.release, "the device to be free")
        with self._node.events([]) as events:
            held = events.until_none(lambda: self._node.holders(device) or self._node.claims(device), seconds)
        if held:
            raise DeviceError(f"its device is in use by {', '.join(held)}")

    def _await(
        self, condition: Callable[[], bool], name: str, problem: str, failed: Sequence[str], remedy: str = ""
    ) -> None:
        """Wait for ``condition``, which events with ``name`` may bring; it is looked at even when no time is left.

        The error begins with what ``failed`` first, because that is why; what else did is in the log. With a
        ``remedy`` the whole deadline is waited, unless something failed: then a device hardly comes by itself.
        """
        patience = math.inf if remedy and not failed else self._node.limits.gone
        began = time.monotonic()
        with self._node.events([name]) as events:
            if events.until(condition, min(patience, self._node.deadline.rest)):
                return
        told = [*failed[:1], f"{problem} (waited {time.monotonic() - began:.0f} s)", remedy]
        raise DeviceError("; ".join(filter(None, told)))


def _fill_in(word: str, values: dict[str, str]) -> str:
    """Not str.format: braces that are no placeholder of ours belong to the command."""
    for field, value in values.items():
        word = word.replace("{" + field + "}", value)
    return word
