"""A real Ganeti cluster on one computer: three machines, a simulated filer, and a network between them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from dataontap.client.zapi.cmode import CmodeClient
from tests.simulator import journal
from tests.simulator.control import Control
from tests.simulator.model import Lun
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.lan import NETWORK, Lan, Space
from tests.testbed.machine import REPOSITORY, Machine
from tests.testbed.node import CONFIG, LINKS, Outcome, loops_left
from tests.testbed.product import PYTHON

NAME = "cluster.example"
FILER = "filer.example"  # the simulator's certificate is for it
FIXED, PER_NODE = "ganeti", "ganeti-{node}"  # the two forms of IGROUP
STATE = f"/srv/testbed/filer-{os.getpid()}"  # where nodes see the simulator's state; tells this run's loop devices
# What runs on a node, as Ganeti's fake hypervisor has it: a file for each instance.
RUNNING = "/run/ganeti/fake-hypervisor"
_INSTANCES = ("find", "/run", "-path", f"{RUNNING}/*")
# Whatever is named after a volume, but for Ganeti's own notes of devices, which it leaves behind on offline nodes.
_FILES_OF_VOLUMES = ("find", "/run", "/var/lib", "-path", "*/ganeti", "-prune", "-o", "-name", "*.ext.disk*")
_UNTIL_IT_ANSWERS = 'for try in $(seq 20); do ping -q -c 1 -W 1 "$1" && exit; sleep 0.5; done; exit 1'
OPERATING_SYSTEM = "marks+default"
TEMPLATES = "diskless"  # what the cluster is made with

# Instances without network interfaces and with disks of a few MiB are allowed.
_BOUNDS = (
    "min:cpu-count=1,disk-count=0,disk-size=1,memory-size=1,nic-count=0,spindle-use=1"
    "/max:cpu-count=64,disk-count=16,disk-size=4194304,memory-size=32768,nic-count=8,spindle-use=12"
)
_INIT = (
    # Not ext: that is enabled as README says.
    *("--enabled-hypervisors=fake", f"--enabled-disk-templates={TEMPLATES}", "--master-netdev=eth0"),
    *("--nic-parameters", "mode=routed,link=main", "--ipolicy-bounds-specs", _BOUNDS),
    *("--no-etc-hosts", "--primary-ip-version=4"),
)
# An OS that marks each disk, and whose backup is the beginning of the disk.
_OS = {
    "ganeti_api_version": "20\n",
    "variants.list": "default\n",
    "parameters.list": "",
    "create": """#!/bin/sh -eu
        for disk in $(seq 0 $((DISK_COUNT - 1))); do
            eval "path=\\$DISK_${disk}_PATH"
            printf '%s disk %s' "$INSTANCE_NAME" "$disk" | dd of="$path" conv=notrunc status=none
        done
    """,
    "export": '#!/bin/sh -eu\nexec dd if="$EXPORT_DEVICE" bs=1M count=8 status=none\n',
    "import": '#!/bin/sh -eu\nexec dd of="$IMPORT_DEVICE" bs=1M iflag=fullblock conv=notrunc status=none\n',
    "rename": "#!/bin/sh\n",
    "verify": "#!/bin/sh\n",
}


class Node(Machine):
    """A node of the cluster, ``number`` 1 to 3."""

    def __init__(self, directory: Path, number: int, layers: Sequence[Path], state: Path) -> None:
        super().__init__(directory / f"node{number}", f"node{number}.example", layers, [(state, STATE)])
        self.address = f"{NETWORK}.{10 + number}"
        self.port = f"node{number}"
        self.initiator = f"iqn.1993-08.org.debian:01:node{number}"
        self.igroup = FIXED
        self.api = "zapi"

    def prepare(self, hosts: str) -> None:
        """Write what its admin writes; the provider's configuration is ``configure``'s."""
        self.write("/etc/hosts", hosts)
        self.write("/etc/iscsi/initiatorname.iscsi", f"InitiatorName={self.initiator}\n")
        self.write("/etc/ssh/sshd_config.d/testbed.conf", "UsePAM no\nUseDNS no\nStrictModes no\n")
        for name, content in _OS.items():
            self.write(f"/srv/ganeti/os/marks/{name}", content, 0o755)

    @property
    def group(self) -> str:
        """The initiator group that the node sees its LUNs by."""
        return self.igroup.replace("{node}", self.name)

    def configure(self, **options: object) -> None:
        """Write the provider's configuration: IGROUP is ``igroup``; ``options`` are in place of the defaults."""
        fabric = (PYTHON, f"{REPOSITORY}/tests/simulator/fabric.py")
        links = ("--links", LINKS, "--hostname", FILER)
        settings = {
            "API": self.api,
            "HOSTNAME": FILER,
            "CA_FILE": f"{STATE}/ca.pem",
            "LOGIN": "admin",
            "PASSWORD": "secret",
            "CLUSTER_MODE_VSERVER": "svm1",
            "POOL": "vol1",
            "IGROUP": self.igroup,
            "TIMEOUT": 30,
            "LUN_DEVICE_PATH_FORMAT": LINKS + "/{hostname}/{pool}/{name}",
            "ISCSI_ATTACH_COMMANDS": (
                (*fabric, "attach", "--state", STATE, "--initiator", self.initiator, *links),
            ),
            "ISCSI_DETACH_COMMANDS": ((*fabric, "detach", "--volume", "{name}", *links),),
            **options,
        }
        self.write(CONFIG, "".join(f"{name} = {value!r}\n" for name, value in settings.items()), 0o600)

    def volumes(self) -> set[str]:
        """Those that it has loop devices of, by the fabric's account, which is written before they are made."""
        memory = self.path(f"{LINKS}/.fabric.json")
        return {disk["volume"] for disk in json.loads(memory.read_text())} if memory.exists() else set()

    def boot(self, lan: Lan) -> None:
        """Connect to the network and let others log in."""
        self.plug_in(lan, self.address)
        self.run("/usr/sbin/sshd")


class Cluster:
    """Three nodes over ``layers``, which have the package and this version of Ganeti; a context manager.

    The first node is the master. ``igroup`` is IGROUP on all of them, ``api`` the filer's API that they speak; the
    fixed group is there in any case.
    """

    def __init__(self, directory: Path, layers: Sequence[Path], ganeti: str, igroup: str, api: str) -> None:
        self.api = api
        self.ganeti = ganeti
        self.is_per_node = igroup != FIXED
        self._stack = ExitStack()
        self._space = Space()
        self.lan = Lan()
        self.state = directory / "filer"
        self.control = Control(self.state)
        self.nodes = [Node(directory, number, layers, self.state) for number in (1, 2, 3)]
        for node in self.nodes:
            node.igroup, node.api = igroup, api
        self.simulator: Simulator

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        self._stack.enter_context(self.lan)
        self._start_filer()
        hosts = "127.0.0.1 localhost\n" + "".join(
            f"{address} {name} {name.partition('.')[0]}\n"
            for name, address in [
                (NAME, f"{NETWORK}.2"),
                (FILER, f"{NETWORK}.1"),
                *((node.name, node.address) for node in self.nodes),
                *((f"inst{number}.example", f"{NETWORK}.{100 + number}") for number in range(1, 100)),
            ]
        )
        for node in self.nodes:
            self._stack.callback(node.stop)
            node.start()
            node.prepare(hosts)
            node.configure()
            node.boot(self.lan)
        self.master.run("gnt-cluster", "init", *_INIT, NAME)
        for node in self.nodes[1:]:
            self.join(node)

    def _start_filer(self) -> None:
        self._stack.enter_context(self._space)
        self.lan.plug("filer", self._space.pid, f"{NETWORK}.1")
        self.simulator = self._stack.enter_context(
            Simulator(
                self.state,
                *("--volume", "svm1/fast"),
                port=443,
                address="0.0.0.0",
                enter=self._space.enter_command(),
            )
        )
        with self.admin() as admin:
            filer.make_igroup(admin, FIXED, *(node.initiator for node in self.nodes))

    def join(self, node: Node, *options: str) -> None:
        """Let ``node`` be one of the cluster's. It is made to trust the master's ssh key."""
        key = self.master.run("sh", "-c", "cat /root/.ssh/id_*.pub").stdout
        node.run("sh", "-c", "umask 077; mkdir -p /root/.ssh; cat >>/root/.ssh/authorized_keys", stdin=key)
        # One that was cut off may still be looked for in vain: a neighbour is given up after 3 s.
        self.master.run("sh", "-c", _UNTIL_IT_ANSWERS, "sh", node.name)
        self.gnt("node", "add", "--no-ssh-key-check", *options, node.name)

    @contextlib.contextmanager
    def masking(self, igroup: str, **options: object) -> Iterator[None]:
        """IGROUP has this form on all nodes meanwhile; further ``options`` go along."""
        before = [node.igroup for node in self.nodes]
        for node in self.nodes:
            node.igroup = igroup
            node.configure(**options)
        try:
            yield
        finally:
            for node, former in zip(self.nodes, before):
                node.igroup = former
                node.configure()

    @contextlib.contextmanager
    def offline(self, node: Node) -> Iterator[None]:
        """The node is offline meanwhile, as far as Ganeti knows, and then added again."""
        self.gnt("node", "modify", "--offline", "yes", node.name)
        yield
        self.join(node, "--readd")

    @property
    def master(self) -> Node:
        """Where commands are given."""
        return self.nodes[0]

    def gnt(self, command: str, *arguments: str) -> Outcome:
        """Run ``gnt-COMMAND`` as the admin does; AssertionError with what it says if that fails."""
        return self.master.run(f"gnt-{command}", *arguments)

    def try_gnt(self, command: str, *arguments: str) -> Outcome:
        """Run ``gnt-COMMAND``, whatever becomes of it."""
        return self.master.try_run(f"gnt-{command}", *arguments)

    @contextlib.contextmanager
    def admin(self) -> Iterator[CmodeClient]:
        """The storage admin."""
        with self._space.entered(), filer.admin(self.simulator) as client:
            yield client

    def luns(self) -> dict[str, Lun]:
        """What is on the filer now: by volume."""
        return {lun.name: lun for lun in journal.read(self.state)[Lun.kind].values() if isinstance(lun, Lun)}

    def config(self) -> Any:
        """Ganeti's own idea of everything. Nothing asks a script for it."""
        return json.loads(self.master.path("/var/lib/ganeti/config.data").read_text(encoding="utf-8"))

    def seen(self, volume: str) -> list[str]:
        """The nodes that have a device of this volume, by their short names."""
        return [node.port for node in self.nodes if node.is_on and volume in node.volumes()]

    def leftovers(self) -> list[str]:
        """What is left on the filer and the nodes of what is there no more: nothing should be."""
        left = [f"filer: {lun.path}, mapped to {sorted(lun.maps)}" for lun in self.luns().values()]
        for node in self.nodes:
            left += [f"{node.name}: device of {volume}" for volume in node.volumes()]
            found = node.run(*_FILES_OF_VOLUMES, "-print").stdout
            left += [f"{node.name}: {path}" for path in found.splitlines()]
            found = node.run(*_INSTANCES, "-printf", "%f\\n").stdout
            left += [f"{node.name}: runs {instance}" for instance in found.splitlines()]
        return left + [
            f"this computer: loop device on {file}" for file in loops_left(f"{STATE}/", f"{self.state}/")
        ]

    def logs(self, since: float) -> str:
        """What the provider has logged on the nodes since that time, for whoever looks into a failure."""
        moment = datetime.fromtimestamp(since).isoformat(" ", "milliseconds")
        text = []
        for node in self.nodes:
            log = node.path("/var/log/ganeti-extstorage-dataontap.log")
            lines = log.read_text(encoding="utf-8").splitlines() if node.is_on and log.exists() else []
            text += [f"{node.port}: {line}" for line in lines if line >= moment]
        return "\n".join(text)

    def sweep(self) -> None:
        """Take away whatever is left, by force; no node stays offline."""
        offline = {known["name"] for known in self.config()["nodes"].values() if known["offline"]}
        for node in self.nodes:
            if node.name in offline:
                self.join(node, "--readd")
        for instance in self.config()["instances"].values():
            self.try_gnt("instance", "remove", "-f", "--ignore-failures", "--shutdown-timeout=0", instance["name"])
        fabric = (PYTHON, f"{REPOSITORY}/tests/simulator/fabric.py", "clear", "--links", LINKS)
        for node in self.nodes:
            node.run(*fabric)
            node.run(*_FILES_OF_VOLUMES, "-exec", "rm", "{}", ";")
            node.run(*_INSTANCES, "-delete")
        with self.admin() as admin:
            for lun in self.luns().values():
                filer.destroy(admin, lun.path)
