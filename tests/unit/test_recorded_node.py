"""What a real node's sysfs looks like (tests/data/node.json says of what origin), read as the product reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dataontap.deadline import Deadline
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.iscsi_problems import Failures
from dataontap.host.iscsi_records import Portal, Records
from dataontap.host.sysfs import RUNNING, Nexus, ScsiPath, Sysfs
from dataontap.state.cache import Cache
from tests.testbed.product import ROOT

RECORDED: dict[str, Any] = json.loads((ROOT / "tests/data/node.json").read_text(encoding="utf-8"))
NAA: str = RECORDED["naa"]
NUMBER = RECORDED["lun_id"] | 0x4000  # as the kernel counts, flat space method's marker included


@pytest.fixture(scope="module")
def sysfs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The recorded tree, in files; links lead to each other as they did."""
    root = tmp_path_factory.mktemp("recorded")
    for name, text in sorted(RECORDED["sysfs"].items()):
        place = Path(f"{root}{name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            Path(f"{root}{text[3:]}").mkdir(parents=True, exist_ok=True)
            place.symlink_to(os.path.relpath(f"{root}{text[3:]}", os.path.realpath(place.parent)))
        elif text.startswith("hex "):
            place.write_bytes(bytes.fromhex(text[4:]))
        elif not place.is_dir():
            place.write_text(f"{text}\n", encoding="utf-8")
    return f"{root}/sys"


def test_paths_and_map(sysfs: str) -> None:
    """Both paths with the LUN's identity, and the map over them."""
    seen = Sysfs(sysfs)
    paths = seen.paths_of([NAA])
    assert sorted(paths, key=lambda path: path.name) == [
        ScsiPath("sda", Nexus(0, 0, 0), NUMBER, NAA),
        ScsiPath("sdb", Nexus(1, 0, 0), NUMBER, NAA),
    ]
    (found,) = seen.maps_of([NAA])
    assert (found.name, found.title, found.paths) == ("dm-0", f"3{NAA}", ("sda", "sdb"))
    assert [one.name for one in seen.maps_on("sda")] == ["dm-0"]
    assert seen.block("sda").state == RUNNING
    assert seen.block("dm-0").size == seen.block("sda").size == 64 * 1024 * 1024
    assert seen.luns() == {NUMBER}
    assert seen.path_at(Nexus(0, 0, 0), NUMBER) in paths


def test_sessions(sysfs: str, tmp_path: Path) -> None:
    """A session a portal, each with a host of its own."""

    def run(*argv: str, **_: object) -> str:
        raise AssertionError(argv)

    name = RECORDED["outputs"]["iscsiadm -m session"].split()[3]
    target = Target(name, (Portal("127.0.0.1", 3260, 1028), Portal("127.0.0.2", 3260, 1029)))
    cache = Cache("records", directory=str(tmp_path))
    cache.put(str(tmp_path / "no-records"))
    records = Records(run, Deadline(60), cache=lambda build: cache)
    iscsi = Iscsi(run, Deadline(60), records, Failures(str(tmp_path)), sysfs=sysfs)
    assert sorted(iscsi.connect(target)) == [Nexus(0, 0, 0), Nexus(1, 0, 0)]
