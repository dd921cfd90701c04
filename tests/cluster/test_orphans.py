"""Ganeti forgets a volume whose creation breaks off: its LUN goes with it, or is at least named afterwards."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import partial

import pytest

from dataontap import config
from dataontap.errors import VolumeError
from dataontap.ganeti import ssconf
from dataontap.volume.orphans import Orphans
from tests.cluster.conftest import AddInstance, Make
from tests.simulator.faults import Fault
from tests.testbed.calls import spelled, told
from tests.testbed.cluster import PER_NODE, Cluster, Node
from tests.testbed.recorder import PACKAGED, recorded

_SETTINGS = 'HOSTNAME = "filer"\nLOGIN = "admin"\nPASSWORD = "secret"\nPOOL = "vol1"\n'
# The account may not note Ganeti's text, ever; or maps cannot be listed.
_NO_COMMENTS = Fault("errno", api="lun-set-comment", errno="13003", reason="injected", times=None)
_NO_MAPS = Fault("errno", api="lun-map-get-iter", errno="13001", reason="injected")


def over(cluster: Cluster, fault: Fault) -> Fault:
    """The fault at the same call over the cluster's API."""
    return replace(fault, api=spelled(fault.api or "", cluster.api))


@pytest.mark.parametrize(
    ("script", "disk", "fault"),
    [
        ("open", 0, replace(_NO_MAPS, nth=2)),
        ("setinfo", 0, _NO_COMMENTS),
        ("setinfo", 1, replace(_NO_COMMENTS, nth=2)),
    ],
    ids=lambda value: None if isinstance(value, Fault) else str(value),
)
def test_add_whose_last_scripts_the_filer_refuses(
    cluster: Cluster, make: Make, script: str, disk: int, fault: Fault
) -> None:
    """Of the first disk or of the second of three, when each has its device already."""
    message = rf"{script} \S+\.disk{disk}: {told(fault.api or '', cluster.api)} failed: injected"
    with cluster.masking(PER_NODE), cluster.control.armed_with(over(cluster, fault)):
        with pytest.raises(AssertionError, match=message):
            make().add(cluster.nodes[1], "16M", "16M", "16M")
        assert [struck > 0 for _, struck in cluster.control.armed()] == [True]
    assert cluster.leftovers() == []


def test_add_whose_attach_the_filer_refuses(cluster: Cluster, add: AddInstance) -> None:
    """attach asks, because commands are configured; the device is here and proven, so that no answer is needed."""
    with cluster.masking(PER_NODE):
        with cluster.control.armed_with(over(cluster, _NO_MAPS)):
            instance = add("16M")
            assert [struck > 0 for _, struck in cluster.control.armed()] == [True]
        instance.do("remove", "-f")  # as long as its LUN's group is one of IGROUP's


@pytest.mark.parametrize("verb", ["attach", "open", "setinfo"])
def test_add_whose_script_does_not_run(
    cluster: Cluster, node2: Node, add: AddInstance, make: Make, verb: str
) -> None:
    """Killed before it has done anything, say: nobody can take the LUN away then. ``verify orphans`` names it, and
    not what Ganeti knows.
    """
    add("16M", "16M")
    with (
        recorded(cluster) as recorder,
        recorder.failing(node2, verb),
        pytest.raises(AssertionError, match="made to fail by a test"),
    ):
        make().add(node2, "16M")
    ganeti = ssconf.Cluster(str(cluster.master.path("/var/lib/ganeti")), is_own=lambda _: True)
    (lost,) = set(cluster.luns()) - set(ganeti.volumes())
    path = cluster.luns()[lost].path
    said = cluster.master.run(f"{PACKAGED}/verify", "orphans").stdout
    assert said == "orphans: fine\n", "it could be in the making"
    with cluster.admin() as admin:
        settings = config.parse(_SETTINGS, "settings")
        orphans = partial(Orphans, admin, settings, ganeti)
        orphans().check()
        with pytest.raises(VolumeError, match=f"knows no disk for {re.escape(path)};"):
            orphans(clock=lambda: time.time() + 90000).check()
    # What the man page says.
    cluster.gnt("cluster", "command", f"python3 -I -m dataontap.cleanup {lost}")
    cluster.master.run("env", f"VOL_NAME={lost}", "EXTP_POOL=vol1", f"{PACKAGED}/remove")
    assert lost not in cluster.luns()
