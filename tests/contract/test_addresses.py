"""HOSTNAME with several addresses of one filer: what one that is down costs, and what is never tried."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dataontap.client.transport import CONNECT_SECONDS
from tests.contract.conftest import MakeNode
from tests.contract.test_connection import VARIABLES, VOLUME
from tests.simulator.faults import Fault
from tests.simulator.process import Simulator
from tests.testbed.calls import spelled
from tests.testbed.node import Node, Outcome

# The simulator's address, and others of its certificate's where nobody listens.
GOOD, DOWN, OTHER = "127.0.0.1", "127.0.0.12", "127.0.0.11"
STATES = ("silent", "refuses")
VERBS = ("setinfo", "grow", "attach")
ATTEMPTS = 5


@contextlib.contextmanager
def nobody(state: str, address: str, port: int) -> Iterator[None]:
    """At this place a full queue answers no SYN, as an address where nobody is, or the kernel refuses."""
    with contextlib.ExitStack() as sockets:
        if state == "silent":
            server = sockets.enter_context(socket.create_server((address, port), backlog=0))
            for _ in range(3):
                waiting = sockets.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(server.getsockname())
        yield


def passed(node: Node, verb: str, variables: Mapping[str, str] = VARIABLES) -> Outcome:
    outcome = node.script(verb, **variables)
    assert outcome.status == 0, outcome.stderr
    return outcome


def quickest(node: Node, verb: str, *hostnames: object) -> list[float]:
    """The least seconds of the verb by each configuration, in turns: the machine does other things, too."""
    seconds: dict[object, list[float]] = {}
    for hostname in hostnames * ATTEMPTS:
        node.configure(HOSTNAME=hostname, DEBUG=True)
        seconds.setdefault(hostname, []).append(passed(node, verb).seconds)
    return [min(seconds[hostname]) for hostname in hostnames]


def first_time(node: Node, verb: str) -> float:
    """The least seconds of the verb when nothing is noted of the addresses."""
    seconds = []
    for _ in range(2):
        node.run("sh", "-c", "rm -rf /run/ganeti-extstorage-dataontap/address*").wait()
        seconds.append(passed(node, verb).seconds)
    return min(seconds)


@pytest.fixture
def node(make_node: MakeNode) -> Node:
    """A node that has made the volume, by a configuration with one address."""
    node = make_node()
    passed(node, "create")
    return node


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", VERBS)
def test_what_an_address_that_is_down_costs(node: Node, simulator: Simulator, state: str, verb: str) -> None:
    with nobody(state, DOWN, simulator.port):
        node.configure(HOSTNAME=(GOOD, DOWN), DEBUG=True)  # so that attach asks the filer each time
        first_of_healthy = first_time(node, verb)
        node.configure(HOSTNAME=(DOWN, GOOD), DEBUG=True)
        first = first_time(node, verb)
        healthy, later = quickest(node, verb, (GOOD, DOWN), (DOWN, GOOD))
    print(f"{verb}: {state}: {healthy:.2f} s healthy, {first:.2f} s the first, {later:.2f} s the next ones")
    assert first - first_of_healthy < (CONNECT_SECONDS if state == "silent" else 0) + 1
    assert later - healthy < 0.2


def test_the_second_address_costs_nothing_while_the_first_one_answers(node: Node, simulator: Simulator) -> None:
    with nobody("silent", DOWN, simulator.port):
        alone, together = quickest(node, "setinfo", GOOD, (GOOD, DOWN))
    print(f"setinfo: one address {alone:.2f} s, a second one that is silent {together:.2f} s")
    assert together - alone < 0.2
    assert "trying" not in node.log()


def test_the_filer_is_asked_for_its_svm_once(node: Node, simulator: Simulator) -> None:
    """By each address that is used; with one address nobody is asked, and nothing is noted."""
    asked = spelled("vserver-get-iter", node.api)
    before = len(simulator.requests())
    passed(node, "setinfo")
    alone = [call.api for call in simulator.requests()[before:]]
    assert asked not in alone
    assert noted(node) == set()
    for expected in ([asked, *alone], alone):
        before = len(simulator.requests())
        node.configure(HOSTNAME=(DOWN, GOOD))
        passed(node, "setinfo")
        calls = simulator.requests()[before:]
        assert [call.api for call in calls] == expected
        assert len({call.connection for call in calls}) == 1
    assert noted(node) == {"address", "address-silent", "address-svm"}


def noted(node: Node) -> set[str]:
    """The kinds of notes about addresses on the node."""
    return {path.name for path in node.path("/run/ganeti-extstorage-dataontap").glob("address*")}


def test_names_are_those_of_the_first_address(node: Node, simulator: Simulator) -> None:
    """Also while another address is in use."""
    node.configure(HOSTNAME=(GOOD, OTHER))
    simulator.stop()
    with Simulator(simulator.state, address=OTHER, port=simulator.port):
        assert passed(node, "attach").stdout == f"/run/disk/{GOOD}/vol1/v\n"
        passed(node, "detach")
        passed(node, "remove")
    simulator.start()


def test_a_lost_answer_may_be_asked_for_at_another_address(node: Node, simulator: Simulator) -> None:
    """The connection was open, and breaks in the middle of a verb."""
    node.configure(HOSTNAME=(GOOD, DOWN))
    call = spelled("lun-get-iter", node.api)
    with simulator.control.armed_with(Fault("reset", api=call)):
        passed(node, "setinfo")


def test_none_answers(node: Node, simulator: Simulator) -> None:
    node.configure(HOSTNAME=(DOWN, OTHER))
    outcome = node.script("attach", **{**VOLUME, "VOL_NAME": "w"})
    assert outcome.message == (
        f"dataontap: attach w: {DOWN}:{simulator.port} refused the connection; check HOSTNAME and PORT; "
        "HOSTNAME's others fail, too"
    )
    assert f"{OTHER}:{simulator.port} refused the connection" in node.log()


def test_a_wrong_certificate_is_told_and_gets_no_password(
    node: Node, simulator: Simulator, tmp_path: Path
) -> None:
    """Of another CA: the next address serves, and the log has a warning each time that the first one is met."""
    with Simulator(tmp_path / "elsewhere", address=DOWN, port=simulator.port) as elsewhere:
        for _ in range(2):
            node.configure(HOSTNAME=(DOWN, GOOD))
            passed(node, "setinfo")
            assert elsewhere.requests() == []
            forget(node, "address")
        told = f"{DOWN}:{simulator.port}'s certificate is from a CA not in CA_FILE"
        assert node.log().count(f"{told}; put the CA's certificate into CA_FILE; trying HOSTNAME's other") == 2
        node.configure(HOSTNAME=(OTHER, DOWN))
        assert told in node.script("setinfo", **VARIABLES).message
        assert elsewhere.requests() == []


def forget(node: Node, kind: str) -> None:
    """Remove notes of this kind from the node."""
    node.run("rm", "-r", f"/run/ganeti-extstorage-dataontap/{kind}").wait()


def test_two_filers_are_refused(node: Node, simulator: Simulator, tmp_path: Path) -> None:
    with Simulator(tmp_path / "elsewhere", address=DOWN, port=simulator.port) as elsewhere:
        both = tmp_path / "both.pem"
        both.write_text(simulator.ca.read_text() + elsewhere.ca.read_text())
        node.configure(HOSTNAME=(GOOD, DOWN), CA_FILE=str(both))
        passed(node, "setinfo")
        simulator.stop()
        outcome = node.script("setinfo", **VARIABLES)
        asked = [call.api for call in elsewhere.requests()]
    simulator.start()
    assert outcome.message == (
        f"dataontap: setinfo v: HOSTNAME: {GOOD} and {DOWN} are two filers (by SVM uuid); remove one"
    )
    assert asked == [spelled("vserver-get-iter", node.api)], "and nothing else"


def test_an_account_of_the_svm_and_an_address_of_the_cluster(tmp_path: Path, make_node: MakeNode) -> None:
    """The password is tried once: after a few refusals a filer locks the account."""
    with socket.create_server((GOOD, 0)) as free:
        port = free.getsockname()[1]
    options = ("--account", "svm1/v:secret", "--svm-listen", f"svm1={OTHER}:{port}")
    with Simulator(tmp_path / "mixed", *options, port=port) as mixed:
        node = make_node(filer=mixed, HOSTNAME=(GOOD, OTHER), LOGIN="v")
        outcome = node.script("attach", **VOLUME)
        refused = mixed.requests()
        node.configure(HOSTNAME=(OTHER, GOOD), LOGIN="v")
        assert "there is no LUN" in node.script("attach", **VOLUME).message
    assert outcome.message == (
        f"dataontap: attach v: {GOOD}:{port} does not accept LOGIN 'v' (status 401); an SVM's account works at "
        "the SVM's interfaces only"
    )
    assert [call.http for call in refused] == [401]


def told(node: Node) -> list[str]:
    """The lines of verify about the addresses."""
    return node.script("verify", "connection").stdout.splitlines()


def test_verify_looks_at_each_address(node: Node, simulator: Simulator, tmp_path: Path) -> None:
    port = simulator.port
    assert told(node) == ["connection: fine"]
    with Simulator(tmp_path / "elsewhere", address=OTHER, port=port) as elsewhere:
        node.configure(HOSTNAME=(DOWN, OTHER, GOOD))
        passed(node, "setinfo")
        assert told(node) == [
            f"connection: fine: {GOOD}:{port} is used",
            f"connection: warning: {DOWN}:{port} refused the connection; check HOSTNAME and PORT",
            f"connection: warning: {OTHER}:{port}'s certificate is from a CA not in CA_FILE; "
            "put the CA's certificate into CA_FILE",
        ]
        assert elsewhere.requests() == []
        both = tmp_path / "both.pem"
        both.write_text(simulator.ca.read_text() + elsewhere.ca.read_text())
        node.configure(HOSTNAME=(DOWN, OTHER, GOOD), CA_FILE=str(both))
        outcome = node.script("verify", "connection")
        assert outcome.status == 1
        assert outcome.message == (
            f"dataontap: verify: connection: HOSTNAME: {GOOD} and {OTHER} are two filers (by SVM uuid); remove one"
        )
    assert told(node)[0] == f"connection: fine: {GOOD}:{port} is used", "looking at others does not change that"


def test_verify_tells_of_an_address_that_serves_again(tmp_path: Path, make_node: MakeNode) -> None:
    """Two addresses of one SVM. Then one of the cluster's beside them, where the password is tried once."""
    with socket.create_server((GOOD, 0)) as free:
        port = free.getsockname()[1]
    options = ("--account", "svm1/v:secret", *(f"--svm-listen=svm1={each}:{port}" for each in (DOWN, OTHER)))
    with Simulator(tmp_path / "svm", *options, port=port) as svm:
        node = make_node(filer=svm, HOSTNAME=(OTHER, DOWN), LOGIN="v")
        assert told(node) == [
            f"connection: fine: {OTHER}:{port} is used",
            f"connection: fine: {DOWN}:{port} works, too",
        ]
        notes = sorted(node.path("/run/ganeti-extstorage-dataontap/address-svm").iterdir())
        uuid = notes[0].read_text()
        for note in notes:
            note.write_text("of an SVM that was made anew")
        told(node)
        assert [note.read_text() for note in notes] == [uuid, uuid]
        node.configure(HOSTNAME=(OTHER, GOOD, DOWN), LOGIN="v")
        before = len(svm.requests())
        assert told(node) == [
            f"connection: fine: {OTHER}:{port} is used",
            f"connection: FAILED: {GOOD}:{port} does not accept LOGIN 'v' (status 401); "
            "an SVM's account works at the SVM's interfaces only",
        ]
        assert [call.http for call in svm.requests()[before:]].count(401) == 1
