"""Initiator groups: by which names they are known, which machines are in them, and which a disk may choose."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataontap import config
from dataontap.errors import ConfigError, DeviceError, Refusal, VolumeError
from dataontap.volume.igroups import Igroups
from dataontap.volume.requests import Creation, Verification
from tests.unit.stage import Stage, StageCluster
from tests.unit.volume import CREATION, EXCLUSIVE, METADATA, MIB, NODE1, NODE2, PATH, RESET, VOLUME

pytestmark = pytest.mark.usefixtures("group_per_node")

IQN1, IQN2 = "iqn.1993-08.org.debian:01:node1.example", "iqn.1993-08.org.debian:01:node2.example"


def make_group(stage: Stage, name: str, *initiators: str) -> None:
    stage.ask("igroup-create", {"initiator-group-name": name, "initiator-group-type": "iscsi"})
    for initiator in initiators:
        stage.ask("igroup-add", {"initiator-group-name": name, "initiator": initiator})


def igroups(form: str, node: str, **options: object) -> Igroups:
    """As a node with that name knows them; whoever asks anybody fails."""
    text = f"HOSTNAME = 'f'\nLOGIN = 'a'\nPASSWORD = 'b'\nIGROUP = {form!r}\n"
    text += "".join(f"{name} = {value!r}\n" for name, value in options.items())
    return Igroups(
        config.parse(text, "test").with_params({}),
        StageCluster("c.example", node, frozenset({node, "n1", "n2"})),
        lambda: pytest.fail("asked the filer"),
        initiators=lambda: pytest.fail("asked for initiators"),
        memory=lambda group: pytest.fail("asked the memory"),
    )


class TestNames:
    # What Ganeti takes for a host name (3.0.2, netutils), and what IGROUP may be around it.
    NODES = st.from_regex(re.compile("[a-z0-9._-]{1,60}"), fullmatch=True)
    PARTS = st.from_regex(re.compile("[A-Za-z0-9._:-]{0,20}"), fullmatch=True)

    @given(PARTS, NODES, PARTS)
    def test_the_group_that_a_node_makes_is_always_recognised(self, before: str, node: str, after: str) -> None:
        try:
            groups = igroups(f"{before}{{node}}{after}", node)
            own = groups.own
        except ConfigError:
            return  # ONTAP takes no such name, or it would be a query
        assert re.fullmatch("[A-Za-z0-9][A-Za-z0-9._:-]{0,95}", own)
        assert ".." not in own
        assert groups.are_ours(own)
        assert {own} == groups.mine == groups.private
        assert not igroups(f"{before}{{node}}{after}", "n1").strange([f"{before}n2{after}"])

    @pytest.mark.parametrize("node", ["node_2.example", "2", "-x", ".x", "_", "a_b-c.d"])
    def test_ganetis_names(self, node: str) -> None:
        assert igroups("g-{node}", node).are_ours(f"g-{node}")

    @pytest.mark.parametrize(("form", "node"), [("{node}-g", "_n"), ("g.{node}", ".n"), ("g-{node}", "a..b")])
    def test_what_ontap_would_not_take(self, form: str, node: str) -> None:
        with pytest.raises(ConfigError, match=r"^IGROUP: ONTAP does not allow the igroup name '"):
            igroups(form, node).own  # noqa: B018

    @pytest.mark.parametrize("form", ["g..h", "g..{node}", "g..", "..g"])
    def test_a_range_is_no_name(self, form: str) -> None:
        with pytest.raises(ConfigError, match=r"test:4: IGROUP: expected an initiator group's name"):
            igroups(form, "n1")

    def test_fencing_takes_it_from_a_node_with_an_underscore(self, made: Stage) -> None:
        """Before, such a group was nobody's: the open said that it had the volume alone."""
        made.nodes = ["node_1.example", "node_2.example"]
        made.become("node_1.example")
        made.provider.attach(VOLUME)
        made.become("node_2.example")
        made.provider.attach(VOLUME)
        made.provider.open(EXCLUSIVE)
        assert "g-node_1.example" not in made.groups(PATH)

    def test_strange_nodes(self) -> None:
        groups = igroups("g-{node}", "n1", ALLOWED_IGROUPS=("g-fast-{node}", "s"), FORMER_IGROUP="old-{node}")
        names = ["g-n1", "g-n2", "g-n3", "g-fast-n2", "g-fast-n9", "old-n2", "old-n9", "s", "other"]
        assert groups.strange(names) == ["g-fast-n9", "g-n3", "old-n9"]


class TestTwins:
    """Two machines with one initiator name: the second is a clone of the first."""

    @pytest.fixture
    def cloned(self, made: Stage) -> Stage:
        """node1 has the volume; node2 is its clone, and acts."""
        made.initiators["node2.example"] = IQN1
        made.become("node2.example")
        return made

    def test_the_clone_is_refused(self, cloned: Stage) -> None:
        with pytest.raises(
            VolumeError, match=f"^IGROUP: cloned initiatorname.iscsi: {NODE2} and {NODE1} share an initiator; give"
        ):
            cloned.provider.attach(VOLUME)
        assert cloned.groups(PATH) == [NODE1]
        assert ("svm1", NODE2) not in cloned.filer.igroups

    def test_verify_tells(self, cloned: Stage) -> None:
        told = f"^igroup: IGROUP: cloned initiatorname.iscsi: {NODE2} and {NODE1} share an initiator"
        with pytest.raises(VolumeError, match=told):
            cloned.provider.verify(Verification({}, ("igroup",)))

    def test_whoever_clones_a_node_without_maps(self, stage: Stage) -> None:
        """It is another node of this cluster: that will do."""
        make_group(stage, NODE2, IQN1)
        with pytest.raises(VolumeError, match=f"{NODE1} and {NODE2} share an initiator"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_a_group_of_no_node_that_has_our_luns(self, made: Stage) -> None:
        """A clone that is in another cluster, or has another name."""
        make_group(made, "g-stranger", IQN2)
        made.ask("lun-create-by-size", {"path": "/vol/vol1/w", "size": 64 * MIB, "comment": made.tag(PATH)})
        made.ask("lun-map", {"path": "/vol/vol1/w", "initiator-group": "g-stranger"})
        made.become("node2.example")
        with pytest.raises(VolumeError, match=f"{NODE2} and g-stranger share an initiator"):
            made.provider.attach(VOLUME)

    @pytest.mark.parametrize("name", ["g-all", "g-boot-n1", "g-renamed.example"])
    def test_what_only_looks_alike_is_a_warning(
        self, stage: Stage, caplog: pytest.LogCaptureFixture, name: str
    ) -> None:
        make_group(stage, name, IQN1)
        stage.ask("lun-create-by-size", {"path": "/vol/vol1/boot", "size": 64 * MIB})
        stage.ask("lun-map", {"path": "/vol/vol1/boot", "initiator-group": name})
        stage.provider.create(CREATION)
        assert f"lun igroup remove -igroup {name} -initiator {IQN1}" in caplog.text

    @pytest.mark.parametrize("name", ["ganeti", "esx", "x-node2.example"])
    def test_other_groups_are_none_of_our_business(
        self, stage: Stage, caplog: pytest.LogCaptureFixture, name: str
    ) -> None:
        if name != "ganeti":
            make_group(stage, name)
        stage.ask("igroup-add", {"initiator-group-name": name, "initiator": IQN1})
        stage.provider.create(CREATION)
        assert "lun igroup remove" not in caplog.text

    def test_former_groups_are_exempt(self, made: Stage) -> None:
        """The node is in both while its volumes move."""
        made.options.update(IGROUP="fast-{node}", FORMER_IGROUP="g-{node}")
        made.provider.attach(VOLUME)
        made.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        assert made.groups("/vol/vol1/w") == ["fast-node1.example"]

    def test_groups_of_other_disks_are_this_nodes_too(self, stage: Stage) -> None:
        stage.options["ALLOWED_IGROUPS"] = ("g-fast-{node}",)
        stage.params["igroup"] = "g-fast-{node}"
        stage.provider.create(CREATION)
        stage.provider.setinfo(METADATA)
        stage.params.clear()
        stage.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        assert (stage.groups(PATH), stage.groups("/vol/vol1/w")) == (["g-fast-node1.example"], [NODE1])

    def test_a_clone_that_got_a_name_of_its_own_leaves_the_old_one_behind(self, made: Stage) -> None:
        """In its group: as long as it is there, the first machine sees what is the second's."""
        made.become("node2.example")
        made.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        make_group(made, "g-node3.example", IQN2)  # the original, which comes later
        made.initiators["node2.example"] = "iqn.1993-08.org.debian:01:anew"
        with pytest.raises(VolumeError, match=f"{NODE2} and g-node3.example share an initiator"):
            made.provider.create(Creation({}, "x", "u-3", 64 * MIB))
        made.ask("lun-unmap", {"path": "/vol/vol1/w", "initiator-group": NODE2})
        made.ask("igroup-remove", {"initiator-group-name": NODE2, "initiator": IQN2})
        made.provider.create(Creation({}, "x", "u-3", 64 * MIB))
        assert made.filer.igroups["svm1", NODE2].initiators == ("iqn.1993-08.org.debian:01:anew",)

    def test_a_running_instance_of_a_twin_can_stop(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        make_group(made, "g-node3.example")
        made.ask("igroup-add", {"initiator-group-name": "g-node3.example", "initiator": IQN1})
        for file in Path(made.directory, "run/igroup").iterdir():
            file.unlink()
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
        assert f"{NODE1} and g-node3.example share an initiator" in caplog.text
        with pytest.raises(VolumeError, match="share an initiator"):
            made.provider.open(EXCLUSIVE)
        made.provider.detach(VOLUME)
        assert made.groups(PATH) == []

    def test_the_filers_refusal_has_a_hint(self, stage: Stage) -> None:
        """Where the twin's group is called otherwise, only the filer knows."""
        make_group(stage, "esx", IQN1)
        stage.ask("lun-create-by-size", {"path": PATH, "size": 64 * MIB})
        stage.ask("lun-map", {"path": PATH, "initiator-group": "esx"})
        with pytest.raises(Refusal, match="initiator in two igroups"):
            stage.provider.attach(VOLUME)


class TestARaceForTheGroup:
    """Two machines with one node name make the group at the same time; each has found none."""

    def test_the_later_one_takes_itself_out_again(self, stage: Stage) -> None:
        other: dict[str, object] = {"initiator-group-name": NODE1, "initiator": "iqn.1993-08.org.debian:01:else"}
        stage.wire.meanwhile("igroup-add", lambda: stage.ask("igroup-add", other))
        with pytest.raises(
            VolumeError, match=f"another machine's initiator is in {NODE1}; take it out .*:01:else$"
        ):
            stage.provider.create(CREATION)
        assert stage.filer.igroups["svm1", NODE1].initiators == (other["initiator"],)

    def test_not_where_the_group_has_maps(self, made: Stage) -> None:
        """A LUN may be in use by them."""
        made.initiators["node1.example"] = "iqn.1993-08.org.debian:01:anew"
        other: dict[str, object] = {"initiator-group-name": NODE1, "initiator": "iqn.1993-08.org.debian:01:else"}
        made.wire.meanwhile("igroup-add", lambda: made.ask("igroup-add", other))
        with pytest.raises(VolumeError, match="another machine's initiator"):
            made.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        assert "iqn.1993-08.org.debian:01:anew" in made.filer.igroups["svm1", NODE1].initiators

    def test_a_creation_whose_answer_is_lost_may_be_another_ones(self, stage: Stage) -> None:
        """Another machine has made the group, and a LUN is mapped to it: nothing of it may be changed."""
        stage.ask("lun-create-by-size", {"path": "/vol/vol1/theirs", "size": 64 * MIB})

        def another() -> None:
            make_group(stage, NODE1, "iqn.1993-08.org.debian:01:else")
            stage.ask("lun-map", {"path": "/vol/vol1/theirs", "initiator-group": NODE1})

        stage.wire.lose("igroup-create", after=False, error=RESET)
        stage.again = lambda error, tries: another()
        with pytest.raises(VolumeError, match="another machine's initiator"):
            stage.provider.create(CREATION)
        assert stage.filer.igroups["svm1", NODE1].initiators == ("iqn.1993-08.org.debian:01:else",)

    def test_two_nodes_add_one_initiator_at_once(self, stage: Stage) -> None:
        stage.wire.meanwhile("igroup-add", lambda: make_group(stage, NODE2, IQN1))
        with pytest.raises(VolumeError, match=f"{NODE1} and {NODE2} share an initiator"):
            stage.provider.create(CREATION)
        assert stage.filer.igroups["svm1", NODE1].initiators == ()

    def test_somebody_takes_it_out(self, stage: Stage) -> None:
        own: dict[str, object] = {"initiator-group-name": NODE1, "initiator": IQN1}

        def take_out() -> None:
            stage.ask("igroup-remove", own)

        stage.wire.meanwhile("igroup-add", lambda: stage.wire.meanwhile("igroup-get-iter", take_out))
        with pytest.raises(VolumeError, match="initiators that are added to .* disappear"):
            stage.provider.create(CREATION)

    def test_the_requests(self, stage: Stage) -> None:
        stage.provider.create(CREATION)
        asked = [call for call in stage.wire.calls if call.startswith("igroup")]
        assert asked == ["igroup-get-iter", "igroup-get-iter", "igroup-create", "igroup-add", "igroup-get-iter"]

    def test_once_a_day_one(self, made: Stage) -> None:
        for file in Path(made.directory, "run/igroup").iterdir():
            os.utime(file, (0, 0))
        made.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        assert [call for call in made.wire.calls if call.startswith("igroup")] == ["igroup-get-iter"]


class TestTheParameter:
    """A disk's ``igroup`` is bounded by IGROUP and ALLOWED_IGROUPS."""

    @pytest.mark.parametrize("form", ["special", "esx-prod", "fast-{node}"])
    def test_another_one_makes_no_volume(self, stage: Stage, form: str) -> None:
        stage.params["igroup"] = form
        with pytest.raises(ConfigError, match=f"^the disk's igroup {form!r} is not among ALLOWED_IGROUPS$"):
            stage.provider.create(CREATION)
        assert (stage.wire.calls, stage.paths) == ([], [])

    @pytest.mark.parametrize("form", ["g-{node}", "special"])
    def test_these_do(self, stage: Stage, form: str) -> None:
        make_group(stage, "special")
        stage.params["igroup"] = form
        stage.options["ALLOWED_IGROUPS"] = ["special"]
        stage.provider.create(CREATION)
        assert len(stage.groups(PATH)) == 1

    def test_no_new_map(self, made: Stage) -> None:
        """Its LUN has a guest's data, which strangers would see."""
        made.provider.detach(VOLUME)
        make_group(made, "esx-prod")
        made.params["igroup"] = "esx-prod"
        with pytest.raises(ConfigError, match="'esx-prod' is not among ALLOWED_IGROUPS"):
            made.provider.attach(VOLUME)
        assert made.groups(PATH) == []
        assert made.comment(PATH).endswith(made.tag(PATH)), "the tag does not name it either"

    def test_what_is_mapped_goes_on(self, stage: Stage) -> None:
        stage.options["ALLOWED_IGROUPS"] = ("fast-{node}",)
        stage.params["igroup"] = "fast-{node}"
        stage.provider.create(CREATION)
        stage.provider.setinfo(METADATA)
        stage.options.pop("ALLOWED_IGROUPS")
        stage.provider.attach(VOLUME)
        stage.provider.open(EXCLUSIVE)
        stage.provider.close(VOLUME)
        stage.provider.detach(VOLUME)
        assert stage.groups(PATH) == []
        with pytest.raises(ConfigError):
            stage.provider.attach(VOLUME)
        stage.provider.remove(VOLUME)
        assert stage.paths == []

    def test_after_it_was_taken_back(self, stage: Stage) -> None:
        """The LUN is still mapped by it: that serves, and goes with the device."""
        stage.options["ALLOWED_IGROUPS"] = ("fast-{node}",)
        stage.params["igroup"] = "fast-{node}"
        stage.provider.create(CREATION)
        stage.provider.setinfo(METADATA)
        assert stage.comment(PATH).endswith(":fast-{node}")
        stage.params.clear()
        stage.provider.attach(VOLUME)
        assert stage.comment(PATH).endswith(stage.tag(PATH))
        assert stage.groups(PATH) == ["fast-node1.example"]
        stage.become("node2.example")
        stage.provider.attach(VOLUME)
        stage.provider.open(EXCLUSIVE)
        assert stage.groups(PATH) == [NODE2]

    def test_a_hook_goes_by_the_tag(self, stage: Stage) -> None:
        stage.options["ALLOWED_IGROUPS"] = ("fast-{node}",)
        stage.params["igroup"] = "fast-{node}"
        stage.provider.create(CREATION)
        stage.provider.setinfo(METADATA)
        stage.params.clear()
        stage.become("node2.example")
        stage.provider.attach_anew(VOLUME)
        assert stage.groups(PATH) == ["fast-node1.example", "fast-node2.example"]
        stage.options.pop("ALLOWED_IGROUPS")
        stage.become("node3.example")
        with pytest.raises(ConfigError, match="is not among ALLOWED_IGROUPS"):
            stage.provider.attach_anew(VOLUME)


class TestWhatDidNotComeUp:
    """A map that attach made is taken back when no device comes, as by detach."""

    @pytest.fixture
    def blind(self, made: Stage) -> Stage:
        made.provider.detach(VOLUME)
        made.host.blind = True
        return made

    def test_it_is_unmapped_again(self, blind: Stage) -> None:
        with pytest.raises(DeviceError, match="no device came up"):
            blind.provider.attach(VOLUME)
        assert blind.groups(PATH) == []

    def test_one_that_was_there_before_stays(self, blind: Stage) -> None:
        blind.ask("lun-map", {"path": PATH, "initiator-group": NODE1})
        with pytest.raises(DeviceError, match="no device came up"):
            blind.provider.attach(VOLUME)
        assert blind.groups(PATH) == [NODE1]

    def test_not_while_something_of_it_is_left(self, blind: Stage) -> None:
        blind.host.blind = False
        blind.host.fails_after_scan = True
        blind.options["ISCSI_DETACH_COMMANDS"] = ()
        with pytest.raises(DeviceError, match="after the scan"):
            blind.provider.attach(VOLUME)
        assert (list(blind.host.devices), blind.groups(PATH)) == (["v"], [NODE1])

    def test_nor_from_a_group_of_all_nodes(self, stage: Stage) -> None:
        """Another node may have it in use by now."""
        stage.options["IGROUP"] = "ganeti"
        stage.provider.create(CREATION)
        stage.ask("lun-unmap", {"path": PATH, "initiator-group": "ganeti"})
        stage.host.devices.clear()
        stage.host.blind = True
        stage.caller = "101 2"
        with pytest.raises(DeviceError):
            stage.provider.attach(VOLUME)
        assert stage.groups(PATH) == ["ganeti"]
