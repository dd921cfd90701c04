"""The policy needs no more of a filer than ``client.array`` says: the same verbs over four kinds of it."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.array import Array, Lun, LunSpec
from dataontap.deadline import Deadline
from dataontap.errors import DeviceError, NoSuchIgroup, Refusal, VolumeError
from dataontap.volume.requests import Opening, Snapshot, Volume
from tests.unit.arrays import DirectArray, PoollessArray
from tests.unit.rest_wire import Memory, RestWire, client
from tests.unit.stage import Stage, StageHost
from tests.unit.volume import CREATION, EXCLUSIVE, METADATA, MIB, NODE1, NODE2, VOLUME, growth


class SmallHost(StageHost):
    """A node that sees what a ``PoollessArray`` maps to its groups."""

    def __init__(self, stage: Stage, array: PoollessArray) -> None:
        super().__init__(stage.filer)
        self._array = array

    def shown(self, groups: Collection[str]) -> dict[str, int]:
        units = [unit for unit in self._array.units.values() if groups & unit.maps.keys()]
        return {self._array.recall(unit.name, unit.uuid).name: unit.size for unit in units}


def zapi(stage: Stage) -> None:
    """The client of all other tests."""


def direct(stage: Stage) -> None:
    stage.array = DirectArray(stage.filer)


def poolless(stage: Stage) -> None:
    stage.array = array = PoollessArray(stage.filer)
    stage.make_host = partial(SmallHost, stage, array)
    stage.host = stage.make_host()


def rest(stage: Stage) -> None:
    """Each verb is another process."""
    wire, memory = RestWire(stage.filer), Memory()
    stage.connect = lambda deadline: client(wire, memory, stage.clock)


@pytest.fixture(params=[zapi, direct, poolless, rest], ids=lambda kind: str(kind.__name__))
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    """A cluster with a group per node, on each kind of filer."""
    stage = Stage(tmp_path)
    stage.options["IGROUP"] = "g-{node}"
    kind: Callable[[Stage], None] = request.param
    kind(stage)
    return stage


def array(stage: Stage) -> Array:
    """What the tests look at."""
    return stage.array or stage.connect(Deadline(120))


def lun(stage: Stage, name: str = "v") -> Lun:
    (found,) = array(stage).get_luns_called(name)
    return found


def groups(stage: Stage, name: str = "v") -> list[str]:
    return sorted(one.igroup for one in array(stage).get_lun_map(lun(stage, name)))


def make(stage: Stage) -> None:
    """The volume, from create to setinfo."""
    stage.provider.create(CREATION)
    stage.provider.attach(VOLUME)
    stage.provider.open(EXCLUSIVE)
    stage.provider.setinfo(METADATA)


def test_a_volumes_life(stage: Stage) -> None:
    make(stage)
    assert (lun(stage).size, groups(stage)) == (64 * MIB, [NODE1])
    assert lun(stage).comment.startswith("originstname+a dataontap:2:cluster.example:u-1:disk:")
    stage.provider.grow(growth(64, 96))
    assert lun(stage).size == 96 * MIB
    stage.provider.snapshot(Snapshot({}, "v", None, "v.snap", 128 * MIB))
    assert (lun(stage, "v.snap").size, groups(stage, "v.snap")) == (128 * MIB, [NODE1])
    stage.provider.attach(Volume({}, "v.snap", None))
    stage.provider.remove(Volume({}, "v.snap", None))
    stage.provider.close(VOLUME)
    stage.provider.detach(VOLUME)
    assert groups(stage) == []
    stage.provider.remove(VOLUME)
    assert array(stage).get_lun_list() == []
    stage.provider.remove(VOLUME)


def test_a_migration(stage: Stage) -> None:
    """Both nodes have it for a while; then the source is fenced."""
    make(stage)
    stage.become("node2.example")
    stage.provider.attach_anew(VOLUME)
    stage.provider.open(Opening({}, "v", "u-1", False))
    assert groups(stage) == [NODE1, NODE2]
    stage.provider.open(EXCLUSIVE)
    assert groups(stage) == [NODE2]
    stage.become("node1.example")
    with pytest.raises(VolumeError, match="this node does not have it alone"):
        stage.site.masking.exclude_others(
            lun(stage), array(stage).get_lun_map(lun(stage)), lambda place: lun(stage)
        )
    assert groups(stage) == [NODE2]


def test_a_creation_that_fails_leaves_nothing(stage: Stage) -> None:
    stage.host.fails_after_scan = True
    with pytest.raises(DeviceError, match="after the scan"):
        stage.provider.create(CREATION)
    assert array(stage).get_lun_list() == []


def test_a_volume_that_exists_is_an_error(stage: Stage) -> None:
    make(stage)
    before = lun(stage)
    with pytest.raises(VolumeError, match="there is a LUN of this name in .* already"):
        stage.provider.create(CREATION)
    assert lun(stage) == before


def test_a_lun_that_others_see_stays(stage: Stage) -> None:
    make(stage)
    array(stage).create_igroup("backup", "iscsi", "linux")
    array(stage).map_lun(lun(stage), "backup", 3)
    with pytest.raises(VolumeError, match="its LUN is also mapped to backup; to remove it, unmap it there first"):
        stage.provider.remove(VOLUME)
    assert groups(stage) == ["backup", NODE1]


def test_an_id_that_is_taken_is_another_ones(stage: Stage) -> None:
    make(stage)
    ((first,),) = [[one.lun_id for one in array(stage).get_lun_map(lun(stage))]]
    stage.provider.detach(VOLUME)
    other = array(stage).place("vol1", "other")
    array(stage).create_lun(other, 4 * MIB, stage_spec(stage))
    array(stage).map_lun(other, NODE1, first)
    stage.provider.attach(VOLUME)
    (mapping,) = array(stage).get_lun_map(lun(stage))
    assert mapping.lun_id != first


def stage_spec(stage: Stage) -> LunSpec:
    return LunSpec(stage.settings.lun_ostype, False, "")


def test_a_copy_is_not_the_volume(stage: Stage) -> None:
    """Its tag names another serial number; at the volume's own path it serves, and is tagged anew."""
    make(stage)
    was = lun(stage)
    stage.provider.detach(VOLUME)
    array(stage).destroy_lun(was)
    array(stage).create_lun(was, 64 * MIB, LunSpec("linux", False, was.comment))
    assert stage.provider.attach(VOLUME)
    assert lun(stage).comment != was.comment


def test_what_a_filer_does_not_know_is_refused_by_all(stage: Stage) -> None:
    nowhere = array(stage).place("vol1", "nowhere")
    assert array(stage).get_luns(nowhere) == []
    assert array(stage).get_lun_map(nowhere) == []
    assert not array(stage).destroy_lun(nowhere)
    with pytest.raises(Refusal):
        array(stage).map_lun(nowhere, "ganeti", 1)
    with pytest.raises(NoSuchIgroup):
        make(stage)
        array(stage).map_lun(lun(stage), "nobody", 1)


@pytest.mark.parametrize("name", ["v", "6b59051c-cb68.ext.disk0", "a_2d", "a-", "a_2D.b"])
def test_names_are_kept_apart(stage: Stage, name: str) -> None:
    place = array(stage).place("vol1", name)
    again = array(stage).recall(place.path, "x")
    assert (again.name, again.pool, again.path) == (name, place.pool, place.path)
