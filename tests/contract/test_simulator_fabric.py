"""The fabric: LUNs of the simulator as loop devices on several nodes.  Needs root and loop devices."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.simulator.process import REPOSITORY
from tests.testbed.node import loops_left, soon
from tests.unit.zapi import ask

MIB = 1 << 20
FABRIC = REPOSITORY / "tests/simulator/fabric.py"
# Not this interpreter, and (-S) no installed packages: the fabric must do with a bare one.
PYTHON = "/usr/bin/python3"


def is_over(device: str, filer: Filer) -> bool:
    """Whether the loop device has one of this filer's LUNs; a free one may be another test's by now."""
    return (backing_file(device) or "").startswith(str(content(filer, "b").parent))


def backing_file(device: str) -> str | None:
    """The file behind a loop device, None when it is free."""
    with contextlib.suppress(FileNotFoundError):
        return Path("/sys/block", Path(device).name, "loop/backing_file").read_text().rstrip("\n")
    return None


def take_down(device: str, filer: Filer) -> None:
    """Detach a loop device that has one of this filer's LUNs."""
    subprocess.run(["/usr/sbin/losetup", "--detach", device], check=True)  # noqa: S603
    assert soon(lambda: not is_over(device, filer))


class Node:
    """One node's view, called as its attach and detach commands would be."""

    def __init__(self, root: Path, state: Path, name: str) -> None:
        self.root = root / name
        self._state, self._name = state, name
        self._links = ["--links", str(self.root)]

    def fabric(self, *arguments: str) -> None:
        """Run the fabric from elsewhere, without our environment."""
        command = [PYTHON, "-S", str(FABRIC), *arguments, *self._links]
        done = subprocess.run(  # noqa: S603 - our own program
            command,
            cwd="/",
            env={"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def attach_command(self) -> list[str]:
        """What a node runs to see its LUNs."""
        state = ["--state", str(self._state), "--igroup", self._name, "--hostname", "filer"]
        return ["attach", *state]

    def attach(self) -> None:
        """See what is mapped."""
        self.fabric(*self.attach_command())

    def detach(self, volume: str) -> None:
        """Do not see a volume."""
        self.fabric("detach", "--hostname", "filer", "--volume", volume)

    @property
    def seen(self) -> dict[str, str]:
        """Link (below filer/) -> loop device."""
        found = (self.root / "filer").rglob("*") if self.root.exists() else ()
        return {
            str(link.relative_to(self.root / "filer")): str(link.readlink()) for link in found if link.is_symlink()
        }


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer with LUNs a and b, mapped to the igroups node1 and node2."""
    filer = Filer(tmp_path / "state", seed="fabric")
    for name in ("node1", "node2"):
        ask(filer, "igroup-create", {"initiator-group-name": name, "initiator-group-type": "iscsi"})
    for name in ("a", "b"):
        ask(filer, "lun-create-by-size", {"path": f"/vol/vol1/{name}", "size": 10 * MIB})
        for group in ("node1", "node2"):
            ask(filer, "lun-map", {"path": f"/vol/vol1/{name}", "initiator-group": group})
    return filer


@pytest.fixture
def nodes(filer: Filer, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two nodes; afterwards nothing of them is left."""
    node1, node2 = (Node(tmp_path, tmp_path / "state", name) for name in ("node1", "node2"))
    yield node1, node2
    for node in (node1, node2):
        node.fabric("clear")
        assert not node.root.exists()
    assert loops_left(str(tmp_path)) == []


def content(filer: Filer, name: str) -> Path:
    """The file behind a LUN."""
    return filer.state.contents.path(filer.luns["svm1", f"/vol/vol1/{name}"].uuid)


def test_nodes_see_the_same_data_by_devices_of_their_own(filer: Filer, nodes: tuple[Node, Node]) -> None:
    node1, node2 = nodes
    node1.attach()
    node2.attach()
    assert sorted(node1.seen) == sorted(node2.seen) == ["vol1/a", "vol1/b"]
    assert not set(node1.seen.values()) & set(node2.seen.values())
    assert backing_file(node1.seen["vol1/a"]) == str(content(filer, "a"))
    descriptor = os.open(node1.root / "filer/vol1/a", os.O_RDWR)
    os.pwrite(descriptor, b"written on node1", 5 * MIB)
    os.fsync(descriptor)
    os.close(descriptor)
    with (node2.root / "filer/vol1/a").open("rb") as device:
        device.seek(5 * MIB)
        assert device.read(16) == b"written on node1"


def test_attaching_again_changes_nothing_and_follows_growth(filer: Filer, nodes: tuple[Node, Node]) -> None:
    node, _ = nodes
    node.attach()
    before = node.seen
    node.attach()
    ask(filer, "lun-resize", {"path": "/vol/vol1/a", "size": 30 * MIB})
    node.attach()
    assert node.seen == before
    with (node.root / "filer/vol1/a").open("rb") as device:
        assert device.seek(0, os.SEEK_END) == 30 * MIB


@pytest.mark.parametrize(
    ("api", "arguments"),
    [
        ("lun-unmap", {"initiator-group": "node1"}),
        ("lun-destroy", {"force": "true"}),
        ("lun-offline", {}),
    ],
)
def test_what_is_no_longer_there_to_see_is_dropped(
    filer: Filer, nodes: tuple[Node, Node], api: str, arguments: dict[str, str]
) -> None:
    node, _ = nodes
    node.attach()
    device = node.seen["vol1/a"]
    assert is_over(device, filer)
    ask(filer, api, {"path": "/vol/vol1/a", **arguments})
    node.attach()
    assert list(node.seen) == ["vol1/b"]
    assert soon(lambda: not is_over(device, filer))


def test_another_lun_of_the_same_name_is_another_lun(filer: Filer, nodes: tuple[Node, Node]) -> None:
    node, _ = nodes
    node.attach()
    ask(filer, "lun-destroy", {"path": "/vol/vol1/a", "force": "true"})
    ask(filer, "lun-create-by-size", {"path": "/vol/vol1/a", "size": 10 * MIB})
    ask(filer, "lun-map", {"path": "/vol/vol1/a", "initiator-group": "node1"})
    node.attach()
    assert backing_file(node.seen["vol1/a"]) == str(content(filer, "a"))


def test_detach_drops_one_volume_here_and_again_is_no_error(filer: Filer, nodes: tuple[Node, Node]) -> None:
    node1, node2 = nodes
    node1.attach()
    node2.attach()
    device = node1.seen["vol1/a"]
    assert is_over(device, filer)
    node1.detach("a")
    node1.detach("a")
    assert (list(node1.seen), sorted(node2.seen)) == (["vol1/b"], ["vol1/a", "vol1/b"])
    assert soon(lambda: not is_over(device, filer))
    node1.attach()
    assert sorted(node1.seen) == ["vol1/a", "vol1/b"]


def test_a_loop_device_that_became_someone_elses_is_left_alone(
    filer: Filer, nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    node, _ = nodes
    node.attach()
    device = node.seen["vol1/a"]
    foreign = tmp_path / "foreign"
    foreign.write_bytes(bytes(MIB))
    take_down(device, filer)
    # A test beside this one may be quicker: then the device is that one's, which is somebody else as well.
    taken = subprocess.run(["/usr/sbin/losetup", device, str(foreign)], check=False).returncode == 0  # noqa: S603
    try:
        node.attach()
        assert backing_file(node.seen["vol1/a"]) == str(content(filer, "a"))
        if taken:
            assert node.seen["vol1/a"] != device
            assert backing_file(device) == str(foreign)
    finally:
        if taken:
            subprocess.run(["/usr/sbin/losetup", "--detach", device], check=True)  # noqa: S603


def test_a_killed_attach_is_put_right_by_the_next(filer: Filer, nodes: tuple[Node, Node]) -> None:
    """Killed between loop device and link, or before the device: what is written down decides."""
    node, _ = nodes
    node.attach()
    (node.root / "filer/vol1/a").unlink()
    take_down(node.seen["vol1/b"], filer)
    held = json.loads((node.root / ".fabric.json").read_text())
    device = next(disk["device"] for disk in held if disk["volume"] == "a")
    node.attach()
    assert node.seen["vol1/a"] == device
    assert backing_file(node.seen["vol1/b"]) == str(content(filer, "b"))


def test_attaches_at_the_same_time_do_not_meet(filer: Filer, nodes: tuple[Node, Node]) -> None:
    children = []
    for node in nodes * 4:
        command = [PYTHON, "-S", str(FABRIC), *node.attach_command(), *node._links]
        children.append(subprocess.Popen(command, cwd="/"))  # noqa: S603
    assert [child.wait(60) for child in children] == [0] * 8
    devices = [device for node in nodes for device in node.seen.values()]
    assert len(set(devices)) == 4
    in_use = [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    assert sum(text.rstrip("\n") == str(content(filer, "a")) for text in in_use) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["look", "--links", "/nowhere"],
        ["clear"],
        ["clear", "--links"],
        ["clear", "--links", "/nowhere", "--links", "/nowhere"],
        ["detach", "--links", "/nowhere", "--hostname", "filer"],
        ["attach", "--links", "/nowhere", "--hostname", "filer", "--state", "/nowhere"],
    ],
)
def test_other_arguments_are_refused(arguments: list[str]) -> None:
    command = [PYTHON, "-S", str(FABRIC), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"fabric: {' '.join(arguments)}: unknown arguments\n")
