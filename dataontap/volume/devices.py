"""A volume's block device on this node: finds it by its name, brings it up, resizes it, takes it down.

The configured commands do this, as in the first implementation. Where *_COMMANDS are None, the provider does it
itself. Looking at a device, waiting for it and proving it are the same for both. Knows nothing of the filer.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Callable

from dataontap.errors import DeadlineError, DeviceError, HostError
from dataontap.host.bring_up import BringUp
from dataontap.host.commands import Commands
from dataontap.host.identity import Proof
from dataontap.host.lun import Wanted, lun_ids
from dataontap.host.take_down import TearDown

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dataontap.config import Settings
    from dataontap.host.node import Node
    from dataontap.host.sysfs import Nexus
    from dataontap.state.locks import Locks
    from dataontap.volume.targets import FilerTarget

LOG = logging.getLogger(__name__)

_UNLINK_SECONDS = 5.0


class Devices:
    """The volumes' devices on ``node``, whose paths lead to ``target``. ``run`` starts the configured commands.

    ``proof`` and ``teardown`` work on the device of any volume.
    """

    def __init__(
        self, settings: Settings, node: Node, target: FilerTarget, locks: Locks, run: Callable[..., str]
    ) -> None:
        self._settings = settings
        self.node = node
        self.proof = Proof(node)
        self.teardown = TearDown(node)
        self._bring_up = BringUp(node, self.proof, self.teardown)
        self.target = target
        self._locks = locks
        self._commands = Commands(node, run)
        self._attach_commands = settings.attach_commands
        # Whether the provider brings devices up itself, without configured commands.
        self.are_ours = self._attach_commands is None

    def find(self, name: str) -> str | None:
        """The device that has the volume's stable name. It may be another LUN's by now."""
        settings = self._settings
        return self.node.find_device(
            settings.lun_device_path_format, hostname=settings.hostname, pool=settings.pool, name=name
        )

    def path(self, name: str) -> str:
        """The stable name that the volume's device is to have."""
        settings = self._settings
        return settings.lun_device_path_format.format(hostname=settings.hostname, pool=settings.pool, name=name)

    def is_proven(self, device: str, wanted: Wanted) -> bool:
        """Whether ``device`` shows the whole LUN. Raises DeviceError if it certainly shows another LUN."""
        if self.are_ours:
            try:
                self.proof.prove(device, wanted)
            except DeviceError as error:
                LOG.warning("%s: %s", device, error)  # the scan that follows mends this, or raises it
                return False
            return True
        agrees = self.proof.agrees(device, wanted)
        if agrees and self.node.identities(device):
            self.proof.prove(device, wanted)
        return agrees

    def _is_here(self, name: str, naas: Collection[str]) -> bool:
        """Whether the volume's device is here: by its name, or by its identity if udev cannot give the name."""
        if self.find(name) is not None:
            return True
        return not self.node.names.can_give(self.path(name)) and self.node.is_known(naas)

    def identities(self, name: str) -> tuple[str, ...]:
        """The NAA identities of the volume's device here, and the identities that its name was given to."""
        device = self.find(name)
        known = self.node.identities(device) if device is not None else ()
        return (*known, *self.node.names.given(self.path(name)))

    # Call these with the node's scan lock held

    def make_room(self, name: str, naas: Collection[str]) -> set[int]:
        """Take down what is left of the volume's LUN here, before the LUN is mapped for this node.

        Returns the LUN ids where another LUN is: do not choose them. A stale device that is held is a DeviceError:
        what its holder has queued would be written as soon as the LUN is back.
        """
        device = self.find(name)
        if device is not None or self.node.is_known(naas):
            LOG.warning("taking down this volume's stale device: its LUN is not mapped for this node")
            self._clean(name, device, naas)
        return lun_ids(self.node.sysfs.luns())

    def _clear_dead(self, name: str, naas: Collection[str]) -> None:
        """Take down a dead multipath map of the volume's LUN, before the LUN's paths come up.

        A LUN that is mapped for this node does not prove that this node is clean: what is queued in a nameless
        multipath map without paths would be written. A map that is held is a DeviceError.
        """
        if not self._is_here(name, naas) and self.proof.has_dead_map(naas):
            LOG.warning("taking down this volume's stale multipath map: none of its paths is alive")
            self._clean(name, None, naas)

    def _clean(self, name: str, device: str | None, naas: Collection[str]) -> None:
        if device is not None:
            self._await_release(device)
        self._bring_down(name, device, naas)
        self._require_gone(naas)

    def _require_gone(self, naas: Collection[str]) -> None:
        if self.node.is_known(naas):
            raise DeviceError(
                "this volume's stale device cannot be removed: stop what uses it, run multipath -f, try again"
            )

    def _clear_name(self, name: str, naas: Collection[str]) -> None:
        """Take down another LUN's device that has the volume's name: a stale device of a former volume."""
        device = self.find(name)
        if device is None or not self.are_ours:
            return
        known = self.node.identities(device)
        if known and not set(known) & set(naas):
            LOG.warning("%s is another LUN's device; taking it down first", device)
            self._bring_down(name, device, ())

    def scan(
        self, name: str, wanted: Wanted, numbers: Sequence[int], nexuses: Sequence[Nexus]
    ) -> tuple[list[str], bool]:
        """Let this node see the LUN, at ``nexuses``, by one of these LUN ids.

        First takes down another LUN's device of this name, and this LUN's device without a live path. Returns
        what went wrong, as sentences, and whether the volume had no device here before.
        """
        self._clear_name(name, wanted.naas)
        self._clear_dead(name, wanted.naas)
        is_new = not self._is_here(name, wanted.naas)
        if self._attach_commands is None:
            return self._bring_up.scan(wanted, numbers, nexuses, self.target.known()), is_new
        return self._commands.run_all(self._attach_commands, **self._words(name)), is_new

    # Call these without the scan lock: they wait, or take it themselves

    def let_go(self, name: str, naas: Collection[str]) -> bool:
        """Take down what is left of the volume's LUN here, unless it is held. Returns whether it is gone."""
        device = self.find(name)
        held = self.node.holders(device) if device else []
        if device and not held and not self.node.identities(device):
            held = self.node.claims(device)
        if held:
            LOG.info("%s is in use by %s; its LUN stays in its igroup for now", device, ", ".join(held))
            return False
        try:
            with self._down():
                self._bring_down(name, device, naas)
                self._require_gone(naas)
        except DeviceError as error:  # by an invisible holder: Xen's back end, a mount in another namespace
            LOG.info("%s; its LUN stays in its igroup for now", error)
            return False
        return True

    def settle(self, name: str, wanted: Wanted, failed: list[str], *, is_new: bool) -> str:
        """The device that a scan brought up, proven. DeviceError if none came up.

        The device of a LUN without known identities (``wanted.naas``) is not proven. A write-protected device that
        was not here before the scan (``is_new``) is taken down and refused: the next attach would find it here,
        and take it for a running instance's.
        """
        device = self._settle(name, wanted, failed)
        if is_new:
            try:
                self.proof.require_writable(device)
            except DeviceError:
                self._take_back(name, wanted.naas)
                raise
        return device

    def _take_back(self, name: str, naas: Collection[str]) -> None:
        """Take down a device that has just come up, while udev may still read it. A failure is only logged."""
        for last in (False, False, True):
            try:
                self.take_down(name, naas)
            except (HostError, DeadlineError) as error:
                if last:
                    LOG.warning("cannot take the device down: %s", error)
            else:
                return

    def _settle(self, name: str, wanted: Wanted, failed: list[str]) -> str:
        if self.are_ours:
            return self._bring_up.settle(wanted, failed)
        option = "FC_ATTACH_COMMANDS" if self._settings.storage_protocol == "fc" else "ISCSI_ATTACH_COMMANDS"
        remedy = f"is this node's initiator in its igroup? see lun igroup show, {option}"
        device = self._commands.await_device(lambda: self.find(name), name, failed, remedy)
        if wanted.naas and not self.is_proven(device, wanted):
            self._commands.await_size(device, wanted.size, [])
        return device

    def grow(self, name: str, device: str, wanted: Wanted) -> None:
        """Let this node see the LUN's new size, if it does not yet."""
        if self._attach_commands is None:
            self.proof.prove(device, wanted)
        elif self.node.size(device) < wanted.size:
            with self._locks.scan():
                failed = self._commands.run_all(self._attach_commands, **self._words(name, device))
            self._commands.await_size(device, wanted.size, failed)

    def take_down(self, name: str, naas: Collection[str]) -> None:
        """Take the volume's device off this node. No device is no error; a device in use is a DeviceError.

        ``naas`` are identities that the volume's LUN is known to have, or to have had.
        """
        device = self.find(name)
        known = {*naas, *self.node.names.given(self.path(name))}  # the latter also without a record
        if device is not None:
            self._await_release(device)
        elif not known:
            return
        with self._down():
            self._bring_down(name, device, known)

    def take_down_again(self, name: str, naas: Collection[str]) -> None:
        """Take down a device that came again before its LUN was unmapped or destroyed. A failure is only logged.

        A scan that sees every LUN that is mapped for this node may have seen this one until then: configured
        commands of another volume's attach, for whose end this waits, or over Fibre Channel the kernel's own scan
        of a port that has come back.
        """
        try:
            came = self._came_again(name, naas)
        except (HostError, DeadlineError) as error:
            LOG.warning("another scan may have brought this device up again: %s", error)
            return
        if came:
            LOG.warning("another scan has brought this device up again; taking it down")
            self._take_back(name, naas)

    def _came_again(self, name: str, naas: Collection[str]) -> bool:
        if self._settings.detach_commands == ():
            return False
        if self.are_ours:
            return self._settings.storage_protocol == "fc" and self.is_left(name, naas)
        with self._locks.scan():
            return self.find(name) is not None

    def is_left(self, name: str, naas: Collection[str]) -> bool:
        """Whether anything of the volume's LUN is on this node, alive or dead."""
        return self.find(name) is not None or self.node.is_known(naas)

    def _down(self) -> AbstractContextManager[None]:
        """The lock under which a device is taken down.

        The provider itself removes only what is this LUN's, and does not wait for another volume's scan.
        Configured commands may do anything, so they need the scan lock.
        """
        return self._locks.scan() if self._settings.detach_commands else contextlib.nullcontext()

    def _await_release(self, device: str) -> None:
        """Wait until the device is released. A LUN's device is waited for, without opening it, by ``teardown``."""
        if self._settings.detach_commands is not None or not self.node.identities(device):
            self._commands.await_release(device)

    def _bring_down(self, name: str, device: str | None, naas: Collection[str]) -> None:
        known = sorted({*naas, *(self.node.identities(device) if device else ())})
        commands = self._settings.detach_commands
        if known and (commands is None or device is None):
            self.teardown.take_down(known)
            self._await_no_name(name)
        elif device is not None and commands:
            failed = self._commands.run_all(commands, **self._words(name, device))
            self._commands.await_absence(lambda: self.find(name), name, failed)
        elif device is not None:
            LOG.warning(
                "cannot take %s down: it is no LUN's disk or map, and there are no detach commands", device
            )

    def _await_no_name(self, name: str) -> None:
        """Wait until udev removes the name: the device number that it leads to will soon be another device's."""
        path = self.path(name)
        with self.node.events([path]) as events:
            if not events.until(lambda: not os.path.lexists(path), _UNLINK_SECONDS):
                LOG.warning("udev has not removed %s", path)

    def _words(self, name: str, device: str | None = None) -> dict[str, str]:
        """The words that may stand in braces in a configured command."""
        return {"name": name, "device": device or self.path(name)}
