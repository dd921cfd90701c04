"""What an instance does to its disk: ``python3 -m tests.vm.writer DEVICE FIRST [FILE]`` writes until SIGTERM.

Numbers go round a few blocks, one write after the other and each on the disk before the next. Before the first it
looks whether the numbers before it are there, every one of them, and says "open"; then it waits for FILE, if one
is named. After the last write it prints its number.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time

from tests.vm.machine import BLOCK

BLOCKS = 16
# Seconds between writes: some fall into the time of every script, which has the guest's only CPU in between.
PAUSE = 0.05


def expected(first: int) -> dict[int, str]:
    """The text of each block before ``first`` is written; some are missing before all have been written once."""
    return {number % BLOCKS: str(number) for number in range(max(0, first - BLOCKS), first)}


def main(device: str, first: int, permission: str | None = None) -> None:
    """Write from ``first`` on, until told to stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    buffer = mmap.mmap(-1, BLOCK)  # aligned, as O_DIRECT wants it
    disk = os.open(device, os.O_RDWR | os.O_DIRECT | os.O_SYNC)
    for block, text in expected(first).items():
        os.preadv(disk, [buffer], block * BLOCK)
        found = buffer[:].rstrip(b"\0").decode()
        if found != text:
            sys.exit(f"block {block} has {found!r}, not {text!r}")
    print("open", flush=True)
    while permission and not os.path.exists(permission):
        time.sleep(PAUSE)
    number = first
    while True:
        buffer[:] = str(number).encode().ljust(BLOCK, b"\0")
        os.pwritev(disk, [buffer], number % BLOCKS * BLOCK)
        if signal.sigtimedwait({signal.SIGTERM}, PAUSE):
            break
        number += 1
    print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
