"""What the example files in etc/ do to a node that takes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dataontap.config import Settings

NAME = "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0"
NAA = "3600a0980383054723324526c68717745"


@pytest.fixture
def rejected(repository: Path) -> re.Pattern[str]:
    """What LVM's example filter rejects: its one element, which LVM searches for in each of a device's names."""
    text = (repository / "etc/lvm-global-filter.conf").read_text(encoding="ascii")
    (line,) = re.findall(r"^ *global_filter = \[ (.+) \]$", text, re.M)
    found = re.fullmatch(r'"r\|(.+)\|"', line)
    assert found is not None
    return re.compile(found[1])


@pytest.mark.parametrize("suffix", ["", ".snap", "-part2"])
@pytest.mark.parametrize(("hostname", "pool"), [("filer.example", "vol1"), ("192.0.2.1", "vol1/qtree")])
def test_lvm_leaves_volumes_alone(rejected: re.Pattern[str], hostname: str, pool: str, suffix: str) -> None:
    path = Settings.lun_device_path_format.format(hostname=hostname, pool=pool, name=NAME + suffix)
    assert rejected.search(path)


@pytest.mark.parametrize(
    "path",
    [
        *("/dev/sda", "/dev/sda1", "/dev/dm-0", f"/dev/mapper/{NAA}", "/dev/mapper/mpatha", "/dev/xenvg/root"),
        *(
            f"/dev/disk/by-id/scsi-{NAA}",
            f"/dev/disk/by-id/dm-uuid-mpath-{NAA}",
            f"/dev/disk/by-id/wwn-0x{NAA[1:]}",
        ),
        "/dev/disk/by-id/scsi-SNETAPP_LUN_C-Mode_80Tr3$Rlhqwt",
        "/dev/disk/by-path/ip-192.0.2.1:3260-iscsi-iqn.1992-08.com.netapp:sn.1:vs.2-lun-0",
        *("/dev/disk/by-label/root", "/dev/disk/by-uuid/6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9"),
    ],
)
def test_lvm_keeps_the_nodes_own_disks_even_on_the_same_filer(rejected: re.Pattern[str], path: str) -> None:
    """On a node that boots from SAN the root disk is the filer's, too."""
    assert not rejected.search(path)
