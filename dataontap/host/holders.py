"""The holders of a block device: processes that have it open, file systems and swap on it."""

from __future__ import annotations

import errno
import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path

# The name of a holder that is not a process.
KERNEL = "the kernel (a mount, swap or the like)"
_NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "fuse", "ceph", "gluster", "9p", "afs", "ocfs", "gfs", "lustre")


def openers(number: int, *, ignoring: str | None = None) -> list[str]:
    """Descriptions of the processes that have the block device ``number`` open, and of its mounts.

    Processes of the program ``ignoring`` are left out. The device is not opened: the last close of a multipath map
    without paths would wait for ever.
    """
    programs = ((pid, _command_name(pid)) for pid in _open_in(number))
    held = [f"process {pid} ({name})" for pid, name in programs if name != ignoring]
    return held + [f"a mount at {point}" for point in _mount_points(number)]


def is_claimed(device: str) -> bool:
    """Whether the kernel has the device in exclusive use: O_EXCL without O_CREAT tests just that (open(2)).

    Raises OSError if the test fails.
    """
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return True
    return False


def _open_in(number: int) -> list[int]:
    """The processes that have the device open, under any path (qemu may be in a chroot).

    Files on a network file system are skipped: a stat there might hang.
    """
    network = tuple(mount.point + "/" for mount in _mounts() if mount.kind.startswith(_NETWORK_FILE_SYSTEMS))
    found = set()
    for descriptor in glob.iglob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(descriptor)
            if not target.startswith("/") or target.startswith(network):
                continue
            status = os.stat(descriptor)
        except OSError:
            continue  # the process has ended, or has closed the file
        if stat.S_ISBLK(status.st_mode) and status.st_rdev == number:
            found.add(int(descriptor.split("/")[2]))
    return sorted(found)


def _mount_points(number: int) -> list[str]:
    numbered = f"{os.major(number)}:{os.minor(number)}"
    return [mount.point for mount in _mounts() if mount.number == numbered]


class _Mount:
    """A line of mountinfo, see proc(5)."""

    def __init__(self, line: str) -> None:
        fields, _, rest = line.partition(" - ")
        words = fields.split(" ")
        self.number, self.point = words[2], words[4]
        self.kind = rest.split(" ", 1)[0]


def _mounts() -> Iterator[_Mount]:
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    return map(_Mount, text.splitlines())


def _command_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "ended meanwhile"
