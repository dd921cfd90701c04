"""attach's hot path and the locks: what is answered at once, what steps aside, what waits for what."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from dataontap import paths
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from dataontap.state import hotpath
from tests.simulator import loopdevice
from tests.simulator.process import Simulator
from tests.testbed.node import Node, Outcome

RUN = paths.RUN
DEVICE = "/run/disk/127.0.0.1/vol1/v"
VOLUME = {"VOL_NAME": "v", "VOL_UUID": "u-1", "EXTP_PROVIDER": "dataontap", "EXTP_ACCESS": "kernelspace"}
CREATION = {**VOLUME, "VOL_SIZE": "16"}


@pytest.fixture
def attached(node: Node) -> Node:
    """A node with the volume attached, and on record, as Ganeti has it when it has made one."""
    assert node.script("create", **CREATION).status == 0
    assert node.script("setinfo", **VOLUME, VOL_METADATA="originstname+inst1.example").status == 0
    assert node.script("attach", **VOLUME).stdout == f"{DEVICE}\n"
    return node


def quick(outcome: Outcome) -> bool:
    """Whether this was the hot path, which says nothing; the ordinary way has at least a line in the log."""
    assert (outcome.status, outcome.stdout) == (0, f"{DEVICE}\n"), outcome.stderr
    return outcome.stderr == ""


def record(node: Node) -> Path:
    return node.path(hotpath.record_path(RUN, "v"))


def test_a_present_device_asks_nobody_and_logs_nothing(attached: Node, simulator: Simulator) -> None:
    before, log = len(simulator.requests()), attached.log()
    assert quick(attached.script("attach", **VOLUME))
    assert len(simulator.requests()) == before
    assert attached.log() == log


def test_even_with_the_filer_gone(attached: Node, simulator: Simulator) -> None:
    simulator.kill()
    assert quick(attached.script("attach", **VOLUME))


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def older_form(file: Path) -> None:
    file.write_text(file.read_text().replace("dataontap attached 2", "dataontap attached 1"))


def another_device(file: Path) -> None:
    file.write_text(file.read_text().replace(DEVICE, "/dev/loop7"))


def hostile(file: Path) -> None:
    file.write_text("dataontap attached 2\n/etc/passwd\n" + "x" * 3000)


def huge(file: Path) -> None:
    file.write_text(file.read_text() + "x" * 100_000)


def not_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")


def somebody_elses(file: Path) -> None:
    os.chown(file, 65534, 65534)


def writable_for_others(file: Path) -> None:
    file.chmod(0o666)


def linked_twice(file: Path) -> None:
    os.link(file, file.with_name("twin"))


def a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def a_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def gone(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        *(truncate, empty, older_form, another_device, hostile, huge, not_text, gone),
        *(somebody_elses, writable_for_others, linked_twice, a_link, a_fifo, a_directory),
    ],
)
def test_a_spoilt_record_is_ignored(attached: Node, spoil: Callable[[Path], None]) -> None:
    spoil(record(attached))
    assert not quick(attached.script("attach", **VOLUME))


@pytest.mark.parametrize("change", [{"DEBUG": True}, {"POOL_NAME_SEARCH_PATTERN": "vol"}, {"TIMEOUT": 60}])
def test_another_configuration_goes_the_ordinary_way(attached: Node, change: dict[str, object]) -> None:
    attached.configure(**change)
    assert not quick(attached.script("attach", **VOLUME))
    assert quick(attached.script("attach", **VOLUME)) == ("DEBUG" not in change)


def test_other_parameters_go_the_ordinary_way(attached: Node) -> None:
    assert not quick(attached.script("attach", **VOLUME, EXTP_POOL="vol1"))
    assert not quick(attached.script("attach", **VOLUME))


def give_the_number_anew(node: Node, admin: CmodeClient, other: Path) -> tuple[str, str]:
    """Detach v and put another disk on its loop device; returns that device and what v's record said.

    Whoever else makes loop devices on this machine may get the number first: then v comes back on another one.
    """
    for _ in range(5):
        kept, loop = record(node).read_text(), node.device(DEVICE)
        node.script("detach", **VOLUME)
        admin.unmap_lun(lun_at("/vol/vol1/v"), "ganeti")
        with contextlib.suppress(OSError):
            loopdevice.set_up(loop, str(other))
            return loop, kept
        admin.map_lun(lun_at("/vol/vol1/v"), "ganeti")
        assert node.script("attach", **VOLUME).status == 0
    raise AssertionError(f"{loop} is always in use")


def test_a_device_number_that_was_given_to_another_device(
    attached: Node, admin: CmodeClient, tmp_path: Path
) -> None:
    """The link, the number and the size are the same as ever; only the kernel's count tells them apart."""
    other = tmp_path / "other"
    with other.open("wb") as file:
        file.truncate(16 << 20)
    loop, kept = give_the_number_anew(attached, admin, other)
    try:
        attached.path(DEVICE).parent.mkdir(parents=True, exist_ok=True)
        attached.path(DEVICE).symlink_to(loop)
        record(attached).write_text(kept)
        record(attached).chmod(0o600)
        assert "diskseq -" not in kept, "this kernel counts its devices (5.15 and later)"
        admin.map_lun(lun_at("/vol/vol1/v"), "ganeti")
        assert not quick(attached.script("attach", **VOLUME))
        attached.path(DEVICE).unlink()
    finally:
        loopdevice.take_down(loop)


def test_a_device_that_is_another_one_while_the_filer_is_away(attached: Node, simulator: Simulator) -> None:
    """A living device is enough then, but not one that contradicts what was proven."""
    assert attached.script("create", **{**CREATION, "VOL_NAME": "w", "VOL_SIZE": "8"}).status == 0
    link = attached.path(DEVICE)
    mine = attached.device(DEVICE)
    simulator.kill()
    link.unlink()
    link.symlink_to(attached.device("/run/disk/127.0.0.1/vol1/w"))
    outcome = attached.script("attach", **VOLUME)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert "its device is not the one proven before; the filer cannot be asked: 127.0.0.1:" in outcome.message
    link.unlink()
    link.symlink_to(mine)
    assert quick(attached.script("attach", **VOLUME))


def test_a_record_that_proved_wrong_is_forgotten(attached: Node, admin: CmodeClient) -> None:
    """The LUN was removed elsewhere; whoever finds that out tells the hot path."""
    admin.unmap_lun(lun_at("/vol/vol1/v"), "ganeti")
    admin.destroy_lun(lun_at("/vol/vol1/v"))
    for parameters in ({"EXTP_POOL": "vol1"}, {}):
        outcome = attached.script("attach", **VOLUME, **parameters)
        assert (outcome.status, outcome.stdout) == (1, "")
        assert "there is no LUN of this name in vol1" in outcome.message


class TestWriteProtected:
    """The kernel's word for a device counts, however the device came."""

    OPENING = {**VOLUME, "VOL_OPEN_EXCLUSIVE": "True"}

    @pytest.fixture
    def protected(self, attached: Node, simulator: Simulator) -> Node:
        """A node that has only seen the LUN when nothing could be written to it, and has no device of it now."""
        assert attached.script("detach", **VOLUME).status == 0
        # A loop device is read-only where its file may only be read; blockdev's flag would stay with the
        # number for the next device.
        self.mount(attached, "--bind", str(simulator.state), str(simulator.state))
        self.mount(attached, "-o", "remount,bind,ro", str(simulator.state))
        return attached

    @staticmethod
    def mount(node: Node, *arguments: str) -> None:
        assert node.run("mount", *arguments).wait() == 0

    @staticmethod
    def unprotect(node: Node, simulator: Simulator) -> None:
        node.script("detach", **VOLUME)
        assert node.run("umount", "--lazy", str(simulator.state)).wait() == 0

    def test_one_that_comes_is_refused_and_taken_down(self, protected: Node, simulator: Simulator) -> None:
        for _ in range(2):
            outcome = protected.script("attach", **VOLUME)
            assert (outcome.status, outcome.stdout) == (1, "")
            assert outcome.message.startswith("dataontap: attach v: write-protected: ")
            assert not protected.path(DEVICE).is_symlink()
        self.unprotect(protected, simulator)
        assert protected.script("attach", **VOLUME).stdout == f"{DEVICE}\n"

    def test_one_that_is_here_is_named_with_a_warning(self, protected: Node) -> None:
        protected.fabric("attach")
        outcome = protected.script("attach", **VOLUME)
        assert (outcome.status, outcome.stdout) == (0, f"{DEVICE}\n")
        assert f"{DEVICE}: write-protected: " in outcome.stderr
        assert quick(protected.script("attach", **VOLUME)), "the hot path does not look"

    def test_open_refuses_one_on_record(self, protected: Node, simulator: Simulator) -> None:
        protected.configure(FORMER_IGROUP="ganeti-former")  # with one group for all nodes open does nothing
        protected.fabric("attach")
        assert protected.script("attach", **VOLUME).status == 0
        before = len(simulator.requests())
        outcome = protected.script("open", **self.OPENING)
        assert outcome.message.startswith("dataontap: open v: write-protected: ")
        assert (outcome.status, len(simulator.requests())) == (1, before)
        self.unprotect(protected, simulator)
        assert protected.script("attach", **VOLUME).status == 0
        outcome = protected.script("open", **self.OPENING)
        assert outcome.status == 0, outcome.message


class TestLocks:
    @pytest.fixture
    def held(self, attached: Node) -> Iterator[Node]:
        """A node on which somebody has the volume's lock for himself alone."""
        with open(attached.path(hotpath.lock_path(RUN, "v"))) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield attached

    @pytest.mark.parametrize("verb", ["attach", "detach", "grow", "remove"])
    def test_a_verb_waits_for_the_volume_and_says_for_what(self, held: Node, verb: str) -> None:
        held.configure(TIMEOUT=1)
        outcome = held.script(verb, **CREATION, VOL_NEW_SIZE="24")
        assert outcome.status == 1
        assert outcome.message == (
            f"dataontap: {verb} v: no time left for: the volume's lock, held by another script (TIMEOUT is 1 s)"
        )

    def test_and_goes_on_when_it_is_free(self, attached: Node) -> None:
        with open(attached.path(hotpath.lock_path(RUN, "v"))) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            child = attached.start_script("detach", **VOLUME)
        assert child.communicate()[0] == ""
        assert child.returncode == 0
        assert not attached.path(DEVICE).exists()

    def test_hot_paths_share_it(self, attached: Node) -> None:
        with open(attached.path(hotpath.lock_path(RUN, "v"))) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            assert quick(attached.script("attach", **VOLUME))

    def test_scans_wait_for_each_other(self, attached: Node) -> None:
        attached.script("detach", **VOLUME)
        attached.configure(TIMEOUT=1)
        with open(attached.path(f"{RUN}/scan.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            outcome = attached.script("attach", **VOLUME)
        assert "no time left for: this node's scan lock, held by another script" in outcome.message

    def test_several_attaches_at_once(self, node: Node, simulator: Simulator) -> None:
        """As three gnt-instance info of one instance make them; one brings the device up, all name it."""
        node.script("create", **CREATION)
        node.script("setinfo", **VOLUME, VOL_METADATA="originstname+a")
        node.script("detach", **VOLUME)
        before = len(simulator.requests())
        children = [node.start_script("attach", **VOLUME) for _ in range(3)]
        assert [child.communicate()[0] for child in children] == [f"{DEVICE}\n"] * 3
        assert [child.returncode for child in children] == [0] * 3
        assert len(simulator.requests()) == before + 2

    def test_no_lock_file_outlives_its_volume(self, attached: Node) -> None:
        assert attached.path(hotpath.lock_path(RUN, "v")).exists()
        for verb in ("detach", "attach", "remove"):
            attached.script(verb, **VOLUME)
            assert attached.path(hotpath.lock_path(RUN, "v")).exists() == (verb == "attach")

    def test_nothing_is_left_locked(self, attached: Node) -> None:
        for verb in ("attach", "detach", "attach"):
            attached.script(verb, **VOLUME)
        for path in (hotpath.lock_path(RUN, "v"), f"{RUN}/scan.lock"):
            with open(attached.path(path)) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
