"""The account that etc/ontap-account-zapi.txt makes, in the hands of the installed scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import MakeNode
from tests.package import readme
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.product import ROOT

SHIPPED = ROOT / "etc/ontap-account-zapi.txt"
ACCOUNT = {"API": "zapi", "LOGIN": "ganeti", "PASSWORD": "secret", "CLUSTER_MODE_VSERVER": None}
VARIABLES = {
    "VOL_NAME": "v",
    "VOL_UUID": "u-1",
    "VOL_SIZE": "16",
    "VOL_NEW_SIZE": "24",
    "VOL_METADATA": "text",
    "VOL_OPEN_EXCLUSIVE": "True",
    "VOL_SNAPSHOT_NAME": "v.snap",
    "VOL_SNAPSHOT_SIZE": "32",
    "EXTP_PROVIDER": "dataontap",
    "EXTP_ACCESS": "kernelspace",
}
LIFE = ("verify", "create", "attach", "open", "setinfo", "grow", "snapshot", "close", "detach", "remove")


def start(tmp_path: Path, commands: str) -> Simulator:
    """A filer on which an admin has typed these commands."""
    file = tmp_path / "commands"
    file.write_text(commands, encoding="utf-8")
    return Simulator(tmp_path / "limited", "--commands", str(file))


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Simulator]:
    """A filer with the shipped account."""
    with start(tmp_path, SHIPPED.read_text(encoding="utf-8")) as simulator:
        with filer.admin(simulator) as admin:
            filer.make_igroup(admin, "ganeti")
        yield simulator


def test_every_script_works_with_it(limited: Simulator, make_node: MakeNode) -> None:
    node = make_node(filer=limited, **ACCOUNT)
    for verb in LIFE:
        variables = VARIABLES if verb != "verify" else {}
        outcome = node.script(verb, **variables)
        assert outcome.status == 0, outcome.stderr
    asked = [request for request in limited.requests() if request.account == "ganeti"]
    assert asked
    assert {request.errno for request in asked} == {None}


def test_readmes_set_up_is_enough(tmp_path: Path, make_node: MakeNode) -> None:
    """The filer's commands, the account's, and the configuration file, as they stand there."""
    commands = readme.block("2. The filer", "ontap")
    configuration = readme.block("4. The nodes", "python")
    options = {name: ast.literal_eval(value) for name, value in re.findall("(.*) = (.*)", configuration)}
    del options["HOSTNAME"], options["CA_FILE"]
    options["PASSWORD"] = "secret"
    with start(tmp_path, commands + SHIPPED.read_text(encoding="utf-8")) as simulator:
        node = make_node(filer=simulator)
        scan = node.fabric_command("attach", igroup="ganeti-node1")
        node.configure(**{"API": "zapi", **options}, ISCSI_ATTACH_COMMANDS=(scan,))
        for verb in LIFE:
            outcome = node.script(verb, **(VARIABLES if verb != "verify" else {}))
            assert outcome.status == 0, outcome.stderr
        assert {request.account for request in simulator.requests()} == {"ganeti"}
        (made,) = (request for request in simulator.requests() if request.api == "lun-create-by-size")
        mapped = [request.arguments for request in simulator.requests() if request.api == "lun-map"]
    assert "path=/vol/ganeti/v " in made.arguments
    assert mapped
    assert all("initiator-group=ganeti-node1 " in f"{arguments} " for arguments in mapped)


def test_verify_names_what_is_missing(tmp_path: Path, make_node: MakeNode) -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines(keepends=True)
    without = "".join(line for line in lines if '"lun resize"' not in line)
    with start(tmp_path, without) as simulator:
        outcome = make_node(filer=simulator, **ACCOUNT).script("verify", "credentials")
    assert outcome.status == 1
    assert outcome.message == (
        "dataontap: verify: credentials: LOGIN may not call lun-resize; see ontap-account-zapi.txt"
    )
    assert outcome.stdout == ("credentials: FAILED: LOGIN may not call lun-resize; see ontap-account-zapi.txt\n")
