"""API = "auto": the filer's APIs come and go while a volume is in use."""

from __future__ import annotations

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from tests.contract.conftest import MakeNode
from tests.simulator.faults import Fault, is_rest
from tests.simulator.process import Simulator
from tests.testbed.node import Node, read, write

VARIABLES = {
    "VOL_NAME": "v",
    "VOL_UUID": "u-1",
    "EXTP_PROVIDER": "dataontap",
    "EXTP_ACCESS": "kernelspace",
    "VOL_SIZE": "16",
    "VOL_NEW_SIZE": "24",
    "VOL_OPEN_EXCLUSIVE": "True",
    "VOL_SNAPSHOT_NAME": "v.snap",
    "VOL_SNAPSHOT_SIZE": "24",
}
DEVICE = "/run/disk/127.0.0.1/vol1/v"
NOTE = "state/api"
# The probe of REST.
PROBE = ["GET /svm/svms", "GET /cluster"]


class Scene:
    """A node with API = "auto", and what its verbs ask the filer."""

    def __init__(self, node: Node, simulator: Simulator) -> None:
        self.node, self.simulator = node, simulator

    def run(self, verb: str, **variables: str) -> list[str]:
        """Run a verb, which must succeed; returns the calls that reached the filer."""
        before = len(self.simulator.requests())
        outcome = self.node.script(verb, **{**VARIABLES, "VOL_METADATA": "text", **variables})
        assert outcome.status == 0, outcome.stderr
        return [str(request.api) for request in self.simulator.requests()[before:]]

    @property
    def works(self) -> str:
        """The API that the node has noted."""
        return (self.node.directory / NOTE).read_text(encoding="ascii").split()[0]

    def data(self) -> bytes:
        return read(self.node, DEVICE, 4096, 5)


@pytest.fixture
def scene(make_node: MakeNode, simulator: Simulator) -> Scene:
    return Scene(make_node(API="auto"), simulator)


@pytest.mark.parametrize("gone", ["suspended", "off"])
def test_an_attached_volume_moves_to_rest_and_back(scene: Scene, admin: CmodeClient, gone: str) -> None:
    node, control = scene.node, scene.simulator.control
    control.serve(rest=False)
    assert not any(is_rest(call) for call in scene.run("create"))
    scene.run("setinfo")
    scene.run("attach")
    write(node, DEVICE, 4096, b"hello")
    assert scene.works == "zapi"

    control.serve(rest=True, zapi=gone)
    calls = scene.run("setinfo", VOL_METADATA="over REST")
    assert [call for call in calls if is_rest(call)][:2] == PROBE
    assert scene.works == "rest"
    assert (scene.run("attach"), scene.data()) == ([], b"hello")
    for verb in ("grow", "snapshot", "close", "open", "detach", "attach", "setinfo"):
        calls = scene.run(verb)
        assert all(is_rest(call) for call in calls), "ZAPI is not tried with every verb"
        assert not {*PROBE} & {*calls}
    assert scene.data() == b"hello"

    control.serve(rest=False, zapi="on")
    assert not any(is_rest(call) for call in scene.run("setinfo", VOL_METADATA="over ZAPI")[1:])
    assert scene.works == "zapi"
    (lun,) = admin.get_lun_by_args(path="/vol/vol1/v")
    assert lun.comment.startswith("over ZAPI dataontap:2:cluster.example:u-1:disk:")
    scene.run("detach")
    scene.run("attach")
    assert scene.data() == b"hello"
    scene.run("remove", VOL_NAME="v.snap")
    scene.run("remove")
    assert admin.get_lun_by_args(path="/vol/*") == []


def test_a_probe_that_is_refused_is_not_repeated(scene: Scene) -> None:
    """A filer locks an account that it refused often. A changed configuration is worth another try."""
    node, control = scene.node, scene.simulator.control
    with control.armed_with(Fault("status", api=PROBE[0], status=401, times=None)):
        assert not any(is_rest(call) for call in scene.run("create")[1:])
        scene.run("setinfo")
        control.serve(zapi="suspended")
        outcome = node.script("setinfo", **VARIABLES, VOL_METADATA="text")
        assert "system services web ontapi modify -suspended false" in outcome.message
        assert [struck for _, struck in control.armed()] == [1]
    node.configure(API="auto")
    scene.run("setinfo")
    assert scene.works == "rest"
