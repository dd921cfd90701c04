"""The hooks' policy: whose turn it is, which disks are ours, what stays on the filer and what goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

import pytest

from dataontap.errors import CommandError, ContractError, DeviceError, VolumeError
from dataontap.ganeti import cleanup
from dataontap.ganeti.environ import Cleanup, HookCall, InstanceDisk
from dataontap.ganeti.hooks import HOOKS, Run, post_remove, pre_move, seconds_for
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.requests import Creation, Metadata
from tests.simulator import copies
from tests.unit.stage import Stage, StageHost

MIB = 1024 * 1024
MOVE = {
    "GANETI_HOOKS_PATH": "instance-migrate",
    "GANETI_HOOKS_PHASE": "pre",
    "GANETI_MASTER": "node1.example",
    "GANETI_INSTANCE_NAME": "inst1.example",
    "GANETI_NEW_PRIMARY": "node2.example",
    "GANETI_INSTANCE_DISK_COUNT": "2",
    "GANETI_INSTANCE_DISK0_PROVIDER": "another",
    "GANETI_INSTANCE_DISK0_ID": "no name of ours; $(touch /tmp/x)",
    "GANETI_INSTANCE_DISK0_UUID": "no uuid either",
    "GANETI_INSTANCE_DISK1_PROVIDER": "dataontap",
    "GANETI_INSTANCE_DISK1_ID": "v",
    "GANETI_INSTANCE_DISK1_UUID": "u-1",
}
REMOVAL = {**MOVE, "GANETI_HOOKS_PATH": "instance-remove", "GANETI_HOOKS_PHASE": "post"}
DISKS = tuple(InstanceDisk(index, name, f"u-{name}") for index, name in enumerate(("a", "b", "c")))
CALL = HookCall({}, "instance-remove", "post", "node1.example", None, DISKS)


class Programs:
    """Notes what is run, and says ``said``, or fails with it where it is an error."""

    def __init__(self, said: str | CommandError = "") -> None:
        self.said = said
        self.commands: list[tuple[str, ...]] = []

    def __call__(self, *argv: str, timeout: float) -> str:
        self.commands.append(argv)
        if isinstance(self.said, CommandError):
            raise self.said
        return self.said


@pytest.fixture
def made(stage: Stage) -> Stage:
    """The filer still has the LUNs of all disks."""
    for disk in DISKS:
        make(stage, disk)
    return stage


def make(stage: Stage, disk: InstanceDisk) -> None:
    """A volume, from create to setinfo."""
    stage.provider.create(Creation({}, disk.name, disk.uuid, 4 * MIB))
    stage.provider.setinfo(Metadata({}, disk.name, disk.uuid, "originstname+inst1"))


def act(
    hook: Callable[[HookCall, DataOnTapProvider, Run], None],
    call: HookCall,
    stage: Stage,
    programs: Programs | None = None,
) -> None:
    hook(call, stage.provider, programs or Programs())


def test_the_time_is_for_all_disks_and_less_than_ganeti_waits() -> None:
    assert seconds_for(CALL, 120) == 360
    assert seconds_for(replace(CALL, disks=DISKS * 5), 120) == 800


class TestWhoseTurnItIs:
    @pytest.mark.parametrize(
        ("name", "variables", "turns"),
        [
            ("pre-migrate", MOVE, ["node2.example"]),
            ("pre-failover", {**MOVE, "GANETI_HOOKS_PATH": "instance-failover"}, ["node2.example"]),
            ("post-remove", REMOVAL, ["node1.example"]),
        ],
    )
    def test_one_node_alone(self, name: str, variables: dict[str, str], turns: list[str]) -> None:
        nodes = ("node1.example", "node2.example", "node3.example", "node2", "-")
        assert [node for node in nodes if HOOKS[name].expects(variables, node)] == turns

    def test_only_our_disks_are_even_looked_at(self) -> None:
        call = HOOKS["pre-migrate"].expects(MOVE, "node2.example")
        assert call is not None
        assert call.disks == (InstanceDisk(1, "v", "u-1"),)

    @pytest.mark.parametrize("name", HOOKS)
    def test_no_disk_of_ours(self, name: str) -> None:
        hook = HOOKS[name]
        variables = {**MOVE, "GANETI_HOOKS_PATH": hook.path, "GANETI_HOOKS_PHASE": hook.phase}
        variables["GANETI_INSTANCE_DISK1_PROVIDER"] = "another"
        variables["GANETI_MASTER"] = "node2.example"
        assert hook.expects(variables, "node2.example") is None

    @pytest.mark.parametrize(
        ("name", "path", "phase"),
        [
            ("post-remove", "instance-migrate", "post"),
            ("post-remove", "instance-remove", "pre"),
            ("pre-migrate", "instance-failover", "pre"),
            ("pre-migrate", "instance-migrate", "post"),
        ],
    )
    def test_a_link_in_the_wrong_directory(self, name: str, path: str, phase: str) -> None:
        variables = {**MOVE, "GANETI_HOOKS_PATH": path, "GANETI_HOOKS_PHASE": phase}
        with pytest.raises(ContractError, match=f"is {path}-{phase}; this hook belongs in /etc/ganeti/hooks/"):
            HOOKS[name].expects(variables, "node1.example")

    @pytest.mark.parametrize(
        ("variable", "value", "message"),
        [
            ("GANETI_INSTANCE_DISK_COUNT", "", "is not set"),
            ("GANETI_INSTANCE_DISK_COUNT", "two", "'two' is not a number of disks"),
            ("GANETI_INSTANCE_DISK_COUNT", "-1", "'-1' is not a number of disks"),
            ("GANETI_INSTANCE_DISK1_ID", "", "is not set"),
            ("GANETI_INSTANCE_DISK1_ID", "v; reboot", "'v; reboot' is not a volume name"),
            ("GANETI_INSTANCE_DISK1_UUID", "a b", "'a b' is not a UUID"),
            ("GANETI_NEW_PRIMARY", "", "is not set"),
            ("GANETI_HOOKS_PHASE", "", "is not set"),
        ],
    )
    def test_what_ganeti_does_not_say(self, variable: str, value: str, message: str) -> None:
        with pytest.raises(ContractError, match=f"^{variable}: {message}"):
            HOOKS["pre-migrate"].expects({**MOVE, variable: value}, "node2.example")


class TestPreMove:
    def test_asks_the_filer_about_every_disk(self, made: Stage) -> None:
        act(pre_move, CALL, made)
        assert made.wire.calls == ["lun-get-iter"] * 3

    def test_a_map_to_any_group_will_do(self, made: Stage) -> None:
        """The disk may have an igroup of its own, which no hook is told."""
        made.ask("igroup-create", {"initiator-group-name": "other", "initiator-group-type": "iscsi"})
        made.ask("lun-unmap", {"path": "/vol/vol1/a", "initiator-group": "ganeti"})
        made.ask("lun-map", {"path": "/vol/vol1/a", "initiator-group": "other"})
        act(pre_move, CALL, made)
        assert made.groups("/vol/vol1/a") == ["other"]

    def test_a_lun_without_a_map_gets_one(self, made: Stage) -> None:
        made.ask("lun-unmap", {"path": "/vol/vol1/a", "initiator-group": "ganeti"})
        act(pre_move, CALL, made)
        assert made.groups("/vol/vol1/a") == ["ganeti"]

    def test_a_volume_in_another_pool_is_found(self, stage: Stage) -> None:
        stage.options["POOL"] = "vol2"
        for disk in DISKS:
            make(stage, disk)
        stage.options["POOL"] = "vol1"
        act(pre_move, CALL, stage)

    def test_one_failing_disk_does_not_stop_the_rest(self, made: Stage) -> None:
        made.ask("lun-offline", {"path": "/vol/vol1/a"})
        made.ask("lun-unmap", {"path": "/vol/vol1/c", "initiator-group": "ganeti"})
        with pytest.raises(VolumeError, match=r"^disk 0: its LUN in vol1 is offline") as caught:
            act(pre_move, CALL, made)
        assert "disk 1" not in str(caught.value)
        assert made.groups("/vol/vol1/c") == ["ganeti"]

    def test_every_failing_disk_is_named(self, made: Stage) -> None:
        for name in ("a", "c"):
            made.ask("lun-offline", {"path": f"/vol/vol1/{name}"})
        with pytest.raises(VolumeError, match=r"^disk 0: .*; disk 2: "):
            act(pre_move, CALL, made)


class TestPostRemove:
    def test_one_command_for_all_nodes_and_disks(self, stage: Stage) -> None:
        programs = Programs()
        act(post_remove, CALL, stage, programs)
        command = "/usr/bin/python3 -I -m dataontap.cleanup a b c"
        assert programs.commands == [("gnt-cluster", "command", "--failure-only", command)]

    def test_luns_that_ganeti_left_are_removed(self, made: Stage) -> None:
        act(post_remove, CALL, made)
        assert made.paths == []

    def test_a_lun_in_another_pool_is_found(self, stage: Stage) -> None:
        stage.options["POOL"] = "vol2"
        make(stage, DISKS[1])
        stage.options["POOL"] = "vol1"
        act(post_remove, CALL, stage)
        assert stage.paths == []

    @pytest.mark.parametrize(
        "comment",
        [
            "",
            "dataontap:1:cluster.example:u-b:disk",
            "dataontap:1:cluster.example:-:disk",
            "dataontap:2:cluster.example:u-b:disk:-",
            "dataontap:2:cluster.example:u-other:disk:{serial}",
            "dataontap:2:cluster.example:-:disk:{serial}",
            "dataontap:2:another.example:u-b:disk:{serial}",
            "dataontap:2:cluster.example:u-b:snap:{serial}",
        ],
    )
    def test_a_lun_that_is_not_provably_ours_stays(self, made: Stage, comment: str) -> None:
        comment = comment.format(serial=made.tag("/vol/vol1/b").rpartition(":")[2])
        made.ask("lun-set-comment", {"path": "/vol/vol1/b", "comment": comment})
        with pytest.raises(VolumeError, match=r"^disk 1: a LUN of this name in vol1 is not provably this"):
            act(post_remove, CALL, made)
        assert made.paths == ["/vol/vol1/b"]
        assert made.groups("/vol/vol1/b") == ["ganeti"]

    def test_a_node_in_no_cluster_owns_nothing(self, made: Stage) -> None:
        made.cluster = "-"
        made.ask("lun-set-comment", {"path": "/vol/vol1/b", "comment": made.tag("/vol/vol1/b", "u-b")})
        with pytest.raises(VolumeError, match="not provably this cluster's disk"):
            act(post_remove, CALL, made)
        assert "/vol/vol1/b" in made.paths

    def test_a_lun_that_others_see_stays(self, made: Stage) -> None:
        made.ask("igroup-create", {"initiator-group-name": "other", "initiator-group-type": "iscsi"})
        made.ask("lun-map", {"path": "/vol/vol1/a", "initiator-group": "other"})
        with pytest.raises(VolumeError, match=r"^disk 0: .* also mapped to other"):
            act(post_remove, CALL, made)
        assert made.paths == ["/vol/vol1/a"]

    def test_nodes_that_are_down_stop_nothing(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        act(post_remove, CALL, made, Programs("node: node3\nssh: no route to host\nreturn code = 255\n"))
        assert made.paths == []
        assert "remain on a node: node: node3" in caplog.text

    def test_luns_stay_when_no_node_could_be_asked(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        before = made.paths
        with pytest.raises(
            VolumeError, match=r"^disk 0: its LUN in vol1 was not removed: its device may be in use on a node"
        ):
            act(post_remove, CALL, made, Programs(CommandError("gnt-cluster failed with status 1: no master")))
        assert made.paths == before
        assert "failed with status 1: no master" in caplog.text

    def test_luns_stay_when_a_node_fails_without_saying_which(self, made: Stage) -> None:
        said = "-" * 48 + "\nnode: n2\ndataontap: cleanup 3 volumes: /etc/ganeti/x.conf: no\nreturn code = 1\n"
        before = made.paths
        with pytest.raises(VolumeError, match="disk 2: its LUN in vol1 was not removed"):
            act(post_remove, CALL, made, Programs(said))
        assert made.paths == before

    @pytest.mark.parametrize("mapped", [False, True], ids=["unmapped", "mapped"])
    def test_a_copy_stays(self, made: Stage, mapped: bool, caplog: pytest.LogCaptureFixture) -> None:
        """What lun copy, a FlexClone that was split or a broken mirror leave has the tag of its original."""
        copies.lun_copy(made.ask, "/vol/vol1/b", "/vol/vol2/b")
        if mapped:
            made.ask("lun-map", {"path": "/vol/vol2/b", "initiator-group": "ganeti"})
        for _ in range(2):
            act(post_remove, CALL, made)
        assert made.paths == ["/vol/vol2/b"]
        assert "/vol/vol2/b is a copy of a LUN of the removed disk; not removing it" in caplog.text

    def test_a_disk_that_a_node_uses_stays(self, made: Stage) -> None:
        said = "node: node3\ndataontap: cleanup b: /dev/x is in use by process 1 (qemu)\nreturn code = 1\n"
        with pytest.raises(VolumeError, match=r"^disk 1: .* was not removed: its device may be in use on a node"):
            act(post_remove, CALL, made, Programs(said))
        assert made.paths == ["/vol/vol1/b"]


class TestCleanup:
    def cleaner(self, stage: Stage, programs: Programs) -> cleanup.Cleaner:
        return cleanup.Cleaner(stage.site, programs)

    def test_a_name_that_is_none(self) -> None:
        with pytest.raises(ContractError, match="VOLUME: '-rf' is not a volume name"):
            Cleanup.from_arguments(["a", "-rf"])

    def test_no_device_is_fine_and_asks_nobody(self, stage: Stage) -> None:
        programs = Programs()
        self.cleaner(stage, programs).clean(Cleanup({}, ("a", "b")))
        assert (programs.commands, stage.wire.calls) == ([], [])

    def test_one_device_in_use_does_not_stop_the_rest(self, made: Stage) -> None:
        class Busy(StageHost):
            def holders(self, device: str) -> list[str]:
                return ["process 1 (qemu)"] if device.endswith("/a") else []

        devices, made.host = made.host.devices, Busy(made.filer)
        made.host.devices = devices
        with pytest.raises(VolumeError, match=r"^a: its device is in use by process 1 \(qemu\)$"):
            self.cleaner(made, Programs()).clean(Cleanup({}, ("a", "b", "c")))
        assert sorted(made.host.devices) == ["a"]

    def test_the_scsi_id(self, stage: Stage) -> None:
        programs = Programs("3600a0980\n")
        assert self.cleaner(stage, programs)._scsi_id("/dev/null") == "3600a0980"
        assert programs.commands == [("/lib/udev/scsi_id", "-g", "-d", "/dev/null")]

    @pytest.mark.parametrize("said", ["", "a b", "$(reboot)", CommandError("scsi_id failed with status 1")])
    def test_nothing_tells_the_scsi_id(self, stage: Stage, said: str | CommandError) -> None:
        with pytest.raises(DeviceError, match="its SCSI id is unknown"):
            self.cleaner(stage, Programs(said))._scsi_id("/dev/null")
