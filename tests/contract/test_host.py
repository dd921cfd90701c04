"""Programs and block devices, with real ones."""

from __future__ import annotations

import contextlib
import os
import select
import stat
import subprocess
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Callable

import pytest

from dataontap.deadline import Deadline
from dataontap.errors import CommandError, DeviceError
from dataontap.host.commands import Commands
from dataontap.host.identity import Proof
from dataontap.host.lun import Wanted
from dataontap.host.multipath import Multipath
from dataontap.host.node import Limits, Node
from dataontap.host.run import run
from dataontap.host.sysfs import Kernel, Sysfs
from dataontap.host.udev import Events, Names

MIB = 1024 * 1024


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[str]:
    """A loop device of 4 MiB."""
    file = tmp_path / "content"
    file.touch()
    os.truncate(file, 4 * MIB)
    command = ["losetup", "--find", "--show", str(file)]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)


def this_node(seconds: float = 60, events: Callable[[Collection[str]], Events] = Events) -> Node:
    """The very machine that the tests run on."""
    deadline = Deadline(seconds)
    return Node(Sysfs(), Kernel(), Multipath(run, deadline), Names(), deadline, events=events)


def commands(seconds: float) -> Commands:
    """Configured commands on it."""
    return Commands(this_node(seconds), run)


def has_ended(pid: int) -> bool:
    """Whether a process ends within 10 s: a killed one may need a moment more."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(process):
        return bool(select.select([process], [], [], 10)[0])


class TestRun:
    def test_returns_what_it_printed(self) -> None:
        assert run("printf", "a b", timeout=5) == "a b"

    def test_a_clean_environment_and_no_input(self) -> None:
        output = run("sh", "-c", "cat; env | sort; pwd", timeout=5)
        assert [
            line for line in output.splitlines() if not line.startswith(("PWD=", "SHLVL=", "OLDPWD=", "_="))
        ] == [
            "HOME=/root",
            "LC_ALL=C",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "/",
        ]

    def test_a_failure_says_what_was_said(self) -> None:
        with pytest.raises(CommandError, match="^sh -c failed with status 3: why$") as caught:
            run("sh", "-c", "echo first; echo why >&2; exit 3", timeout=5)
        assert caught.value.output == "first\nwhy\n"
        assert run("sh", "-c", "exit 3", timeout=5, ok=(0, 3)) == ""

    def test_its_message_is_short_and_the_log_has_all_of_it(
        self, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        caplog.set_level("INFO")
        program = tmp_path / "iscsiadm"
        program.write_text(f"#!/bin/sh\necho {120 * 'x'} >&2; exit 21\n")
        program.chmod(0o755)
        target = "iqn.1992-08.com.netapp:sn.02b7e75df75047108ef7f6a5b8fbd1f2:vs.12"
        with pytest.raises(CommandError, match=f"^iscsiadm -m node failed with status 21: {70 * 'x'}$"):
            run(str(program), "-m", "node", "-T", target, timeout=5)
        assert f"{program} -m node -T {target}: exit status 21: {120 * 'x'}" in caplog.messages

    def test_the_whole_group_is_killed_in_time(self, tmp_path: Path) -> None:
        began = time.monotonic()
        with pytest.raises(CommandError, match="did not end within 1 s and was killed"):
            run("sh", "-c", f"sleep 100 & echo $! >{tmp_path}/pid; wait", timeout=1)
        assert time.monotonic() - began < 5
        assert has_ended(int((tmp_path / "pid").read_text()))

    def test_a_grandchild_that_keeps_our_output_open_holds_nobody_up(self, tmp_path: Path) -> None:
        began = time.monotonic()
        assert run("sh", "-c", f"sleep 30 & echo $! >{tmp_path}/pid; echo done", timeout=20) == "done\n"
        assert time.monotonic() - began < 10
        os.kill(int((tmp_path / "pid").read_text()), 9)

    def test_a_program_that_is_not_there(self) -> None:
        with pytest.raises(CommandError, match="^cannot run no-such: No such file or directory$") as caught:
            run("no-such", timeout=5)
        assert not caught.value.started

    def test_a_child_that_cannot_be_killed_is_left_behind(self, loop: str, tmp_path: Path) -> None:
        """It writes to a frozen file system, and so sleeps uninterruptibly until that is thawed."""
        where = tmp_path / "mounted"
        where.mkdir()
        subprocess.run(["mkfs.ext4", "-q", loop], check=True, env={"PATH": "/usr/sbin:/usr/bin"})
        subprocess.run(["mount", loop, where], check=True)
        try:
            subprocess.run(["fsfreeze", "--freeze", where], check=True)
            began = time.monotonic()
            try:
                with pytest.raises(CommandError, match="did not end within 1 s and was killed"):
                    run("touch", str(where / "file"), timeout=1)
                assert time.monotonic() - began < 8
            finally:
                subprocess.run(["fsfreeze", "--unfreeze", where], check=True)
        finally:
            # Whoever was in there may need a moment more, and a node that came up meanwhile has the mount, too.
            subprocess.run(["umount", "--lazy", where], check=True)


class TestDevices:
    def test_size_without_opening(self, loop: str) -> None:
        assert this_node().size(loop) == 4 * MIB

    def test_a_larger_device_is_another_one(self, loop: str) -> None:
        def agrees(size: int) -> bool:
            return Proof(this_node()).agrees(loop, Wanted(("600a0980383054723324526c68717745",), size, loop))

        assert agrees(4 * MIB)
        assert not agrees(5 * MIB)
        with pytest.raises(DeviceError, match="is not the LUN's: it has 4194304 bytes, the LUN has 3145728"):
            agrees(3 * MIB)

    def test_nobody_holds_it(self, loop: str) -> None:
        assert this_node().holders(loop) == []

    def test_a_process_holds_it(self, loop: str) -> None:
        with open(loop, "rb"):
            (holder,) = this_node().holders(loop)
        assert holder.startswith(f"process {os.getpid()} (")

    def test_a_process_in_a_chroot_holds_it(self, loop: str, tmp_path: Path) -> None:
        """Its name for the device is not below /dev."""
        node = tmp_path / "device"
        os.mknod(node, 0o600 | stat.S_IFBLK, os.stat(loop).st_rdev)
        with open(node, "rb"):
            assert len(this_node().holders(loop)) == 1

    def test_a_moment_is_waited_for_whoever_holds_it(self, loop: str) -> None:
        """udev looks into a device each time that somebody has written to it."""
        with contextlib.ExitStack() as holder:
            holder.enter_context(open(loop, "rb"))

            class ItIsClosed(Events):
                def _wait(self, seconds: float) -> None:
                    holder.close()

            Commands(this_node(events=ItIsClosed), run).await_release(loop)
        with open(loop, "rb"), pytest.raises(DeviceError, match="its device is in use by process"):
            commands(0.2).await_release(loop)

    def test_no_event_has_to_come(self, loop: str) -> None:
        """Without udevd, and where there is no event: closing a device makes none."""
        patient = replace(this_node(), limits=Limits(release=50))
        with open(loop, "rb") as file:
            threading.Timer(0.3, file.close).start()
            began = time.monotonic()
            Commands(patient, run).await_release(loop)
        assert time.monotonic() - began < 25, "it did not wait for the limit to look again"

    def test_what_the_kernel_has_claimed(self, loop: str) -> None:
        assert this_node().claims(loop) == []
        with open(os.open(loop, os.O_RDONLY | os.O_EXCL), "rb"):
            assert this_node().claims(loop) == ["the kernel (a mount, swap or the like)"]

    def test_that_it_cannot_be_told_is_said(self, caplog: pytest.LogCaptureFixture) -> None:
        assert this_node().claims("/dev/no-such") == []
        assert "cannot find out whether the kernel uses /dev/no-such: [Errno 2] No such file" in caplog.text

    def test_a_device_that_went_away(self) -> None:
        with pytest.raises(
            DeviceError, match="^its device disappeared: No such file or directory; see multipath -ll$"
        ):
            this_node().size("/dev/no-such-device")

    def test_a_device_that_went_away_is_released(self) -> None:
        """The commands of a detach that was killed take it down, while the next detach looks who holds it."""
        assert this_node().holders("/dev/no-such-device") == []
        commands(2).await_release("/dev/no-such-device")

    def test_mounted(self, loop: str, tmp_path: Path) -> None:
        if not Path("/sbin/mkfs.ext4").exists():
            pytest.fail("e2fsprogs is part of Debian's base system")
        subprocess.run(["/sbin/mkfs.ext4", "-q", loop], check=True)
        where = tmp_path / "mounted"
        where.mkdir()
        subprocess.run(["mount", loop, where], check=True)
        try:
            assert this_node().holders(loop) == [f"a mount at {where}"]
        finally:
            # Whoever was in there may need a moment more, and a node that came up meanwhile has the mount, too.
            subprocess.run(["umount", "--lazy", where], check=True)

    def test_a_size_that_never_comes(self, loop: str) -> None:
        with pytest.raises(
            DeviceError, match="scan failed; the LUN has 8388608 bytes now, but its device here is still smaller"
        ):
            commands(0.2).await_size(loop, 8 * MIB, ["scan failed"])

    def test_a_device_that_does_not_go(self, loop: str) -> None:
        with pytest.raises(DeviceError, match="the device is still on this node"):
            commands(0.2).await_absence(lambda: loop, loop, [])
