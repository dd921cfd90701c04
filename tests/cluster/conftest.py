"""A cluster for each release of Ganeti, which all tests share; what a test leaves behind fails it."""

from __future__ import annotations

import itertools
import re
import shlex
import time
from collections.abc import Generator, Iterator
from typing import Callable

import pytest
from _pytest.terminal import TerminalReporter

from tests.package import readme
from tests.testbed.cluster import FIXED, OPERATING_SYSTEM, PER_NODE, TEMPLATES, Cluster, Node
from tests.testbed.image import GANETI, image
from tests.testbed.instance import Instance

AddInstance = Callable[..., Instance]
Make = Callable[[], Instance]
RecordProperty = Callable[[str, object], None]
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FAILED = pytest.StashKey[bool]()
_NUMBERS = itertools.count(1)
# Each form of IGROUP on one of them: Ganeti calls the scripts alike in both.
_IGROUPS = {"bookworm": PER_NODE, "trixie": FIXED}
# And each API of the filer.
_APIS = {"bookworm": "rest", "trixie": "zapi"}
_RELEASES = [pytest.param(name, id=GANETI[name], marks=pytest.mark.xdist_group(name)) for name in GANETI]


@pytest.fixture(scope="session", params=_RELEASES)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes of this Debian release with the package, and a filer; ``ext`` is enabled as README says."""
    directory = tmp_path_factory.mktemp(request.param)
    with (
        image(directory, request.param) as layers,
        Cluster(
            directory, layers, GANETI[request.param], _IGROUPS[request.param], _APIS[request.param]
        ) as cluster,
    ):
        enable(cluster)
        yield cluster


def enable(cluster: Cluster) -> None:
    """Follow README's step for Ganeti. Each of its two first commands is needed: Ganeti refuses before them."""
    enabled, allowed, diagnose = readme.block("3. Ganeti", "sh").replace("drbd,plain", TEMPLATES).splitlines()
    add = ("instance", "add", "-t", "ext", "--disk=0:size=64M,provider=dataontap", "-o", OPERATING_SYSTEM)
    options = ("-n", cluster.nodes[1].name, "--no-name-check", "--no-ip-check", "--no-nics", "inst1.example")
    assert "Disk template 'ext' is not enabled" in cluster.try_gnt(*add, *options).stderr
    cluster.master.run(*shlex.split(enabled))
    assert "Disk template ext is not allowed" in cluster.try_gnt(*add, *options).stderr
    cluster.master.run(*shlex.split(allowed))
    said = cluster.master.run(*shlex.split(diagnose)).stdout
    shown = readme.block("3. Ganeti", "text")
    assert readme.in_order(*(re.sub(_UUID, "UUID", text) for text in (shown, said))), said


@pytest.fixture
def node1(cluster: Cluster) -> Node:
    """The master."""
    return cluster.nodes[0]


@pytest.fixture
def node2(cluster: Cluster) -> Node:
    """A node."""
    return cluster.nodes[1]


@pytest.fixture
def node3(cluster: Cluster) -> Node:
    """Another node."""
    return cluster.nodes[2]


@pytest.fixture(autouse=True)
def nothing_left(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test nothing is left of it, or it fails; the next one finds a clean house in any case."""
    began = time.time()
    yield
    left = cluster.leftovers()
    if left or request.node.stash.get(_FAILED, False):
        request.node.add_report_section("teardown", "nodes", cluster.logs(began))
    if left:
        cluster.sweep()
    assert left == []


@pytest.fixture
def make(cluster: Cluster, nothing_left: None) -> Iterator[Make]:
    """Names instances, and removes those that are there at the end."""
    made: list[Instance] = []

    def name() -> Instance:
        made.append(Instance(cluster, f"inst{next(_NUMBERS)}.example"))
        return made[-1]

    yield name
    for instance in made:
        if instance.exists:
            instance.do("remove", "-f")


@pytest.fixture
def add(make: Make, node2: Node) -> AddInstance:
    """Adds an instance, on node2 and with one disk of 64 MiB unless told otherwise."""

    def add_instance(*disks: str, node: Node = node2, options: tuple[str, ...] = ()) -> Instance:
        instance = make()
        instance.add(node, *(disks or ("64M",)), options=options)
        return instance

    return add_instance


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test's end know how it went."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """What each scenario took, removal of its instances included, by version of Ganeti; and tables of theirs."""
    taken: dict[str, dict[str, float]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when != "setup":
                scenario, _, variant = report.nodeid.rpartition("::")[2].partition("[")
                version, _, more = variant.rstrip("]").partition("-")
                row = taken.setdefault(f"{scenario.removeprefix('test_').replace('_', ' ')} {more}".strip(), {})
                row[version] = row.get(version, 0) + report.duration
    if not taken:
        return
    versions = list(GANETI.values())
    terminalreporter.section("scenarios, in seconds")
    terminalreporter.write_line(f"{'':70}" + "".join(f"{version:>8}" for version in versions))
    for scenario, row in sorted(taken.items()):
        cells = "".join(f"{row[version]:8.1f}" if version in row else f"{'-':>8}" for version in versions)
        terminalreporter.write_line(f"{scenario:70}{cells}")
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties if report.when == "call" else ():
            terminalreporter.section(f"{name}: {report.nodeid.rpartition('::')[2]}")
            terminalreporter.write_line(str(text))
