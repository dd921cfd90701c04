"""A cluster that was restored elsewhere: two clusters with the same volumes, on one filer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.zapi.api import refusal
from dataontap.errors import VolumeError
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.requests import Creation, Metadata, Opening, Volume
from tests.unit.stage import Stage

MIB = 1024 * 1024
CREATION = Creation({}, "v", "u-1", 64 * MIB)
METADATA = Metadata({}, "v", "u-1", "originstname+a")
VOLUME = Volume({}, "v", "u-1")
EXCLUSIVE = Opening({}, "v", "u-1", True)
PATH = "/vol/vol1/v"
IQN1 = "iqn.1993-08.org.debian:01:node1.example"
NODE1, B1 = "g-node1.example", "g-b1.example"
IN_USE = r"^a node outside this cluster may use its LUN; if not: lun mapping delete -igr"

Verb = Callable[[DataOnTapProvider], object]
VERBS: dict[str, Verb] = {
    "attach": lambda provider: provider.attach(VOLUME),
    "pre-move": lambda provider: provider.attach_anew(VOLUME),
    "open": lambda provider: provider.open(EXCLUSIVE),
    "remove": lambda provider: provider.remove(VOLUME),
}
every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Cluster A's node1 has the volume and is logged in; cluster B, with the same configuration, acts."""
    stage = Stage(tmp_path)
    stage.options["IGROUP"] = "g-{node}"
    stage.provider.create(CREATION)
    stage.provider.setinfo(METADATA)
    stage.filer.log_in("svm1", IQN1)
    stage.cluster = "b.example"
    stage.nodes = ["b1.example", "b2.example"]
    stage.become("b1.example")
    return stage


def tag_of(stage: Stage, cluster: str) -> str:
    return f"originstname+a {stage.tag(PATH).replace(stage.cluster, cluster)}"


@every_verb
def test_takes_nothing_that_the_other_one_uses(stage: Stage, verb: Verb) -> None:
    with pytest.raises(VolumeError, match=IN_USE):
        verb(stage.provider)
    assert stage.groups(PATH) == [NODE1]
    assert stage.comment(PATH) == tag_of(stage, "cluster.example")


@every_verb
def test_nor_where_nobody_can_tell(stage: Stage, verb: Verb) -> None:
    stage.filer.log_out("svm1", IQN1)
    api = "iscsi-initiator-get-iter"
    stage.wire.lose(api, after=False, error=refusal(api, "13003", "Insufficient privileges"))
    with pytest.raises(VolumeError, match=IN_USE):
        verb(stage.provider)
    assert stage.groups(PATH) == [NODE1]


@every_verb
def test_nor_what_is_another_clusters(stage: Stage, verb: Verb) -> None:
    stage.filer.log_out("svm1", IQN1)
    with pytest.raises(
        VolumeError, match="^its LUN is cluster cluster.example's; if that is gone: FORMER_CLUSTERS, or"
    ):
        verb(stage.provider)
    assert stage.groups(PATH) == [NODE1]
    assert stage.comment(PATH) == tag_of(stage, "cluster.example")


@pytest.mark.parametrize("comment", ["", "originstname+a"])
def test_nor_what_has_no_tag(stage: Stage, comment: str) -> None:
    stage.filer.log_out("svm1", IQN1)
    stage.ask("lun-set-comment", {"path": PATH, "comment": comment})
    with pytest.raises(VolumeError, match="^its LUN is cluster -'s"):
        stage.provider.attach(VOLUME)


def test_a_former_name_is_the_switch(stage: Stage) -> None:
    """For a disaster recovery, and for a cluster that was renamed together with its nodes."""
    stage.filer.log_out("svm1", IQN1)
    stage.options["FORMER_CLUSTERS"] = ("cluster.example",)
    stage.provider.attach(VOLUME)
    assert stage.comment(PATH) == tag_of(stage, "b.example")
    stage.provider.open(EXCLUSIVE)
    assert stage.groups(PATH) == [B1]


def test_not_for_one_that_is_in_use(stage: Stage) -> None:
    stage.options["FORMER_CLUSTERS"] = ("cluster.example",)
    with pytest.raises(VolumeError, match=IN_USE):
        stage.provider.attach(VOLUME)


def test_a_node_that_left_this_cluster(stage: Stage) -> None:
    """The tag names this cluster, and the node is not logged in: taken like any node's."""
    stage.cluster = "cluster.example"
    stage.filer.log_out("svm1", IQN1)
    stage.provider.attach(VOLUME)
    stage.provider.open(EXCLUSIVE)
    assert stage.groups(PATH) == [B1]


def test_a_node_that_left_this_cluster_and_runs(stage: Stage) -> None:
    stage.cluster = "cluster.example"
    with pytest.raises(VolumeError, match=IN_USE):
        stage.provider.open(EXCLUSIVE)


def test_a_node_over_another_protocol(stage: Stage) -> None:
    """Its igroup has WWPNs, whose logins are another question to the filer."""
    wwpn = "20:00:00:25:b5:00:00:01"
    stage.cluster = "cluster.example"
    stage.filer.log_out("svm1", IQN1)
    group = stage.filer.igroups["svm1", NODE1]
    stage.filer.state.commit(replace(group, protocol="fcp", initiators=(wwpn,)))
    stage.filer.log_in("svm1", wwpn)
    with pytest.raises(VolumeError, match=IN_USE):
        stage.provider.open(EXCLUSIVE)
    stage.filer.log_out("svm1", wwpn)
    stage.provider.attach(VOLUME)
    stage.provider.open(EXCLUSIVE)
    assert stage.groups(PATH) == [B1]


def test_the_command_is_in_the_message_and_with_the_path_in_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(VolumeError) as caught:
        stage.provider.attach(VOLUME)
    assert str(caught.value).endswith(f"lun mapping delete -igroup {NODE1}")
    assert f"lun mapping delete -igroup {NODE1} -path {PATH}" in caplog.text


def test_a_running_instance_can_stop(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """B maps the LUN of A's running instance by hand; A's next attach says so, and its detach works."""
    stage.ask("igroup-create", {"initiator-group-name": B1, "initiator-group-type": "iscsi"})
    initiator = "iqn.1993-08.org.debian:01:b1.example"
    stage.ask("igroup-add", {"initiator-group-name": B1, "initiator": initiator})
    stage.ask("lun-map", {"path": PATH, "initiator-group": B1})
    stage.filer.log_in("svm1", initiator)
    stage.cluster = "cluster.example"
    stage.nodes = ["node1.example"]
    stage.become("node1.example")
    assert stage.provider.attach(VOLUME) == "/dev/disk/v"
    assert "a node outside this cluster may use its LUN" in caplog.text
    with pytest.raises(VolumeError, match=IN_USE):
        stage.provider.open(EXCLUSIVE)
    stage.provider.detach(VOLUME)
    assert stage.groups(PATH) == [B1]


def test_nobody_is_asked_otherwise(stage: Stage) -> None:
    stage.cluster = "cluster.example"
    stage.nodes = ["node1.example", "node2.example"]
    stage.become("node2.example")
    stage.provider.attach(VOLUME)
    stage.provider.open(EXCLUSIVE)
    assert "iscsi-initiator-get-iter" not in stage.wire.calls


def test_a_long_name_of_a_cluster(stage: Stage) -> None:
    stage.filer.log_out("svm1", IQN1)
    stage.cluster = "c" * 200
    stage.options["FORMER_CLUSTERS"] = ("cluster.example",)
    stage.provider.attach(VOLUME)
    assert "dataontap:2:=" in stage.comment(PATH)
    stage.nodes = ["b2.example"]  # b1 has left the cluster, whose LUN this is by its tag
    stage.become("b2.example")
    stage.options.pop("FORMER_CLUSTERS")
    stage.provider.open(EXCLUSIVE)
    assert stage.groups(PATH) == ["g-b2.example"]
