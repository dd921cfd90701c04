"""A volume's block device on this node: found by its name, brought, told its size, taken down.

By the configured commands where there are some, as the first implementation did; by our own hands where *_COMMANDS
are None. How a device is looked at, waited for and proven is the same. Knows nothing of the filer.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Callable, Protocol

from dataontap.errors import DeadlineError, DeviceError, HostError
from dataontap.host.bring_up import Coming
from dataontap.host.commands import Commands
from dataontap.host.identity import Proof
from dataontap.host.lun import Wanted, lun_ids
from dataontap.host.take_down import Going

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dataontap import literals
    from dataontap.config import Settings
    from dataontap.host.node import Node
    from dataontap.host.sysfs import Nexus
    from dataontap.state.locks import Locks

LOG = logging.getLogger(__name__)

# Fibre Channel has no way of its own yet; what the first implementation ran.
FC_ATTACH_COMMANDS: literals.Commands = (("rescan-scsi-bus.sh",), ("multipath", "-r"), ("udevadm", "settle"))
_UNLINK_SECONDS = 5.0


class Target(Protocol):
    """The filer's target, as far as this node sees it."""

    def connect(self) -> Sequence[Nexus]:
        """Where this node sees it, after logging in as far as need be."""

    def known(self) -> Sequence[Nexus]:
        """Where this node has ever seen it since it booted."""


class Devices:
    """The volumes' devices on ``node``, whose paths lead to ``target``. ``run`` starts the configured commands.

    ``proof`` and ``going`` are for a device, whatever volume's it is.
    """

    def __init__(
        self, settings: Settings, node: Node, target: Target, locks: Locks, run: Callable[..., str]
    ) -> None:
        self._settings = settings
        self.node = node
        self.proof = Proof(node)
        self.going = Going(node)
        self._coming = Coming(node, self.proof, self.going)
        self._target = target
        self._locks = locks
        self._commands = Commands(node, run)
        commands = settings.attach_commands
        if commands is None and settings.storage_protocol == "fc":
            commands = FC_ATTACH_COMMANDS
        self._attach_commands = commands
        # Whether devices come by our own hands, and not by configured commands.
        self.are_ours = commands is None

    def find(self, name: str) -> str | None:
        """The volume's device, by its stable name, whoever's LUN it may be by now."""
        settings = self._settings
        return self.node.find_device(
            settings.lun_device_path_format, hostname=settings.hostname, pool=settings.pool, name=name
        )

    def path(self, name: str) -> str:
        """The stable name that the volume's device shall have."""
        settings = self._settings
        return settings.lun_device_path_format.format(hostname=settings.hostname, pool=settings.pool, name=name)

    def is_proven(self, device: str, wanted: Wanted) -> bool:
        """Whether ``device`` shows the whole LUN. Raises DeviceError where it certainly is another one's."""
        if self.are_ours:
            try:
                self.proof.prove(device, wanted)
            except DeviceError as error:
                LOG.warning("%s: %s", device, error)  # what can be mended is, by scanning; or it is said there
                return False
            return True
        agrees = self.proof.agrees(device, wanted)
        if agrees and self.node.identities(device):
            self.proof.prove(device, wanted)
        return agrees

    def _is_here(self, name: str, naas: Collection[str]) -> bool:
        """Whether the volume has its device here: by the name that it has, or would have if udev could give it."""
        if self.find(name) is not None:
            return True
        return not self.node.names.can_give(self.path(name)) and self.node.is_known(naas)

    def identities(self, name: str) -> tuple[str, ...]:
        """The NAA identities of the volume's device here, and those that its name was given to."""
        device = self.find(name)
        known = self.node.identities(device) if device is not None else ()
        return (*known, *self.node.names.given(self.path(name)))

    def reach(self) -> Sequence[Nexus]:
        """Where this node sees the target, after logging in as far as need be; nothing where commands look for it.

        Takes its time: call it before the lock of scans is taken.
        """
        return self._target.connect() if self.are_ours else ()

    # Call these with the node's lock of scans

    def make_room(self, name: str, naas: Collection[str]) -> set[int]:
        """Let nothing of the volume's LUN be left here, before it is mapped for this node.

        Returns the LUN ids that had better not be chosen: something sits there. A left-over that is held is a
        DeviceError: what its holder has queued would be written as soon as the LUN is back.
        """
        device = self.find(name)
        if device is not None or self.node.is_known(naas):
            LOG.warning("taking down what is left here of this volume: its LUN is not mapped for this node")
            self._clean(name, device, naas)
        return lun_ids(self.node.sysfs.luns())

    def _clear_dead(self, name: str, naas: Collection[str]) -> None:
        """Let no dead multipath map of the volume's LUN be left here, before its paths come.

        That the LUN is mapped for this node does not prove that this node is clean: what a nameless map without
        paths has queued would be written. A left-over that is held is a DeviceError.
        """
        if not self._is_here(name, naas) and self.proof.has_dead_map(naas):
            LOG.warning("taking down a map of this volume without a living path")
            self._clean(name, None, naas)

    def _clean(self, name: str, device: str | None, naas: Collection[str]) -> None:
        if device is not None:
            self._await_release(device)
        self._bring_down(name, device, naas)
        self._require_gone(naas)

    def _require_gone(self, naas: Collection[str]) -> None:
        if self.node.is_known(naas):
            raise DeviceError(
                "what is left of this volume here does not go: stop who uses it, multipath -f it, try again"
            )

    def _clear_name(self, name: str, naas: Collection[str]) -> None:
        """Let another LUN's device not have the volume's name: a dead one's, left of a volume called the same."""
        device = self.find(name)
        if device is None or not self.are_ours:
            return
        known = self.node.identities(device)
        if known and not set(known) & set(naas):
            LOG.warning("%s is another LUN's device, which goes first", device)
            self._bring_down(name, device, ())

    def scan(
        self, name: str, wanted: Wanted, numbers: Sequence[int], nexuses: Sequence[Nexus]
    ) -> tuple[list[str], bool]:
        """Let this node see the LUN, at ``nexuses`` as ``reach`` told, by one of these LUN ids.

        What is left of another LUN by this name, or of this one without a living path, goes before. Returns what
        went wrong, as sentences, and whether the volume had no device here before.
        """
        self._clear_name(name, wanted.naas)
        self._clear_dead(name, wanted.naas)
        is_new = not self._is_here(name, wanted.naas)
        if self._attach_commands is None:
            return self._coming.scan(wanted, numbers, nexuses, self._target.known()), is_new
        return self._commands.run_all(self._attach_commands, **self._words(name)), is_new

    # And these without: they wait, or take it themselves

    def let_go(self, name: str, naas: Collection[str]) -> bool:
        """Take down what there is of the volume's LUN on this node, if nobody holds it; whether that is so."""
        device = self.find(name)
        held = self.node.holders(device) if device else []
        if device and not held and not self.node.identities(device):
            held = self.node.claims(device)
        if held:
            LOG.info("%s stays in its group for now: it is in use by %s", device, ", ".join(held))
            return False
        try:
            with self._down():
                self._bring_down(name, device, naas)
                self._require_gone(naas)
        except DeviceError as error:  # held by who cannot be seen: Xen's back end, a mount in another namespace
            LOG.info("it stays in its group for now: %s", error)
            return False
        return True

    def settle(self, name: str, wanted: Wanted, failed: list[str], *, is_new: bool) -> str:
        """The device that came by a scan, proven; DeviceError when none came.

        Of a LUN without known identities (``wanted.naas``) it is taken as it comes. One that is write-protected,
        and was not here before the scan (``is_new``), is taken down and refused: the next attach would find it
        here, and take it for an instance's.
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
        """Take a device down that has just come, into which udev may still look; that it stays is only said."""
        for last in (False, False, True):
            try:
                self.take_down(name, naas)
            except (HostError, DeadlineError) as error:
                if last:
                    LOG.warning("the device stays: %s", error)
            else:
                return

    def _settle(self, name: str, wanted: Wanted, failed: list[str]) -> str:
        if self.are_ours:
            return self._coming.settle(wanted, failed)
        option = "FC_ATTACH_COMMANDS" if self._settings.storage_protocol == "fc" else "ISCSI_ATTACH_COMMANDS"
        remedy = f"has its igroup this node's initiator? see lun igroup show, {option}"
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
        """Let the volume's device be gone; none here is fine, one that is in use is a DeviceError.

        ``naas`` are identities that the volume's LUN is known to have, or to have had.
        """
        device = self.find(name)
        known = {*naas, *self.node.names.given(self.path(name))}  # also when no record was made, or none is left
        if device is not None:
            self._await_release(device)
        elif not known:
            return
        with self._down():
            self._bring_down(name, device, known)

    def is_left(self, name: str, naas: Collection[str]) -> bool:
        """Whether anything of the volume's LUN is on this node, alive or dead."""
        return self.find(name) is not None or self.node.is_known(naas)

    def _down(self) -> AbstractContextManager[None]:
        """What a device is taken down under.

        Our own hands only remove what is this LUN's, and wait for no other volume's scan; configured commands may
        do anything.
        """
        return self._locks.scan() if self._settings.detach_commands else contextlib.nullcontext()

    def _await_release(self, device: str) -> None:
        """Where nobody else does: of a LUN's device it is asked without opening it, when it is taken down."""
        if self._settings.detach_commands is not None or not self.node.identities(device):
            self._commands.await_release(device)

    def _bring_down(self, name: str, device: str | None, naas: Collection[str]) -> None:
        known = sorted({*naas, *(self.node.identities(device) if device else ())})
        commands = self._settings.detach_commands
        if known and (commands is None or device is None):
            self.going.take_down(known)
            self._await_no_name(name)
        elif device is not None and commands:
            failed = self._commands.run_all(commands, **self._words(name, device))
            self._commands.await_absence(lambda: self.find(name), name, failed)
        elif device is not None:
            LOG.warning("%s stays: no detach commands are configured, and it is no LUN's disk or map", device)

    def _await_no_name(self, name: str) -> None:
        """Wait for udev to take the name away: the number that it leads to is soon another device's."""
        path = self.path(name)
        with self.node.events([path]) as events:
            if not events.until(lambda: not os.path.lexists(path), _UNLINK_SECONDS):
                LOG.warning("udev has not taken %s away", path)

    def _words(self, name: str, device: str | None = None) -> dict[str, str]:
        """What may stand in braces in a configured command."""
        return {"name": name, "device": device or self.path(name)}
