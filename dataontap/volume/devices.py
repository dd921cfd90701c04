"""A volume's block device on this node: found by its name, brought, told its size, taken down.

By the configured commands where there are some, as the first implementation did; by our own hands (``host.san``)
where *_COMMANDS are None. Knows nothing of the filer.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Callable

from dataontap.deadline import Deadline
from dataontap.errors import DeadlineError, DeviceError, HostError
from dataontap.host.commands import Host
from dataontap.host.lun import Wanted
from dataontap.host.san import San
from dataontap.host.udev import Events, Names

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dataontap.config import Settings
    from dataontap.host.sysfs import Nexus
    from dataontap.literals import Commands
    from dataontap.state.locks import Locks

LOG = logging.getLogger(__name__)

# Fibre Channel has no way of its own yet; what the first implementation ran.
FC_ATTACH_COMMANDS: Commands = (("rescan-scsi-bus.sh",), ("multipath", "-r"), ("udevadm", "settle"))
_UNLINK_SECONDS = 5.0


class Devices:
    """The volumes' devices here. ``connect`` says where this node sees the filer's target, and may log in first;
    ``known`` says where it has ever seen it since it booted.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host: Host,
        san: San,
        names: Names,
        connect: Callable[[], Sequence[Nexus]],
        known: Callable[[], Sequence[Nexus]],
        locks: Locks,
        deadline: Deadline,
    ) -> None:
        self._settings = settings
        self._host = host
        self._san = san
        self._names = names
        self._connect = connect
        self._known = known
        self._locks = locks
        self._deadline = deadline
        commands = settings.attach_commands
        if commands is None and settings.storage_protocol == "fc":
            commands = FC_ATTACH_COMMANDS
        self._attach_commands = commands

    @property
    def are_ours(self) -> bool:
        """Whether devices come by our own hands, and not by configured commands."""
        return self._attach_commands is None

    def find(self, name: str) -> str | None:
        """The volume's device, by its stable name, whoever's LUN it may be by now."""
        settings = self._settings
        return self._host.find_device(
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
                self._san.prove(device, wanted)
            except DeviceError as error:
                LOG.warning("%s: %s", device, error)  # what can be mended is, by scanning; or it is said there
                return False
            return True
        agrees = self._host.agrees(device, wanted.naas, wanted.size)
        if agrees and self._san.identities(device):
            self._san.prove(device, wanted)
        return agrees

    def require_life(self, device: str) -> None:
        """DeviceError if a device's LUN does not answer, where there is somebody to ask."""
        self._san.prove_alive(device)

    def require_writable(self, device: str) -> None:
        """DeviceError if a device is write-protected, also after its LUN's protection was read anew."""
        self._san.require_writable(device)

    def warn_if_protected(self, device: str) -> None:
        """As ``require_writable``, for a device that may be in use: its instance must be able to stop and move."""
        try:
            self._san.require_writable(device)
        except (DeviceError, DeadlineError) as error:
            LOG.warning("%s: %s", device, error)

    def is_here(self, name: str, naas: Collection[str]) -> bool:
        """Whether the volume has its device here: by the name that it has, or would have if udev could give it."""
        if self.find(name) is not None:
            return True
        return not self._names.can_give(self.path(name)) and self._san.is_known(naas)

    def identities(self, name: str) -> tuple[str, ...]:
        """The NAA identities of the volume's device here, and those that its name was given to."""
        device = self.find(name)
        known = self._san.identities(device) if device is not None else ()
        return (*known, *self._names.given(self.path(name)))

    def reach(self) -> Sequence[Nexus]:
        """Where this node sees the target, after logging in as far as need be; nothing where commands look for it.

        Takes its time: call it before the lock of scans is taken.
        """
        return self._connect() if self.are_ours else ()

    # Call these with the node's lock of scans

    def make_room(self, name: str, naas: Collection[str]) -> set[int]:
        """Let nothing of the volume's LUN be left here, before it is mapped for this node.

        Returns the LUN ids that had better not be chosen: something sits there. A left-over that is held is a
        DeviceError: what its holder has queued would be written as soon as the LUN is back.
        """
        device = self.find(name)
        if device is not None or self._san.is_known(naas):
            LOG.warning("taking down what is left here of this volume: its LUN is not mapped for this node")
            self._clean(name, device, naas)
        return self._san.taken()

    def clear_dead(self, name: str, naas: Collection[str]) -> None:
        """Let no dead multipath map of the volume's LUN be left here, before its paths come.

        That the LUN is mapped for this node does not prove that this node is clean: what a nameless map without
        paths has queued would be written. A left-over that is held is a DeviceError.
        """
        if not self.is_here(name, naas) and self._san.has_dead_map(naas):
            LOG.warning("taking down a map of this volume without a living path")
            self._clean(name, None, naas)

    def _clean(self, name: str, device: str | None, naas: Collection[str]) -> None:
        if device is not None:
            self._await_release(device)
        self._bring_down(name, device, naas)
        self._require_gone(naas)

    def _require_gone(self, naas: Collection[str]) -> None:
        if self._san.is_known(naas):
            raise DeviceError(
                "what is left of this volume here does not go: stop who uses it, multipath -f it, try again"
            )

    def clear_name(self, name: str, naas: Collection[str]) -> None:
        """Let another LUN's device not have the volume's name: a dead one's, left of a volume called the same."""
        device = self.find(name)
        if device is None or not self.are_ours:
            return
        known = self._san.identities(device)
        if known and not set(known) & set(naas):
            LOG.warning("%s is another LUN's device, which goes first", device)
            self._bring_down(name, device, ())

    def scan(self, name: str, wanted: Wanted, lun_ids: Sequence[int], nexuses: Sequence[Nexus]) -> list[str]:
        """Let this node see the LUN, at ``nexuses`` as ``reach`` told; returns what went wrong, as sentences."""
        if self._attach_commands is None:
            self._san.scan(wanted, lun_ids, nexuses, self._known())
            return []
        return self._host.run_commands(self._attach_commands, self._deadline, **self._words(name))

    # And these without: they wait, or take it themselves

    def let_go(self, name: str, naas: Collection[str]) -> bool:
        """Take down what there is of the volume's LUN on this node, if nobody holds it; whether that is so."""
        device = self.find(name)
        look = self._san if device and self._san.identities(device) else self._host
        held = look.holders(device) if device else []
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

    def stop_queueing(self, device: str) -> None:
        """Let I/O on the device fail, and not wait, when its paths are gone."""
        self._san.queue(device, False)

    def restore_queueing(self, device: str) -> None:
        """Let it wait again, as multipath is configured."""
        self._san.queue(device, True)

    def settle(self, name: str, wanted: Wanted, failed: list[str], *, is_new: bool) -> str:
        """The device that came by a scan, proven; DeviceError when none came.

        Of a LUN without known identities (``wanted.naas``) it is taken as it comes. One that is write-protected,
        and was not here before the scan (``is_new``), is taken down and refused: the next attach would find it
        here, and take it for an instance's.
        """
        device = self._settle(name, wanted, failed)
        if is_new:
            try:
                self.require_writable(device)
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
            return self._san.settle(wanted)
        option = "FC_ATTACH_COMMANDS" if self._settings.storage_protocol == "fc" else "ISCSI_ATTACH_COMMANDS"
        device = self._host.await_device(
            lambda: self.find(name),
            self._deadline,
            failed=failed,
            remedy=f"has its igroup this node's initiator? see lun igroup show, {option}",
        )
        if wanted.naas and not self.is_proven(device, wanted):
            self._host.await_size(device, wanted.size, self._deadline, failed=[])
        return device

    def grow(self, name: str, device: str, wanted: Wanted) -> None:
        """Let this node see the LUN's new size, if it does not yet."""
        if self._attach_commands is None:
            self._san.prove(device, wanted)
        elif self._host.size(device) < wanted.size:
            with self._locks.scan():
                words = self._words(name, device)
                failed = self._host.run_commands(self._attach_commands, self._deadline, **words)
            self._host.await_size(device, wanted.size, self._deadline, failed=failed)

    def take_down(self, name: str, naas: Collection[str]) -> None:
        """Let the volume's device be gone; none here is fine, one that is in use is a DeviceError.

        ``naas`` are identities that the volume's LUN is known to have, or to have had.
        """
        device = self.find(name)
        known = {*naas, *self._names.given(self.path(name))}  # also when no record was made, or none is left
        if device is not None:
            self._await_release(device)
        elif not known:
            return
        with self._down():
            self._bring_down(name, device, known)

    def is_left(self, name: str, naas: Collection[str]) -> bool:
        """Whether anything of the volume's LUN is on this node, alive or dead."""
        return self.find(name) is not None or self._san.is_known(naas)

    def _down(self) -> AbstractContextManager[None]:
        """What a device is taken down under.

        Our own hands only remove what is this LUN's, and wait for no other volume's scan; configured commands may
        do anything.
        """
        return self._locks.scan() if self._settings.detach_commands else contextlib.nullcontext()

    def _await_release(self, device: str) -> None:
        """Where nobody else does: of a LUN's device it is asked without opening it, when it is taken down."""
        if self._settings.detach_commands is not None or not self._san.identities(device):
            self._host.await_release(device, self._deadline)

    def _bring_down(self, name: str, device: str | None, naas: Collection[str]) -> None:
        known = sorted({*naas, *(self._san.identities(device) if device else ())})
        commands = self._settings.detach_commands
        if known and (commands is None or device is None):
            self._san.take_down(known)
            self._await_no_name(name)
        elif device is not None and commands:
            failed = self._host.run_commands(commands, self._deadline, **self._words(name, device))
            self._host.await_absence(lambda: self.find(name), self._deadline, failed=failed)
        elif device is not None:
            LOG.warning("%s stays: no detach commands are configured, and it is no LUN's disk or map", device)

    def _await_no_name(self, name: str) -> None:
        """Wait for udev to take the name away: the number that it leads to is soon another device's."""
        path = self.path(name)
        with Events([path]) as events:
            if not events.until(lambda: not os.path.lexists(path), _UNLINK_SECONDS):
                LOG.warning("udev has not taken %s away", path)

    def _words(self, name: str, device: str | None = None) -> dict[str, str]:
        """What may stand in braces in a configured command."""
        return {"name": name, "device": device or self.path(name)}
