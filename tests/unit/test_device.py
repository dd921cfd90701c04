"""What sysfs tells of a device, with a sysfs made for it; /dev/null lends its number to the device."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from dataontap.deadline import Deadline
from dataontap.errors import DeviceError
from dataontap.host.commands import Commands
from dataontap.host.holders import KERNEL
from dataontap.host.identity import Proof
from dataontap.host.lun import Wanted
from dataontap.host.multipath import Multipath
from dataontap.host.node import Node
from dataontap.host.sysfs import Kernel, Sysfs
from dataontap.host.udev import Names
from tests.unit.clock import Clock, QuietEvents
from tests.unit.stage import no_programs

DEVICE = "/dev/null"
NAA = "600a0980383054723324526c68717745"
NAAS = (NAA, NAA.replace("600a0980", "60a98000"))
MIB = 1024 * 1024


class OneDevice:
    """One block device in it."""

    def __init__(self, root: Path) -> None:
        number = Path(DEVICE).stat().st_rdev
        assert number == 0x103
        self._device = root / "dev/block/1:3"
        deadline = Deadline(5)
        names = Names(str(root), str(root))
        self.node = Node(Sysfs(str(root)), Kernel(str(root)), Multipath(no_programs, deadline), names, deadline)
        self.write("size", "8192\n")

    def agrees(self, size: int) -> bool:
        return Proof(self.node).agrees(DEVICE, Wanted(NAAS, size, DEVICE))

    def write(self, name: str, content: str) -> None:
        file = self._device / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


@pytest.fixture
def sysfs(tmp_path: Path) -> OneDevice:
    return OneDevice(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dm/uuid", f"mpath-3{NAA}\n"),
        ("device/wwid", f"naa.{NAA}\n"),
        # A LUN that moved from 7-Mode may have kept its prefix.
        ("device/wwid", f"naa.{NAA.replace('600a0980', '60a98000')}\n"),
        ("dm/uuid", "LVM-abc\n"),
        ("device/wwid", "t10.ATA disk\n"),
    ],
)
def test_it_can_be_the_lun(sysfs: OneDevice, file: str, content: str) -> None:
    sysfs.write(file, content)
    assert sysfs.agrees(4 * MIB)
    assert not sysfs.agrees(5 * MIB)


@pytest.mark.parametrize(("file", "prefix"), [("dm/uuid", "mpath-3"), ("device/wwid", "naa.")])
def test_it_is_another_lun(sysfs: OneDevice, file: str, prefix: str) -> None:
    sysfs.write(file, prefix + NAA.replace("383054", "383055") + "\n")
    with pytest.raises(DeviceError, match="^the device of this name is another LUN's"):
        sysfs.agrees(4 * MIB)


def test_it_is_too_large(sysfs: OneDevice) -> None:
    with pytest.raises(
        DeviceError, match="^the device of this name is not the LUN's: it has 4194304 bytes, the LUN has 3145728"
    ):
        sysfs.agrees(3 * MIB)


@pytest.mark.parametrize("content", ["", "many\n"])
def test_a_size_that_is_none(sysfs: OneDevice, content: str) -> None:
    sysfs.write("size", content)
    with pytest.raises(DeviceError, match="the kernel has no size for its device; see lsblk"):
        sysfs.node.size(DEVICE)


def test_what_builds_upon_it_holds_it(sysfs: OneDevice) -> None:
    sysfs.write("holders/dm-3", "")
    assert "dm-3" in sysfs.node.holders(DEVICE)


@pytest.mark.parametrize(
    ("content", "identity"), [(f"mpath-3{NAA}\n", f"3{NAA}"), ("LVM-abc\n", None), (None, None)]
)
def test_the_identity_of_a_multipath_map(sysfs: OneDevice, content: str | None, identity: str | None) -> None:
    if content is not None:
        sysfs.write("dm/uuid", content)
    assert sysfs.node.block(DEVICE).wwid == identity


@pytest.mark.parametrize("held", [["dm-3"], []])
@pytest.mark.parametrize("claimed", [[KERNEL], []])
def test_who_is_waited_for(sysfs: OneDevice, held: list[str], claimed: list[str]) -> None:
    """The kernel is asked, too, before commands take a device away: a mount elsewhere is seen by nothing else."""

    class Used(Node):
        def holders(self, device: str) -> list[str]:
            return held

        def claims(self, device: str) -> list[str]:
            return claimed

    here = sysfs.node
    quiet = partial(QuietEvents, clock=Clock())
    used = Used(here.sysfs, here.kernel, here.multipath, here.names, here.deadline, events=quiet)
    if held or claimed:
        with pytest.raises(DeviceError, match=re.escape(f"its device is in use by {(held or claimed)[0]}")):
            Commands(used, no_programs).await_release(DEVICE)
    else:
        Commands(used, no_programs).await_release(DEVICE)
