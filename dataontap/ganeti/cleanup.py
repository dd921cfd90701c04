"""Removes the devices of removed volumes from this node: ``python3 -I -m dataontap.cleanup VOLUME...``.

The hook post-remove runs it on every node of the cluster. The volumes' LUNs are destroyed already or will be soon.
"""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Callable

from dataontap.deadline import Deadline
from dataontap.errors import CommandError, DataOntapError, DeviceError, VolumeError
from dataontap.ganeti.environ import Cleanup
from dataontap.ganeti.script import Process, as_process, asks_for_help, attempt, site, tell_usage
from dataontap.host import run as programs
from dataontap.host.commands import Commands
from dataontap.volume.provider import DataOnTapProvider

if TYPE_CHECKING:
    from dataontap.config import Settings
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)

# The first implementation ran this command.
SCSI_ID_COMMAND = ("/lib/udev/scsi_id", "-g", "-d", "{device}")
# A SCSI id becomes part of a command's words, and the command may pass it to a shell.
_SCSI_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")


def main() -> int:
    """Run the clean-up as this process; returns the exit status."""
    return as_process(run)


def run(process: Process) -> int:
    """Remove the devices of the volumes in ``process``: 0 if all are gone, 1 if any removal failed."""
    if asks_for_help(process) or not process.arguments:
        return tell_usage(
            "usage: python3 -I -m dataontap.cleanup VOLUME...    (the hook post-remove runs it)", process
        )
    names = process.arguments
    subject = names[0] if len(names) == 1 else f"{len(names)} volumes"

    def clean_up(wanted: Cleanup, settings: Settings) -> None:
        Cleaner(site(settings, process, Deadline(settings.timeout))).clean(wanted)

    return attempt("cleanup", subject, process, lambda: Cleanup.from_arguments(names), clean_up)


class Cleaner:
    """Removes the devices of removed volumes from this node. ``run`` starts programs."""

    def __init__(self, site: Site, run: Callable[..., str] = programs.run) -> None:
        self._settings = site.settings
        self._provider = DataOnTapProvider(site)
        self._devices = site.devices
        self._commands = Commands(site.devices.node, run)
        self._locks = site.locks
        self._deadline = site.deadline
        self._run = run

    def clean(self, wanted: Cleanup) -> None:
        """Remove each volume's device, even if others fail. Raises VolumeError with the names of those that stay.

        Each volume has the full time of a script, so a device that is in use takes no time from the others.
        """
        failed = []
        for name in wanted.names:
            self._deadline.allow(self._deadline.seconds, "TIMEOUT")
            try:
                self._take_down(name)
            except DataOntapError as error:
                LOG.error("%s: %s", name, error)
                failed.append(f"{name}: {error}")
        if failed:
            raise VolumeError("; ".join(failed))

    def _take_down(self, name: str) -> None:
        """Detach, then run DEVICE_CLEANUP_COMMAND if the device is still present."""
        self._provider.take_down(name)
        look = partial(self._devices.find, name)
        device = look()
        command = self._settings.device_cleanup_command
        if device is None or not command:
            return
        values = {"name": name, "device": device}
        if any("{scsi_id}" in word for word in command):
            values["scsi_id"] = self._scsi_id(device)
        with self._locks.volume(name), self._locks.scan():
            failed = self._commands.run_all([command], **values)
        self._commands.await_absence(look, name, failed)

    def _scsi_id(self, device: str) -> str:
        """The output of SCSI_ID_COMMAND for ``device``. If its LUN is gone, the WWID that the kernel's map has."""
        words = self._settings.scsi_id_command or SCSI_ID_COMMAND
        argv = [word.replace("{device}", device) for word in words]
        try:
            said = self._run(*argv, timeout=self._deadline.left("asking SCSI_ID_COMMAND")).strip()
        except CommandError as error:
            LOG.warning("%s", error)
            said = ""
        known = said if _SCSI_ID.fullmatch(said) else self._devices.node.block(device).wwid
        if known is None or not _SCSI_ID.fullmatch(known):
            raise DeviceError("its SCSI id is unknown, so DEVICE_CLEANUP_COMMAND was not run; see SCSI_ID_COMMAND")
        return known
