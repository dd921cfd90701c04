"""Queries against the simulated filer: pages, wildcards, and what the records hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataontap import client, config
from dataontap.client.api import NaServer
from dataontap.client.client_base import LunMap
from dataontap.client.client_cmode import CmodeClient
from dataontap.deadline import Deadline
from dataontap.errors import ConfigError, NaApiError, OntapError
from tests.simulator import provision
from tests.unit.stage import Stage

MIB = 1024 * 1024


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.filer.close()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no number of records and has 0"),
        ("<num-records>1</num-records>", "1 records and has 0"),
        ("<attributes-list><lun-info/></attributes-list><num-records>2</num-records>", "2 records and has 1"),
    ],
)
def test_an_answer_that_lost_its_content_is_not_an_empty_one(content: str, problem: str) -> None:
    """A verb that took it for "there is no such LUN" would forget one that is there."""
    answer = f'<netapp version="1.180"><results status="passed">{content}</results></netapp>'
    hollow = CmodeClient(NaServer(lambda document: answer.encode()))
    with pytest.raises(OntapError, match=f"^the answer to lun-get-iter announces {problem}$"):
        hollow.get_lun_by_args(path="/vol/vol1/a")


def test_every_page_is_read(stage: Stage) -> None:
    for number in range(230):
        stage.ask("lun-create-by-size", {"path": f"/vol/vol1/lun{number:03}", "size": 4 * MIB})
    luns = stage.client.get_lun_by_args(path="/vol/vol1/*")
    assert [lun.path for lun in luns] == [f"/vol/vol1/lun{number:03}" for number in range(230)]
    assert stage.wire.calls == ["lun-get-iter"] * 3


def test_a_lun(stage: Stage) -> None:
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB, "comment": "a <b> & c"})
    (lun,) = stage.client.get_lun_by_args(path="/vol/vol1/v")
    assert lun.serial == stage.filer.luns["svm1", "/vol/vol1/v"].serial
    assert len(lun.serial) == 12
    assert (lun.size, lun.comment, lun.online, lun.mapped) == (4 * MIB, "a <b> & c", True, False)


def test_no_lun(stage: Stage) -> None:
    assert stage.client.get_lun_by_args(path="/vol/vol1/v") == []
    assert stage.client.get_lun_map("/vol/vol1/v") == []


def test_maps(stage: Stage) -> None:
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB})
    assert stage.client.map_lun("/vol/vol1/v", "ganeti", 7)
    assert not stage.client.map_lun("/vol/vol1/v", "ganeti")
    uuid = stage.filer.luns["svm1", "/vol/vol1/v"].uuid
    assert stage.client.get_lun_map("/vol/vol1/v") == [LunMap("/vol/vol1/v", uuid, "ganeti", 7)]
    assert stage.client.unmap_lun("/vol/vol1/v", "ganeti")
    assert not stage.client.unmap_lun("/vol/vol1/v", "ganeti")


def test_destroying_without_force_spares_what_is_mapped(stage: Stage) -> None:
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB})
    stage.client.map_lun("/vol/vol1/v", "ganeti")
    with pytest.raises(Exception, match="errno 9013"):
        stage.client.destroy_lun("/vol/vol1/v")
    stage.client.unmap_lun("/vol/vol1/v", "ganeti")
    assert stage.client.destroy_lun("/vol/vol1/v")
    assert not stage.client.destroy_lun("/vol/vol1/v")


IQN = "iqn.1993-08.org.debian:01:"


def make_igroup(stage: Stage, name: str, *initiators: str, type_: str = "iscsi") -> None:
    stage.ask("igroup-create", {"initiator-group-name": name, "initiator-group-type": type_})
    for initiator in initiators:
        stage.client.add_igroup_initiator(name, initiator)


def test_the_groups_that_have_any_of_some_initiators(stage: Stage) -> None:
    make_igroup(stage, "one", f"{IQN}a", f"{IQN}b")
    make_igroup(stage, "two", f"{IQN}c")
    make_igroup(stage, "other", f"{IQN}d")
    make_igroup(stage, "empty")
    found = stage.client.get_igroups_of([f"{IQN}c", f"{IQN}A", f"{IQN}z"])
    assert {group.name: group.initiators for group in found} == {
        "one": (f"{IQN}a", f"{IQN}b"),
        "two": (f"{IQN}c",),
    }
    assert stage.client.get_igroups_of([]) == []


def test_an_initiator_leaves_a_group_without_maps(stage: Stage) -> None:
    make_igroup(stage, "g", f"{IQN}a", f"{IQN}b")
    assert stage.client.remove_igroup_initiator("g", f"{IQN}a")
    assert not stage.client.remove_igroup_initiator("g", f"{IQN}a")
    (group,) = stage.client.get_igroups("g")
    assert group.initiators == (f"{IQN}b",)
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB})
    stage.client.map_lun("/vol/vol1/v", "g")
    with pytest.raises(NaApiError, match="errno 9029"):
        stage.client.remove_igroup_initiator("g", f"{IQN}b")


def test_which_iscsi_initiators_are_logged_in(stage: Stage) -> None:
    for name in ("a", "b"):
        provision.add_session(stage.filer.state, "svm1", f"{IQN}{name}")
    provision.add_session(stage.filer.state, "svm2", f"{IQN}c")
    asked = [f"{IQN}A", f"{IQN}c", f"{IQN}z"]
    assert stage.client.logged_in(asked, "iscsi") == {f"{IQN}a"}
    assert stage.wire.calls == ["iscsi-initiator-get-iter"]
    assert stage.client.logged_in([], "iscsi") == set()


def test_which_fc_initiators_are_logged_in(stage: Stage) -> None:
    here, there, nowhere = (f"20:00:00:25:b5:00:00:0{digit}" for digit in "abc")
    provision.add_session(stage.filer.state, "svm1", here)
    provision.add_session(stage.filer.state, "svm1", there)
    asked = [here.upper(), nowhere]
    assert stage.client.logged_in(asked, "fc") == {here}
    assert stage.wire.calls == ["fcp-initiator-get-iter"]


def test_seven_mode_has_no_client_yet() -> None:
    settings = config.parse("HOSTNAME='h'\nLOGIN='l'\nPASSWORD='p'\nSTORAGE_FAMILY='ontap_7mode'", "f")
    with pytest.raises(ConfigError, match="^STORAGE_FAMILY: 'ontap_7mode' is not supported yet"):
        client.connect(settings, Deadline(1))
