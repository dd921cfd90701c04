"""LUNs that Ganeti knows nothing of, as the filer and Ganeti's configuration tell together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import pytest

from dataontap.errors import HostError, OntapError, VolumeError
from dataontap.ganeti.ssconf import Cluster
from dataontap.volume.orphans import Orphans
from tests.simulator import copies
from tests.unit.stage import Stage

HOUR = 3600
OURS = "dataontap:1:cluster.example:u-1"


def disk(*logical_id: object, dev_type: str = "ext") -> dict[str, object]:
    return {"dev_type": dev_type, "logical_id": list(logical_id), "uuid": "u", "children": []}


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """With the configuration of a cluster that has volumes a and b of ours, and some that are not."""
    disks = {
        "u-1": disk("dataontap", "a"),
        "u-2": {**disk("dataontap", "b"), "params": {"provider": "dataontap", "pool": "vol2"}},
        "u-3": disk("other", "c"),
        "u-4": disk("xenvg", "d", dev_type="plain"),
    }
    (tmp_path / "ssconf_cluster_name").write_text("cluster.example\n")
    (tmp_path / "ssconf_master_ip").write_text("192.0.2.9\n")
    (tmp_path / "config.data").write_text(json.dumps({"cluster": {}, "disks": disks}), encoding="ascii")
    return str(tmp_path)


def ganeti(directory: str, *, is_master: bool = True) -> Cluster:
    """What this node knows of the cluster."""
    return Cluster(directory, is_own=lambda address: is_master)


def make(stage: Stage, name: str, comment: str) -> None:
    stage.ask("lun-create-by-size", {"path": f"/vol/{name}", "size": 64 << 20, "comment": comment})


def orphans(stage: Stage, directory: str, *, later: float) -> Orphans:
    """As seen so many seconds after the LUN vol2/b was made."""
    now = stage.filer.luns["svm1", "/vol/vol2/b"].created + later
    return Orphans(
        stage.client,
        stage.settings,
        ganeti(directory),
        clock=lambda: now,
    )


@pytest.fixture
def stocked(stage: Stage) -> Stage:
    """A filer with LUNs that Ganeti knows, and others that are none of its cluster's."""
    make(stage, "vol1/a", f"originstname+a {OURS}:disk")
    make(stage, "vol2/b", f"{OURS}:disk")
    make(stage, "vol1/elsewhere", "dataontap:1:other.example:u-9:disk")
    make(stage, "vol1/longer", "dataontap:1:cluster.example.org:u-9:disk")
    make(stage, "vol1/untagged", "originstname+a")
    make(stage, "vol1/told", f"{OURS}:disk is what its comment begins with")
    return stage


def test_the_volumes_that_ganeti_knows(directory: str) -> None:
    assert ganeti(directory).volumes() == {"a": None, "b": "vol2"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"disks": []}', '{"disks": {"u": {"dev_type": "ext"}}}'])
def test_a_configuration_that_cannot_be_read(directory: str, text: str) -> None:
    """Not one LUN is an orphan for that."""
    Path(directory, "config.data").write_text(text, encoding="ascii")
    with pytest.raises(HostError, match="config.data cannot be read: "):
        ganeti(directory).volumes()


def test_another_node_than_the_master(directory: str) -> None:
    """A candidate has a configuration, too, and it may be an old one."""
    with pytest.raises(HostError, match="master address is not on this node; run it on the master"):
        ganeti(directory, is_master=False).volumes()


def test_all_is_known(stocked: Stage, directory: str) -> None:
    orphans(stocked, directory, later=1e9).check()


def test_what_is_not(stocked: Stage, directory: str) -> None:
    make(stocked, "vol2/lost", f"originstname+x {OURS}:disk")
    make(stocked, "vol1/lost", f"{OURS}:disk")
    with pytest.raises(VolumeError, match="knows no disk for /vol/vol1/lost, /vol/vol2/lost; see the man page"):
        orphans(stocked, directory, later=25 * HOUR).check()


def test_one_that_is_being_made(stocked: Stage, directory: str) -> None:
    make(stocked, "vol1/new", f"{OURS}:disk")
    orphans(stocked, directory, later=23 * HOUR).check()


@pytest.mark.parametrize("copy", [copies.flexclone, copies.mirror], ids=["FlexClone", "mirror"])
def test_copies_of_the_pool(stocked: Stage, directory: str, copy: Callable[..., None]) -> None:
    """What is removed from the pool is in them still, tag and all, and is theirs."""
    make(stocked, "vol1/lost", f"{OURS}:disk")
    copy(stocked.ask, "vol1", "copy")
    stocked.ask("lun-destroy", {"path": "/vol/vol1/lost"})
    orphans(stocked, directory, later=25 * HOUR).check()


def test_a_snapshot(stocked: Stage, directory: str) -> None:
    make(stocked, "vol1/a.snap", f"{OURS}:snap")
    orphans(stocked, directory, later=23 * HOUR).check()
    with pytest.raises(VolumeError, match="for /vol/vol1/a.snap;"):
        orphans(stocked, directory, later=25 * HOUR).check()


def mark(stage: Stage, name: str) -> None:
    """Give the LUN a tag with its own serial number."""
    path = f"/vol/{name}"
    stage.ask("lun-set-comment", {"path": path, "comment": stage.tag(path)})


@pytest.mark.parametrize(
    "comment", ["", "originstname+b", f"{OURS}:disk", "dataontap:2:cluster.example:u-1:disk:-"]
)
def test_a_lun_outside_its_disks_pool(stocked: Stage, directory: str, comment: str) -> None:
    """Such a one is not found once its instance is stopped, unless its tag has its serial number."""
    make(stocked, "vol1/b", comment)
    with pytest.raises(VolumeError, match="^not in its disk's pool: /vol/vol1/b; see the man page, UPGRADING"):
        orphans(stocked, directory, later=0).check()
    mark(stocked, "vol1/b")
    orphans(stocked, directory, later=0).check()


def test_one_in_a_volume_that_is_not_searched(stocked: Stage, directory: str) -> None:
    make(stocked, "vol1/b", "")
    stocked.options.update(POOL="vol2", POOL_NAME_SEARCH_PATTERN="vol2")
    orphans(stocked, directory, later=1e9).check()


def test_copies_are_named(stocked: Stage, directory: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also those of a volume that is gone; they are whoever's who made them."""
    make(stocked, "vol1/lost", "")
    for name in ("vol1/a", "vol1/lost"):
        mark(stocked, name)
        copies.lun_copy(stocked.ask, f"/vol/{name}", f"/vol/{name.replace('vol1', 'vol2')}")
    stocked.ask("lun-destroy", {"path": "/vol/vol1/lost"})
    orphans(stocked, directory, later=1e9).check()
    for path in ("/vol/vol2/a", "/vol/vol2/lost"):
        assert f"{path} is a copy: its tag was written for another LUN" in caplog.text


def test_a_list_that_lacks_a_volume(stocked: Stage, directory: str) -> None:
    stocked.wire.lack("lun-get-iter", "vol1", "Volume is offline")
    with pytest.raises(OntapError, match="vol1 .*Volume is offline .*; cannot tell whether it has orphans"):
        orphans(stocked, directory, later=1e9).check()


def test_a_machine_in_no_cluster(stage: Stage, directory: str) -> None:
    """The tag of such machines tells nothing of who made the LUN."""
    Path(directory, "ssconf_cluster_name").unlink()
    with pytest.raises(HostError, match="in no Ganeti cluster"):
        Orphans(stage.client, stage.settings, ganeti(directory)).check()
