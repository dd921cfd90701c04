"""Loop devices: made over a LUN's content, told from others, taken down.  Needs ``losetup`` only."""

from __future__ import annotations

import fcntl
import subprocess
from dataclasses import dataclass
from pathlib import Path

LOOP_CTL_GET_FREE = 0x4C82  # linux/loop.h


class FabricError(Exception):
    """The node cannot be made to see what it should."""


@dataclass(frozen=True)
class Disk:
    """One LUN on this node: the link, the loop device it names, and the file behind that."""

    hostname: str
    volume: str
    link: str
    device: str
    file: str

    @property
    def _system(self) -> Path:
        return Path("/sys/block", Path(self.device).name)

    @property
    def alive(self) -> bool:
        """Whether the loop device is still ours: loop device numbers are given anew at once."""
        try:
            backing = (self._system / "loop/backing_file").read_text().rstrip("\n")
        except FileNotFoundError:
            return False
        return backing in {self.file, f"{self.file} (deleted)"}

    @property
    def size(self) -> int:
        """The loop device's size; the kernel counts sectors of 512 bytes."""
        return int((self._system / "size").read_text()) * 512


def losetup(*arguments: str) -> str:
    """Run losetup; returns what it complains of, empty when it succeeded."""
    command = ["losetup", *arguments]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    done = subprocess.run(  # noqa: S603 - a fixed program, no shell
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr.strip() or f"{command} exited {done.returncode}"


def free_device() -> str:
    """A loop device that nobody uses just now; the kernel makes one where all are in use."""
    with Path("/dev/loop-control").open("rb") as control:
        return f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
