"""Configured commands (*_COMMANDS). They replace the built-in actions; their effect is checked in the same way."""

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
    """Run commands on ``node`` and wait for their effect. ``failed`` is what ``run_all`` returned."""

    def __init__(self, node: Node, run: Callable[..., str]) -> None:
        self._node = node
        self._run = run

    def run_all(self, commands: Iterable[tuple[str, ...]], **values: str) -> list[str]:
        """Run all commands, also after a failure; returns the failures, as sentences.

        ``{device}``, ``{name}`` and the other keys of ``values`` are replaced in the words. Raises CommandError
        only when no command could be started.
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
        """Wait until ``look`` returns a device, and return it; DeviceError with the ``remedy`` if none appears.

        ``name`` is the last part of the device's name.
        """
        found: list[str] = []

        def there() -> bool:
            found.extend(filter(None, [look()]))
            return bool(found)

        self._await(there, name, "no device came up", failed, remedy)
        return found[0]

    def await_size(self, device: str, size: int, failed: Sequence[str]) -> None:
        """Wait until the kernel sees at least ``size`` bytes on ``device``; DeviceError if it does not."""
        problem = f"the LUN has {size} bytes now, but its device here is still smaller"
        name = self._node.block(device).name
        self._await(lambda: self._node.size(device) >= size, name, problem, failed)

    def await_absence(self, look: Callable[[], str | None], name: str, failed: Sequence[str]) -> None:
        """Wait until ``look`` finds no device of this ``name``; DeviceError if the device stays."""
        self._await(lambda: look() is None, name, "the device is still on this node", failed)

    def await_release(self, device: str) -> None:
        """Wait until ``device`` has no holders; DeviceError naming the holders if that takes too long.

        udev opens a device for a moment each time after a program has written to it.
        """
        seconds = self._node.seconds(self._node.limits.release, "waiting for the device's holders")
        with self._node.events([]) as events:
            held = events.until_none(lambda: self._node.holders(device) or self._node.claims(device), seconds)
        if held:
            raise DeviceError(f"its device is in use by {', '.join(held)}")

    def _await(
        self, condition: Callable[[], bool], name: str, problem: str, failed: Sequence[str], remedy: str = ""
    ) -> None:
        """Wait for ``condition``, which is checked at events with ``name``, and once even when no time is left.

        The error begins with the first of ``failed``, because that is the reason; the other failures are in the
        log. With a ``remedy`` the wait lasts the whole deadline, unless a command failed: then a device is not
        likely to appear.
        """
        patience = math.inf if remedy and not failed else self._node.limits.gone
        began = time.monotonic()
        with self._node.events([name]) as events:
            if events.until(condition, min(patience, self._node.deadline.rest)):
                return
        told = [*failed[:1], f"{problem} (waited {time.monotonic() - began:.0f} s)", remedy]
        raise DeviceError("; ".join(filter(None, told)))


def _fill_in(word: str, values: dict[str, str]) -> str:
    """Replace our placeholders. Not by str.format: all other braces belong to the command."""
    for field, value in values.items():
        word = word.replace("{" + field + "}", value)
    return word
