"""The hooks as Ganeti runs them, on nodes of the test-bed.

No Ganeti daemon runs here: the environment is one that Ganeti 3.0.2 made, and gnt-cluster is a stand-in that goes
to the test-bed's nodes. The cluster level is to run the real ones.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from dataontap.ganeti.hooks import HOOKS
from tests.contract.conftest import MakeNode
from tests.simulator.faults import Fault
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.calls import spelled
from tests.testbed.hook_calls import CALLS, NAME, OTHER, OTHER_UUID, SECOND_DISK, UUID
from tests.testbed.node import Node, Outcome
from tests.testbed.product import Product
from tests.testbed.quick import Quick
from tests.testbed.starter import starter

PATH = f"/vol/vol1/{NAME}"
LINK = f"/run/disk/127.0.0.1/vol1/{NAME}"
OTHER_LINK = f"/run/disk/127.0.0.1/vol1/{OTHER}"

# Says what "gnt-cluster command --failure-only" of 3.0.2 says, and notes what it was called with. A node without
# a process is one that is down.
GNT_CLUSTER = """#!/usr/bin/python3
import json, subprocess, sys
with open({notes!r}, "a") as notes:
    print(json.dumps(sys.argv[1:]), file=notes)
for name, pid in {nodes!r}.items():
    ssh = ["nsenter", "--target", pid, "--mount", "--uts", "--wd=/root", "--", "sh", "-c", " ".join(sys.argv[3:])]
    if not pid:
        ssh = ["sh", "-c", "echo ssh: connect to host port 22: No route to host; exit 255"]
    pipes = {{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}}
    done = subprocess.run(ssh, env={environ!r}, text=True, **pipes)
    if done.returncode:
        print("-" * 48, "node: " + name, done.stdout, "return code = %s" % done.returncode, sep="\\n")
"""

RunHook = Callable[..., Outcome]


@pytest.fixture
def hook(installed: Product) -> RunHook:
    """Runs a hook on a node, in the environment that Ganeti gives it, with changes to that."""

    def run(node: Node, name: str, *arguments: str, **variables: str) -> Outcome:
        started = Quick(node, installed, starter(installed))
        return started.hook(name, {**CALLS[name], **variables}, *arguments)

    return run


@pytest.fixture
def nodes(make_node: MakeNode) -> tuple[Node, Node]:
    """node1, the master, and node2."""
    pair = (make_node("node1"), make_node("node2"))
    for node in pair:
        (node.directory / "lib-ganeti/ssconf_node_list").write_text("node1.example\nnode2.example\n")
    return pair


class Cluster:
    """The stand-in for gnt-cluster on one node: where it may go, and what it was told."""

    def __init__(self, directory: Path, master: Node) -> None:
        self._directory = directory
        self._notes = directory.with_suffix(".json")
        directory.mkdir()
        # Only this node sees it. It is the first directory in the path that we give programs.
        assert master.run("mount", "--bind", str(directory), "/usr/local/sbin").wait() == 0

    def consists_of(self, nodes: Mapping[str, Node | None]) -> None:
        """Put the stand-in in place; None is a node that is down."""
        text = GNT_CLUSTER.format(
            notes=str(self._notes),
            nodes={name: node.path("/").parts[2] if node else "" for name, node in nodes.items()},
            environ={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        )
        program = self._directory / "gnt-cluster"
        program.write_text(text)
        program.chmod(0o755)

    def commands(self) -> list[list[str]]:
        """The arguments of each call."""
        return [json.loads(line) for line in self._notes.read_text().splitlines()] if self._notes.exists() else []


@pytest.fixture
def cluster(nodes: tuple[Node, Node], installed: Product, tmp_path: Path) -> Cluster:
    """The cluster of both nodes, as gnt-cluster on the master sees it."""
    for node in nodes:
        node.install_for_all(installed)
    cluster = Cluster(tmp_path / "sbin", nodes[0])
    cluster.consists_of({"node1.example": nodes[0], "node2.example": nodes[1]})
    return cluster


def create(node: Node, name: str = NAME, uuid: str = UUID) -> None:
    variables = {
        "VOL_NAME": name,
        "VOL_UUID": uuid,
        "VOL_SIZE": "16",
        "VOL_METADATA": "originstname+inst1.example",
    }
    for verb in ("create", "setinfo"):
        assert node.script(verb, **variables).status == 0


def attach(node: Node, name: str = NAME) -> None:
    assert node.script("attach", VOL_NAME=name).status == 0


def has(node: Node, link: str) -> bool:
    return node.path(link).is_symlink()


def node_command(node: Node, option: str) -> str:
    """The one command in a node's option, for a shell."""
    commands = node.defaults()[option]
    assert isinstance(commands, tuple)
    return " ".join(commands[0])


def luns(admin: CmodeClient) -> list[str]:
    return [lun.path for lun in admin.get_lun_by_args(path="/vol/*")]


def test_what_is_installed(installed: Product) -> None:
    files = {file.name: file.stat().st_mode & 0o777 for file in installed.hooks.iterdir()}
    assert files == dict.fromkeys(HOOKS, 0o755)


@pytest.mark.parametrize("name", HOOKS)
def test_help_and_stray_arguments(node: Node, hook: RunHook, name: str) -> None:
    for arguments, status in ((["-h"], 0), (["--help"], 0), (["stray"], 1)):
        outcome = hook(node, name, *arguments)
        assert (outcome.status, outcome.stdout) == (status, "")
        assert outcome.stderr.startswith(f"usage: {name} ")


@pytest.mark.parametrize("name", HOOKS)
def test_a_call_that_is_wrong(node: Node, hook: RunHook, name: str) -> None:
    outcome = hook(node, name, GANETI_INSTANCE_DISK_COUNT="some")
    assert outcome.stderr == (
        f"dataontap: {name} inst1.example: GANETI_INSTANCE_DISK_COUNT: 'some' is not a number of disks\n"
    )


@pytest.mark.parametrize("name", HOOKS)
def test_no_disk_of_ours_needs_no_configuration(nodes: tuple[Node, Node], hook: RunHook, name: str) -> None:
    for node in nodes:
        (node.directory / "etc-ganeti/extstorage-dataontap.conf").unlink()
        variables = {"GANETI_INSTANCE_DISK0_PROVIDER": "another", "GANETI_INSTANCE_DISK1_PROVIDER": "another"}
        outcome = hook(node, name, **variables)
        assert (outcome.status, outcome.stdout, outcome.stderr) == (0, "", "")


class TestMove:
    """pre-migrate and pre-failover."""

    @pytest.mark.parametrize("name", ["pre-migrate", "pre-failover"])
    def test_the_target_attaches_and_nobody_else(
        self, nodes: tuple[Node, Node], simulator: Simulator, hook: RunHook, name: str
    ) -> None:
        source, target = nodes
        create(source)
        source.fabric("clear")
        before = len(simulator.requests())
        assert hook(source, name).status == 0
        assert len(simulator.requests()) == before
        assert not has(source, LINK)
        outcome = hook(target, name)
        assert (outcome.status, outcome.stdout) == (0, ""), outcome.stderr
        assert has(target, LINK)

    @pytest.mark.parametrize("name", ["pre-migrate", "pre-failover"])
    def test_a_takeover_of_the_filer(
        self, nodes: tuple[Node, Node], simulator: Simulator, hook: RunHook, name: str
    ) -> None:
        source, target = nodes
        create(source)
        source.fabric("clear")
        takeover = Fault("takeover", api=spelled("lun-get-iter", target.api), seconds=1)
        with simulator.control.armed_with(takeover):
            outcome = hook(target, name)
            ((_, struck),) = simulator.control.armed()
        assert (outcome.status, outcome.stdout, struck) == (0, "", 1), outcome.stderr
        assert has(target, LINK)

    def test_the_filer_is_asked_about_a_device_on_record(
        self, nodes: tuple[Node, Node], simulator: Simulator, hook: RunHook
    ) -> None:
        source, target = nodes
        create(source)
        attach(target)
        before = len(simulator.requests())
        assert hook(target, "pre-migrate").status == 0
        assert spelled("lun-get-iter", target.api) in [request.api for request in simulator.requests()[before:]]

    def test_ganetis_name_of_the_node_is_its_addresss(self, nodes: tuple[Node, Node], hook: RunHook) -> None:
        """The machine calls itself node2, Ganeti calls it otherwise."""
        source, target = nodes
        create(source)
        text = "node1.example 192.0.2.1\nmachine7.example 127.0.0.1\n"
        (target.directory / "lib-ganeti/ssconf_node_primary_ips").write_text(text)
        assert hook(target, "pre-migrate").status == 0
        assert not has(target, LINK)
        assert hook(target, "pre-migrate", GANETI_NEW_PRIMARY="machine7.example").status == 0
        assert has(target, LINK)

    def test_the_filer_is_down_and_the_device_here(
        self, nodes: tuple[Node, Node], simulator: Simulator, hook: RunHook
    ) -> None:
        source, target = nodes
        create(source)
        attach(target)
        simulator.stop()
        target.configure(TIMEOUT=2)
        outcome = hook(target, "pre-migrate")
        assert outcome.status == 0, outcome.stderr
        assert f"{LINK} is here, but the filer cannot be asked about it" in outcome.stderr

    def test_the_filer_is_down_and_no_device_here(
        self, nodes: tuple[Node, Node], simulator: Simulator, hook: RunHook
    ) -> None:
        create(nodes[0])
        simulator.stop()
        nodes[1].configure(TIMEOUT=2)
        outcome = hook(nodes[1], "pre-migrate")
        assert outcome.status == 1
        assert outcome.message.startswith("dataontap: pre-migrate inst1.example: disk 0: ")

    def test_one_disk_fails_and_the_other_is_attached(self, nodes: tuple[Node, Node], hook: RunHook) -> None:
        create(nodes[0], OTHER, OTHER_UUID)
        outcome = hook(nodes[1], "pre-migrate", **SECOND_DISK)
        assert outcome.status == 1
        assert outcome.message == (
            "dataontap: pre-migrate inst1.example: disk 0: there is no LUN of this name; "
            "see POOL_NAME_SEARCH_PATTERN, CLUSTER_MODE_VSERVER"
        )
        assert has(nodes[1], OTHER_LINK)


class TestRemoval:
    """post-remove, and the cleanup that it has run on each node."""

    def test_devices_go_from_every_node_and_luns_that_ganeti_left(
        self, nodes: tuple[Node, Node], cluster: Cluster, admin: CmodeClient, hook: RunHook
    ) -> None:
        create(nodes[0])
        create(nodes[0], OTHER, OTHER_UUID)
        for node in nodes:
            attach(node)
        # Ganeti removed the second one by the book, on another node than the first.
        assert nodes[1].script("remove", VOL_NAME=OTHER).status == 0
        assert [has(node, link) for node in nodes for link in (LINK, OTHER_LINK)] == [True, True, True, False]

        outcome = hook(nodes[0], "post-remove")

        assert outcome.status == 0, outcome.stderr
        assert cluster.commands() == [
            ["command", "--failure-only", f"/usr/bin/python3 -I -m dataontap.cleanup {NAME} {OTHER}"]
        ]
        assert not any(has(node, link) for node in nodes for link in (LINK, OTHER_LINK))
        assert luns(admin) == []
        assert f"Ganeti left {PATH} behind; removing it" in nodes[0].log()

    @pytest.mark.parametrize("call", ["lun-get-iter", "lun-destroy"])
    def test_a_takeover_of_the_filer(
        self, nodes: tuple[Node, Node], cluster: Cluster, simulator: Simulator, hook: RunHook, call: str
    ) -> None:
        create(nodes[0])
        takeover = Fault("takeover", api=spelled(call, nodes[0].api), seconds=1)
        with simulator.control.armed_with(takeover):
            outcome = hook(nodes[0], "post-remove")
            ((_, struck),) = simulator.control.armed()
        assert (outcome.status, struck) == (0, 1), outcome.stderr
        with filer.admin(simulator) as admin:
            assert luns(admin) == []

    def test_nothing_is_run_that_lies_where_it_begins(
        self, nodes: tuple[Node, Node], cluster: Cluster, hook: RunHook, tmp_path: Path
    ) -> None:
        """Python takes modules from the current directory first, when it is told to run one (-m)."""
        create(nodes[0])
        for module in ("dataontap/__init__.py", "dataontap/cleanup.py", "logging.py", "re.py"):
            file = tmp_path / "root" / module
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("open('/run/hijacked', 'w')\n")
        for node in nodes:
            assert node.run("mount", "--bind", str(tmp_path / "root"), "/root").wait() == 0
        outcome = hook(nodes[0], "post-remove")
        assert [node.path("/run/hijacked").exists() for node in nodes] == [False, False]
        assert outcome.status == 0, outcome.stderr
        assert not has(nodes[0], LINK)

    def test_only_on_the_master(
        self, nodes: tuple[Node, Node], cluster: Cluster, admin: CmodeClient, hook: RunHook
    ) -> None:
        create(nodes[0])
        assert hook(nodes[1], "post-remove").stderr == ""
        assert cluster.commands() == []
        assert luns(admin) == [PATH]

    def test_a_node_that_is_down_stops_nothing(
        self, nodes: tuple[Node, Node], cluster: Cluster, admin: CmodeClient, hook: RunHook
    ) -> None:
        create(nodes[0])
        attach(nodes[1])
        cluster.consists_of({"node0.example": None, "node1.example": nodes[0], "node2.example": nodes[1]})
        outcome = hook(nodes[0], "post-remove")
        assert outcome.status == 0
        assert "devices of removed volumes remain on a node: node: node0.example" in outcome.stderr
        assert not has(nodes[1], LINK)
        assert luns(admin) == []

    def test_a_disk_that_a_node_uses_stops_only_itself(
        self, nodes: tuple[Node, Node], cluster: Cluster, admin: CmodeClient, hook: RunHook
    ) -> None:
        create(nodes[0])
        create(nodes[0], OTHER, OTHER_UUID)
        attach(nodes[1])
        with open(nodes[1].device(LINK), "rb"):
            outcome = hook(nodes[0], "post-remove")
        assert outcome.status == 1
        assert outcome.message == (
            "dataontap: post-remove inst1.example: disk 0: its LUN in vol1 was not removed: "
            "its device may be in use on a node; see the log"
        )
        assert f"{NAME}: its device is in use by process" in outcome.stderr
        assert (has(nodes[1], LINK), has(nodes[1], OTHER_LINK)) == (True, False)
        assert luns(admin) == [PATH]

    def test_a_lun_of_somebody_else_stays(
        self, nodes: tuple[Node, Node], cluster: Cluster, admin: CmodeClient, hook: RunHook
    ) -> None:
        create(nodes[0], uuid="another-disk")
        create(nodes[0], OTHER, OTHER_UUID)
        outcome = hook(nodes[0], "post-remove")
        assert outcome.status == 1
        assert "disk 0: a LUN of this name in vol1 is not provably this" in outcome.stderr
        assert luns(admin) == [PATH]

    def test_the_first_implementations_commands(
        self, nodes: tuple[Node, Node], cluster: Cluster, hook: RunHook
    ) -> None:
        create(nodes[0])
        detach = node_command(nodes[0], "ISCSI_DETACH_COMMANDS")
        script = f"echo {{scsi_id}} {{name}} {{device}} >/run/gone; {detach}"
        identities = (("false",), ("basename", "{device}"))
        for node, identity in zip(nodes, identities):
            attach(node)
            node.configure(
                ISCSI_DETACH_COMMANDS=(),
                SCSI_ID_COMMAND=identity,
                DEVICE_CLEANUP_COMMAND=("sh", "-c", script),
            )
        assert hook(nodes[0], "post-remove").status == 1
        # A loop device has no identity but what the command says.
        assert has(nodes[0], LINK)
        assert not nodes[0].path("/run/gone").exists()
        assert f"{NAME}: its SCSI id is unknown" in nodes[0].log()
        assert nodes[1].path("/run/gone").read_text() == f"{NAME} {NAME} {LINK}\n"
        assert not has(nodes[1], LINK)


def test_the_cleanup_says_what_it_is(node: Node, installed: Product) -> None:
    for arguments, status, said in (
        ([], 1, "usage: python3 -I -m dataontap.cleanup VOLUME..."),
        (["--help"], 0, "usage: python3 -I -m dataontap.cleanup VOLUME..."),
        (["a b"], 1, "dataontap: cleanup a b: VOLUME: 'a b' is not a volume name"),
        (["v"], 0, ""),
    ):
        command = ["/usr/bin/python3", "-m", "dataontap.cleanup", *arguments]
        child = node.run(*command, environ={"PYTHONPATH": str(installed.library)}, stderr=subprocess.PIPE)
        assert child.communicate()[1].startswith(said)
        assert child.returncode == status
