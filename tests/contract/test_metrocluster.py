"""A MetroCluster's switchover: the SVM is called NAME-mc, and is the same. Takeovers in the middle of verbs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.conftest import MakeNode
from tests.contract.test_connection import VARIABLES
from tests.simulator.faults import Fault
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.calls import spelled
from tests.testbed.node import Node, Outcome

SNAPSHOT = {"VOL_SNAPSHOT_SIZE": "24"}
# A whole life: each verb asks the filer, because of DEBUG.
LIFE = ("attach", "open", "setinfo", "grow", "snapshot", "close", "detach", "remove", "create")


def passed(node: Node, verb: str) -> Outcome:
    outcome = node.script(verb, **{**VARIABLES, **SNAPSHOT})
    assert outcome.status == 0, outcome.stderr
    return outcome


@pytest.fixture
def node(make_node: MakeNode) -> Node:
    """A node with the volume, that was looked at with verify."""
    node = make_node(DEBUG=True)
    passed(node, "create")
    assert node.script("verify", "connection").status == 0
    node.run("rm", "/run/ganeti-extstorage-dataontap/new/v").wait()  # as if its creation were long ago
    return node


def calls(node: Node, simulator: Simulator, verb: str) -> list[str]:
    """The calls of a verb that passed."""
    before = len(simulator.requests())
    passed(node, verb)
    return [str(call.api) for call in simulator.requests()[before:]]


def remove_copy(node: Node) -> None:
    """Remove the snapshot that a life has left."""
    assert node.script("remove", **{**VARIABLES, "VOL_NAME": "v.snap"}).status == 0


def test_a_life_at_either_site(node: Node, simulator: Simulator) -> None:
    """Over REST no verb makes another request. Over ZAPI the first one asks for the SVM's name."""
    for _ in range(2):  # the volume of the fixture had no tag with its serial number
        usual = {verb: calls(node, simulator, verb) for verb in LIFE}
        remove_copy(node)
    found = spelled("vserver-get-iter", node.api)
    for back in (False, True):
        simulator.control.switch_over(back=back)
        moved = {verb: calls(node, simulator, verb) for verb in LIFE}
        remove_copy(node)
        if node.api == "zapi":
            first = usual["attach"][0]
            assert moved["attach"] == [first, found, *usual["attach"]]
            moved["attach"] = usual["attach"]
        assert moved == usual


def test_several_addresses(node: Node, simulator: Simulator) -> None:
    """They are compared by the SVM's uuid, which each is asked for once a day."""
    node.configure(HOSTNAME=("127.0.0.1", "127.0.0.12"))
    for back in (True, False, True):
        simulator.control.switch_over(back=back)
        node.run("rm", "-rf", "/run/ganeti-extstorage-dataontap/address-svm").wait()
        passed(node, "setinfo")


def test_an_svm_that_nothing_is_noted_of(make_node: MakeNode, simulator: Simulator) -> None:
    node = make_node()
    simulator.control.switch_over()
    for verb in ("attach", "create"):
        outcome = node.script(verb, **VARIABLES)
        assert outcome.message == (
            f"dataontap: {verb} v: the filer has no SVM 'svm1'; there is 'svm1-mc', not known to be the same: "
            "if it is, set CLUSTER_MODE_VSERVER to it"
        )
    node.configure(CLUSTER_MODE_VSERVER="svm1-mc")
    passed(node, "create")
    simulator.control.switch_over(back=True)
    if node.api == "rest":  # over ZAPI only verify notes the uuid
        passed(node, "remove")


def test_another_svm_of_this_name(node: Node, simulator: Simulator) -> None:
    """The note is of an SVM that the filer does not have: NAME-mc is not taken for it."""
    noted(node).write_text("01234567-89ab-cdef-0123-456789abcdef")
    simulator.control.switch_over()
    outcome = node.script("remove", **VARIABLES)
    assert (outcome.status, "there is 'svm1-mc', not known to be the same" in outcome.message) == (1, True)


def test_an_svm_that_was_made_anew(node: Node, simulator: Simulator) -> None:
    """It has the configured name and another uuid. Over REST one verb fails, which could not know that."""
    noted(node).write_text("01234567-89ab-cdef-0123-456789abcdef")
    if node.api == "rest":
        outcome = node.script("remove", **VARIABLES)
        assert "the filer has no SVM 'svm1'; if CLUSTER_MODE_VSERVER is right, try again" in outcome.message
    passed(node, "remove")
    passed(node, "create")


def noted(node: Node) -> Path:
    """The note of the SVM's uuid."""
    (file,) = (node.directory / "state/svm").iterdir()
    return file


# A verb of each kind, and the call in whose answer the filer's node is taken over.
TAKEOVERS = [
    ("create", "lun-create-by-size"),
    ("create", "lun-map"),
    ("attach", "lun-get-iter"),
    ("attach", "lun-map-get-iter"),
    ("setinfo", "lun-set-comment"),
    ("grow", "lun-resize"),
    ("snapshot", "clone-create"),
    ("remove", "lun-unmap"),
    ("remove", "lun-destroy"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("verb", "call"), TAKEOVERS)
def test_a_takeover_in_the_middle_of_a_verb(
    node: Node, simulator: Simulator, verb: str, call: str, *, after: bool
) -> None:
    """Of which the filer has carried out the call, or not. Nothing is lost or left behind."""
    if verb == "create":
        passed(node, "remove")
    fault = Fault("takeover", api=spelled(call, node.api), after=after, seconds=1)
    with simulator.control.armed_with(fault):
        passed(node, verb)
        ((_, struck),) = simulator.control.armed()
        assert struck == 1
    with filer.admin(simulator) as admin:
        luns = {lun.name: lun.size for lun in admin.get_lun_list()}
    expected = {"remove": set(), "snapshot": {"v", "v.snap"}}.get(verb, {"v"})
    assert {*luns} == expected
    assert verb != "grow" or luns["v"] >= 24 << 20


def test_a_giveback_and_a_switchover_in_a_verb(node: Node, simulator: Simulator) -> None:
    """A verb waits for a busy filer while nodes and sites come and go."""
    busy = Fault("takeover", api=spelled("lun-set-comment", node.api), seconds=3)
    with simulator.control.armed_with(busy):
        child = node.start_script("setinfo", **VARIABLES)
        while not [fault for fault, struck in simulator.control.armed() if struck]:
            assert child.poll() is None
        simulator.control.serve(taken_over="cluster1-01")
        simulator.control.serve(taken_over="")
        simulator.control.switch_over()
        _, stderr = child.communicate()
    assert child.returncode == 0, stderr
