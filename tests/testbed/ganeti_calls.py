"""Ganeti's side of a node: runs ganeti.storage as noded would, one call per line of standard input.

A program of its own, because Ganeti's code needs the system's Python and the node's namespace. A call is a
JSON object {"call": NAME, "disk": {...}, ...}; the answer {"result": ...} or {"error": TEXT}.
"""

from __future__ import annotations

import glob
import json
import os
import sys
from typing import Any

# Where Debian's package puts Ganeti's library: a directory per version, and not on sys.path.
sys.path.insert(0, sorted(glob.glob("/usr/share/ganeti/3.*"))[-1])

from ganeti import constants, errors, objects, pathutils  # noqa: E402
from ganeti.storage import bdev, extstorage  # noqa: E402


class Calls:
    """What noded does for a disk (ganeti/backend.py, Blockdev*), by the same words."""

    def diagnose(self, disk: objects.Disk) -> bool:
        """Whether Ganeti accepts the provider directory."""
        status, problem = extstorage.ExtStorageFromDisk(disk.logical_id[0])
        if not status:
            raise errors.BlockDeviceError(problem)
        return bool(status)

    def create(self, disk: objects.Disk) -> str | None:
        """``create``, then the attach that Ganeti always adds."""
        return bdev.Create(disk, [], False).dev_path  # type: ignore[no-any-return]

    def assemble(self, disk: objects.Disk) -> str | None:
        """``attach``; the path is what an instance would be started with."""
        return bdev.Assemble(disk, []).dev_path  # type: ignore[no-any-return]

    def find(self, disk: objects.Disk) -> str | None:
        """``attach``; None when Ganeti thinks that there is no device."""
        device = bdev.FindDevice(disk, [])
        return device.dev_path if device else None

    def open(self, disk: objects.Disk, exclusive: bool) -> None:
        """``open``."""
        self._device(disk).Open(exclusive=exclusive)

    def close(self, disk: objects.Disk) -> None:
        """``close``."""
        self._device(disk).Close()

    def setinfo(self, disk: objects.Disk, text: str) -> None:
        """``setinfo``."""
        self._device(disk).SetInfo(text)

    def grow(self, disk: objects.Disk, amount: int) -> None:
        """``grow`` by ``amount`` MiB."""
        self._device(disk).Grow(amount, False, True, False)

    def snapshot(self, disk: objects.Disk) -> list[str]:
        """``snapshot``; provider and name of the new volume."""
        return list(self._device(disk).Snapshot(None, None))

    def shutdown(self, disk: objects.Disk) -> None:
        """``detach``."""
        self._device(disk).Shutdown()

    def remove(self, disk: objects.Disk) -> None:
        """``detach`` and ``remove``."""
        self._device(disk).Remove()

    @staticmethod
    def _device(disk: objects.Disk) -> Any:
        device = bdev.FindDevice(disk, [])
        if device is None:
            raise errors.BlockDeviceError("Ganeti takes the volume for absent")
        return device


def _disk(volume: str, *, size: int = 0, uuid: str | None = None, name: str | None = None, **params: str) -> Any:
    """Ganeti's object for a disk; ``size`` in MiB, ``params`` its ext-params."""
    return objects.Disk(
        dev_type=constants.DT_EXT,
        logical_id=("dataontap", volume),
        children=[],
        size=size,
        uuid=uuid,
        name=name,
        params={"provider": "dataontap", "access": "kernelspace", **params},
        dynamic_params={},
    )


def main() -> None:
    """Serve calls until standard input ends. Arguments: the ExtStorage search path and its log directory."""
    pathutils.ES_SEARCH_PATH, pathutils.LOG_ES_DIR = [sys.argv[1]], sys.argv[2]
    os.umask(0o077)
    answers, sys.stdout = sys.stdout, sys.stderr
    calls = Calls()
    for line in sys.stdin:
        request = json.loads(line)
        call, disk = getattr(calls, request.pop("call")), _disk(**request.pop("disk"))
        try:
            answer = {"result": call(disk, **request)}
        except errors.GenericError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


main()
