"""Takes removed volumes' devices off this node: ``python3 -I -m dataontap.cleanup VOLUME...``.

The hook post-remove runs it on every node of the cluster. The volumes' LUNs are gone or about to go.
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

# What the first implementation ran.
SCSI_ID_COMMAND = ("/lib/udev/scsi_id", "-g", "-d", "{device}")
# It goes into the words of a command, which may hand it to a shell.
_SCSI_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")


def main() -> int:
    """Run this as a process; returns the exit status."""
    return as_process(run)


def run(process: Process) -> int:
    """Take down the volumes that ``process`` names: 0 if their devices are gone, 1 if any failed."""
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
    """This node, as far as devices of removed volumes are on it. ``run`` starts programs."""

    def __init__(self, site: Site, run: Callable[..., str] = programs.run) -> None:
        self._settings = site.settings
        self._provider = DataOnTapProvider(site)
        self._devices = site.devices
        self._commands = Commands(site.devices.node, run)
        self._locks = site.locks
        self._deadline = site.deadline
        self._run = run

    def clean(self, wanted: Cleanup) -> None:
        """Take each volume's device down, whatever becomes of the others; VolumeError names those that stay.

        Waiting for one that is in use costs the next ones nothing of a script's time.
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
        """Detach, then run DEVICE_CLEANUP_COMMAND for a device that is still here."""
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
        """What SCSI_ID_COMMAND says of ``device``; of one whose LUN is gone the kernel's multipath map knows."""
        words = self._settings.scsi_id_command or SCSI_ID_COMMAND
        argv = [word.replace("{device}", device) for word in words]
        try:
            said = self._run(*argv, timeout=self._deadline.left("asking SCSI_ID_COMMAND")).strip()
        except CommandError as error:
            LOG.warning("%s", error)
            said = ""
        known = said if _SCSI_ID.fullmatch(said) else self._devices.node.block(device).wwid
        if known is None or not _SCSI_ID.fullmatch(known):
            raise DeviceError(
                "nothing tells its SCSI id, so DEVICE_CLEANUP_COMMAND was not run and its device stays"
            )
        return known
