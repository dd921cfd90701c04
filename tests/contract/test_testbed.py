"""What the tests put up goes down however they end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dataontap.client.array import LunSpec
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from tests.simulator.process import Simulator
from tests.testbed.node import loops_left
from tests.testbed.product import ROOT

# A node of a process that dies as one does whose time is up.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from tests.testbed.node import Node
directory, state, port, ca = sys.argv[1:]
with Node(Path(directory), "node1", None, SimpleNamespace(state=state, port=int(port), ca=ca)) as node:
    node.fabric("attach")
    print("attached", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_node_of_a_process_that_is_killed(tmp_path: Path, simulator: Simulator, admin: CmodeClient) -> None:
    """Its namespace takes its devices down."""
    admin.create_lun(lun_at("/vol/vol1/v"), 16 << 20, LunSpec(ostype="linux", space_reserved=False, comment=""))
    admin.map_lun(lun_at("/vol/vol1/v"), "ganeti", 5)
    (tmp_path / "node").mkdir()
    arguments = [str(tmp_path / "node"), str(simulator.state), str(simulator.port), str(simulator.ca)]
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (child.stdout, child.returncode) == ("attached\n", -9), child.stderr
    assert loops_left(str(tmp_path)) == []
