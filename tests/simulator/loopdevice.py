"""Loop devices: made over a LUN's content, told from others, taken down; by the kernel's own calls (loop(4))."""

from __future__ import annotations

import errno
import fcntl
import os
from collections import namedtuple

# linux/loop.h
LOOP_SET_FD = 0x4C00
LOOP_CLR_FD = 0x4C01
LOOP_SET_CAPACITY = 0x4C07
LOOP_CTL_GET_FREE = 0x4C82


class Disk(namedtuple("Disk", ("hostname", "volume", "link", "device", "file"))):
    """One LUN on this node: the link, the loop device it names, and the file behind that.

    Not of ``typing``, whose import would cost the fabric a fifth of its time.
    """

    __slots__ = ()

    @property
    def _system(self) -> str:
        return f"/sys/block/{os.path.basename(self.device)}"

    @property
    def alive(self) -> bool:
        """Whether the loop device is still ours: loop device numbers are given anew at once."""
        try:
            with open(f"{self._system}/loop/backing_file", encoding="utf-8") as file:
                backing = file.read().rstrip("\n")
        except FileNotFoundError:
            return False
        return backing in {self.file, f"{self.file} (deleted)"}

    @property
    def size(self) -> int:
        """The loop device's size; the kernel counts sectors of 512 bytes."""
        with open(f"{self._system}/size", encoding="ascii") as file:
            return int(file.read()) * 512


def free_device() -> str:
    """A loop device that nobody uses just now; the kernel makes one where all are in use."""
    return f"/dev/loop{_call('/dev/loop-control', LOOP_CTL_GET_FREE)}"


def set_up(device: str, file: str) -> None:
    """Let the device show the file; read-only where the file system is.

    Raises an OSError, whose errno is EBUSY where the device is in use.
    """
    try:
        content = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        content = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call(device, LOOP_SET_FD, content)
    finally:
        os.close(content)


def follow_size(device: str) -> None:
    """As large as its file is by now."""
    _call(device, LOOP_SET_CAPACITY)


def take_down(device: str) -> None:
    """Free the device; while it is held open it goes when it is let go."""
    _call(device, LOOP_CLR_FD)


def _call(device: str, request: int, argument: int = 0) -> int:
    descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        return fcntl.ioctl(descriptor, request, argument)
    except OSError as error:
        raise OSError(error.errno, error.strerror, device) from None
    finally:
        os.close(descriptor)
