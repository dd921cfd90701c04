"""Nodes of two versions in one cluster, as while it is upgraded: scripts and hooks of both packages, one filer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from tests.simulator.process import Simulator
from tests.testbed import filer, package
from tests.testbed.hook_calls import CALLS, NAME, UUID
from tests.testbed.node import LINKS, Node, Outcome
from tests.testbed.product import PATH as PROGRAMS
from tests.testbed.product import Product
from tests.testbed.quick import Quick
from tests.testbed.starter import starter

EARLIER, NOW = "earlier", "now"
INITIATOR = "iqn.1993-08.org.debian:01:"
FIXED, PER_NODE = "ganeti", "ganeti-{node}"
SNAPSHOT = f"{NAME}.snap"
PATH, ELSEWHERE = f"/vol/vol1/{NAME}", f"/vol/vol2/{NAME}"
TEXT = "originstname+inst1.example"
OLD_TAG = f"dataontap:1:cluster.example:{UUID}:disk"
# In the place of gnt-cluster: "gnt-cluster command --failure-only COMMAND" runs it on each node.
GNT_CLUSTER = """#!/bin/sh
on() {{ nsenter --target $1 --mount --uts --wd=/root -- env -i PATH={path} sh -c "$2" || exit 1; }}
{nodes}
"""
# Verbs by their letters, as in tests/contract/test_sequences.py; h is the hook of a migration, on its target.
VERBS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "+": ("create", {"VOL_SIZE": "16"}),
    "a": ("attach", {}),
    "d": ("detach", {}),
    "c": ("close", {}),
    "o": ("open", {"VOL_OPEN_EXCLUSIVE": "True"}),
    "s": ("open", {"VOL_OPEN_EXCLUSIVE": "False"}),
    "i": ("setinfo", {"VOL_METADATA": TEXT}),
    "g": ("grow", {"VOL_SIZE": "16", "VOL_NEW_SIZE": "24"}),
    "n": ("snapshot", {"VOL_SNAPSHOT_NAME": SNAPSHOT, "VOL_SNAPSHOT_SIZE": "24"}),
    "r": ("remove", {}),
}
ADD = "P+ Pa Po Pi Pa Po"
MIGRATE = "Th Ta Tc Pa Ps Ta Ts Pa Pc Ta To Pa Pd"
GROW_AND_EXPORT = "Ta Tg Ta Tn Ta To Ta' To' Ta' Td' Tr'"
MIGRATE_BACK = "Ph Pa Pc Ta Ts Pa Ps Ta Tc Pa Po Ta Td"
FAIL_OVER = "Pa Pc Pa Pd Ta To Ta To"
RENAME = "Ta Ti"
# The node that had it is off, and comes back with its device.
FAIL_OVER_FROM_A_DEAD_NODE = "Pa Po Pa Po"
STOP_AND_REMOVE = "Pa Pd Pa Pd Pr"


class Host:
    """The node called ``name`` with the package of a version; it can get another."""

    def __init__(
        self, stack: ExitStack, directory: Path, name: str, product: Product, simulator: Simulator
    ) -> None:
        self.name = f"{name}.example"
        self.node = stack.enter_context(Node(directory / name, name, product, simulator, API=None))
        (self.node.directory / "lib-ganeti/ssconf_node_list").write_text("node1.example\nnode2.example\n")
        iscsi = directory / f"{name}-iscsi"
        iscsi.mkdir()
        (iscsi / "initiatorname.iscsi").write_text(f"InitiatorName={INITIATOR}{name}\n")
        assert self.node.run("mount", "--bind", str(iscsi), "/etc/iscsi").wait() == 0
        self._stack = stack
        self.upgrade(product)

    def upgrade(self, product: Product) -> None:
        """From now on this version's scripts are run."""
        self.product = product
        self._quick = Quick(self.node, product, starter(product))

    def configure(self, igroup: str, **options: object) -> None:
        """Write the configuration file for this form of IGROUP."""
        scan = self.node.fabric_command("attach", initiator=f"{INITIATOR}{self.node.name}")
        self.node.configure(IGROUP=igroup, ISCSI_ATTACH_COMMANDS=(scan,), API=None, **options)

    def is_master_of(self, *hosts: Host) -> None:
        """Let this node's gnt-cluster reach these nodes, each with its own version."""
        programs = self.node.directory / "sbin"
        programs.mkdir()
        for host in hosts:
            host.node.install_for_all(host.product)
        nodes = [f'on {host.node.path("/").parts[2]} "$3"' for host in hosts]
        (programs / "gnt-cluster").write_text(GNT_CLUSTER.format(path=PROGRAMS, nodes="\n".join(nodes)))
        (programs / "gnt-cluster").chmod(0o755)
        assert self.node.run("mount", "--bind", str(programs), "/usr/local/sbin").wait() == 0

    def has(self, link: str) -> bool:
        """Whether the node has this device."""
        return self.node.path(link).is_symlink()

    def script(self, verb: str, name: str = NAME, *arguments: str, **variables: str) -> Outcome:
        """Run a script, for the volume ``name``."""
        usual = {"EXTP_PROVIDER": "dataontap", "EXTP_ACCESS": "kernelspace", "VOL_UUID": UUID, "VOL_NAME": name}
        return self._quick.script(verb, *arguments, **{**usual, **variables})

    def hook(self, name: str) -> Outcome:
        """Run a hook: this node is the target of a migration, or the master."""
        return self._quick.hook(name, {**CALLS[name], "GANETI_NEW_PRIMARY": self.name, "GANETI_MASTER": self.name})


class Cluster:
    """Two nodes of two versions; P and T in sequences of calls, whose first version is P's."""

    def __init__(self, hosts: tuple[Host, Host], igroup: str, pool: str) -> None:
        self.first, self.second = hosts
        self._nodes = {"P": self.first, "T": self.second}
        self._variables = {"EXTP_POOL": pool} if pool != "vol1" else {}
        self._link = f"{LINKS}/127.0.0.1/{pool}"
        self._data: dict[str, bytes] = {}
        for host in hosts:
            host.configure(igroup)

    def call(self, calls: str) -> None:
        """Run these scripts, which must succeed. What was written last is on each device that attach tells."""
        for number, word in enumerate(calls.split()):
            host, name = self._nodes[word[0]], SNAPSHOT if word.endswith("'") else NAME
            if word[1] == "h":
                outcome = host.hook("pre-migrate")
                assert outcome.status == 0, outcome.stderr
                continue
            verb, variables = VERBS[word[1]]
            outcome = host.script(verb, name, **{**variables, **self._variables})
            assert outcome.status == 0, f"{word} in {calls}: {outcome.stderr}"
            if verb == "attach":
                assert outcome.stdout == f"{self._link}/{name}\n"
                self._use(host.node.device(outcome.stdout.strip()), name, b"%08d" % number)
            elif verb == "snapshot":
                self._data[SNAPSHOT] = self._data[NAME]

    def _use(self, device: str, name: str, data: bytes) -> None:
        with open(device, "r+b", buffering=0) as disk:
            assert disk.read(len(data)) == self._data.get(name, b"\0" * len(data))
            disk.seek(0)
            disk.write(data)
        self._data[name] = data


@pytest.fixture(scope="session")
def products(built: Path, built_earlier: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Product]:
    """The files of both packages."""
    directory = tmp_path_factory.mktemp("unpacked")
    return {
        EARLIER: package.unpack(built_earlier, directory / EARLIER),
        NOW: package.unpack(built, directory / NOW),
    }


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A filer with the volumes vol1, which is POOL, and vol2, and a group for all nodes."""
    with Simulator(tmp_path / "filer", "--volume", "svm1/vol2", "--strict") as running:
        with filer.admin(running) as admin:
            filer.make_igroup(admin, FIXED, *(f"{INITIATOR}{name}" for name in ("node1", "node2")))
        yield running


@pytest.fixture
def admin(simulator: Simulator) -> Iterator[CmodeClient]:
    """The storage admin."""
    with filer.admin(simulator) as client:
        yield client


MakeHosts = Callable[..., tuple[Host, Host]]


@pytest.fixture
def hosts(tmp_path: Path, products: dict[str, Product], simulator: Simulator) -> Iterator[MakeHosts]:
    """Makes node1 and node2 with these versions."""
    with ExitStack() as stack:

        def make(*versions: str) -> tuple[Host, Host]:
            first, second = (
                Host(stack, tmp_path, f"node{number}", products[version], simulator)
                for number, version in enumerate(versions, start=1)
            )
            return first, second

        yield make


both_ways = pytest.mark.parametrize("versions", [(EARLIER, NOW), (NOW, EARLIER)], ids="-".join)


def groups(admin: CmodeClient, path: str) -> list[str]:
    return sorted(mapping.igroup for mapping in admin.get_lun_map(lun_at(path)))


def comment(admin: CmodeClient, path: str) -> str:
    (lun,) = admin.get_lun_by_args(path=path)
    return lun.comment


@both_ways
@pytest.mark.parametrize(("igroup", "pool"), [(FIXED, "vol1"), (PER_NODE, "vol1"), (PER_NODE, "vol2")])
def test_a_volume_goes_to_and_fro(
    hosts: MakeHosts, admin: CmodeClient, versions: tuple[str, str], igroup: str, pool: str
) -> None:
    """Through all that Ganeti does with an instance, on either node; hooks are not told its pool."""
    cluster = Cluster(hosts(*versions), igroup, pool)
    path = f"/vol/{pool}/{NAME}"
    group = {host: igroup.replace("{node}", host.name) for host in (cluster.first, cluster.second)}
    cluster.call(ADD)
    cluster.call(MIGRATE)
    assert groups(admin, path) == [group[cluster.second]]
    cluster.call(GROW_AND_EXPORT)
    cluster.call(MIGRATE_BACK)
    assert groups(admin, path) == [group[cluster.first]]
    cluster.call(FAIL_OVER)
    cluster.call(RENAME)
    assert groups(admin, path) == [group[cluster.second]]
    cluster.call(FAIL_OVER_FROM_A_DEAD_NODE)
    assert groups(admin, path) == [group[cluster.first]]
    cluster.call(STOP_AND_REMOVE)
    assert not admin.get_lun_by_args(path="/vol/*")


# What the earlier version says.
_NOT_TAGGED = f"{PATH} is still there and not tagged as this cluster's disk; it stays"
_NOT_PROVEN = "a LUN of this name in vol1 is not provably this cluster's disk; it was not removed"


class TestARemovedInstance:
    """post-remove, where Ganeti believed the volume gone: each version destroys only what its own tag proves."""

    @pytest.mark.parametrize(
        ("versions", "calls", "message"),
        [
            ((NOW, EARLIER), "T+ Ta To Ti", _NOT_PROVEN),
            ((NOW, EARLIER), "T+ Ta To Ti Pa Po", None),
            ((NOW, EARLIER), "P+ Pa Po Pi Ta", None),
            ((NOW, EARLIER), "P+ Pa Po Pi Ta Ti", _NOT_PROVEN),
            (
                (EARLIER, NOW),
                "P+ Pa Po Pi Ta",
                f"{PATH} is still there and not tagged as this cluster's disk; it stays",
            ),
            ((EARLIER, NOW), "P+ Pa Po Pi", None),
        ],
    )
    def test_its_devices_go_from_all_nodes_and_its_lun_if_it_is_proven(
        self, hosts: MakeHosts, admin: CmodeClient, versions: tuple[str, str], calls: str, message: str | None
    ) -> None:
        """P is the master."""
        cluster = Cluster(hosts(*versions), PER_NODE, "vol1")
        cluster.first.is_master_of(cluster.first, cluster.second)
        cluster.call(calls)
        outcome = cluster.first.hook("post-remove")
        assert not any(host.has(f"{LINKS}/127.0.0.1/vol1/{NAME}") for host in (cluster.first, cluster.second))
        assert [lun.path for lun in admin.get_lun_by_args(path="/vol/*")] == ([PATH] if message else [])
        if message is None:
            assert outcome.status == 0, outcome.stderr
        else:
            assert outcome.status == 1
            assert outcome.message == f"dataontap: post-remove inst1.example: disk 0: {message}"


class TestALunThatIsNotInItsDisksPool:
    """Whose disk has no pool parameter, while POOL is another one by now."""

    @pytest.fixture
    def astray(self, hosts: MakeHosts) -> Cluster:
        """P has this version and T the earlier one, which made the volume in vol2; it is attached there."""
        cluster = Cluster(hosts(NOW, EARLIER), PER_NODE, "vol2")
        cluster.call("T+ Ta To Ti")
        return cluster

    @staticmethod
    def is_known_to_ganeti(host: Host, **params: str) -> None:
        """Put the disk into Ganeti's configuration, on a node that is the master."""
        disk = {"dev_type": "ext", "logical_id": ["dataontap", NAME], "params": params}
        directory = host.node.directory / "lib-ganeti"
        (directory / "config.data").write_text(json.dumps({"disks": {UUID: disk}}))
        (directory / "ssconf_master_ip").write_text("127.0.0.1\n")

    def test_is_named_before_the_upgrade(self, astray: Cluster, products: dict[str, Product]) -> None:
        """By this version's verify, which does not have to be installed; and not once the disk has its pool."""
        master = astray.second
        self.is_known_to_ganeti(master)
        master.upgrade(products[NOW])
        outcome = master.script("verify", "-", "orphans")
        assert outcome.status == 1
        assert outcome.message == (
            f"dataontap: verify: orphans: not in its disk's pool: {ELSEWHERE}; see the man page, UPGRADING"
        )
        self.is_known_to_ganeti(master, pool="vol2")
        assert master.script("verify", "-", "orphans").status == 0

    def test_is_found_where_it_is_mapped_and_known_from_then_on(self, astray: Cluster, admin: CmodeClient) -> None:
        assert astray.first.script("attach").status == 0
        mark = comment(admin, ELSEWHERE)
        assert mark.startswith(f"{TEXT} dataontap:2:cluster.example:{UUID}:disk:")
        assert not mark.endswith(":-")
        for host in (astray.second, astray.first):
            assert host.script("detach").status == 0
        assert groups(admin, ELSEWHERE) == []
        assert astray.first.script("attach").status == 0
        assert comment(admin, ELSEWHERE) == mark

    def test_is_not_found_by_the_earlier_version_then(self, astray: Cluster) -> None:
        """Its tag is none to that; the disk's pool helps here, too."""
        assert astray.first.script("attach").status == 0
        for host in (astray.second, astray.first):
            assert host.script("detach").status == 0
        outcome = astray.second.script("attach")
        assert outcome.message == (
            f"dataontap: attach {NAME}: there is no LUN {PATH}; check POOL and CLUSTER_MODE_VSERVER"
        )
        astray.call("Ta Td Tr")

    def test_is_left_alone_where_it_is_mapped_to_nobody(self, astray: Cluster, admin: CmodeClient) -> None:
        assert astray.second.script("detach").status == 0
        for verb in ("attach", "open"):
            outcome = astray.first.script(verb, VOL_OPEN_EXCLUSIVE="True")
            assert outcome.message == (
                f"dataontap: {verb} {NAME}: there is no LUN in vol1; the LUN in vol2 may be a copy; "
                "if it is the disk's: gnt-instance modify --disk N:pool=vol2 INSTANCE"
            )
        assert astray.first.script("remove").status == 0
        assert comment(admin, ELSEWHERE) == f"{TEXT} {OLD_TAG}"
        astray.call("Pa Pd Pr")
        assert not admin.get_lun_by_args(path="/vol/*")


class TestADiskWithAnIgroupOfItsOwn:
    FAST = "fast-{node}"

    def test_goes_on_where_it_is_and_waits_for_the_option_elsewhere(
        self, hosts: MakeHosts, admin: CmodeClient, products: dict[str, Product]
    ) -> None:
        """The earlier version does not know ALLOWED_IGROUPS, and takes any group."""
        upgraded, waiting = hosts(NOW, EARLIER)
        for host in (upgraded, waiting):
            host.configure(PER_NODE)
        for verb in ("create", "attach", "open", "setinfo"):
            variables = {"VOL_SIZE": "16", "VOL_OPEN_EXCLUSIVE": "True", "VOL_METADATA": TEXT}
            assert waiting.script(verb, EXTP_IGROUP=self.FAST, **variables).status == 0
        assert groups(admin, PATH) == ["fast-node2.example"]

        outcome = upgraded.script("attach", EXTP_IGROUP=self.FAST)
        assert outcome.message == (
            f"dataontap: attach {NAME}: the disk's igroup '{self.FAST}' is not among ALLOWED_IGROUPS"
        )
        assert groups(admin, PATH) == ["fast-node2.example"]

        waiting.configure(PER_NODE, ALLOWED_IGROUPS=(self.FAST,))
        assert "ALLOWED_IGROUPS" in waiting.script("attach", EXTP_IGROUP=self.FAST).message

        waiting.upgrade(products[NOW])
        waiting.configure(PER_NODE)
        for verb in ("attach", "close", "open", "detach"):
            assert waiting.script(verb, EXTP_IGROUP=self.FAST, VOL_OPEN_EXCLUSIVE="True").status == 0
        assert groups(admin, PATH) == []
        upgraded.configure(PER_NODE, ALLOWED_IGROUPS=(self.FAST,))
        assert upgraded.script("attach", EXTP_IGROUP=self.FAST).status == 0
        assert groups(admin, PATH) == ["fast-node1.example"]
