"""The accounts that etc/ontap-account-*.txt make, in the hands of the installed scripts."""

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

SHIPPED = {api: ROOT / f"etc/ontap-account-{api}.txt" for api in ("rest", "zapi")}
ACCOUNT = {"LOGIN": "ganeti", "PASSWORD": "secret", "CLUSTER_MODE_VSERVER": None}
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
LUNS, MAPS = "POST /storage/luns", "POST /protocols/san/lun-maps"
LIFE = ("verify", "create", "attach", "open", "setinfo", "grow", "snapshot", "close", "detach", "remove")


def start(tmp_path: Path, commands: str) -> Simulator:
    """A filer on which an admin has typed these commands."""
    file = tmp_path / "commands"
    file.write_text(commands, encoding="utf-8")
    return Simulator(tmp_path / "limited", "--commands", str(file))


@pytest.fixture(params=SHIPPED)
def api(request: pytest.FixtureRequest) -> str:
    """Each API in turn."""
    return str(request.param)


@pytest.fixture
def limited(tmp_path: Path, api: str) -> Iterator[Simulator]:
    """A filer with the shipped account."""
    with start(tmp_path, SHIPPED[api].read_text(encoding="utf-8")) as simulator:
        with filer.admin(simulator) as admin:
            filer.make_igroup(admin, "ganeti")
        yield simulator


def test_every_script_works_with_it(limited: Simulator, make_node: MakeNode, api: str) -> None:
    node = make_node(filer=limited, **ACCOUNT, API=api)
    for verb in LIFE:
        variables = VARIABLES if verb != "verify" else {}
        outcome = node.script(verb, **variables)
        assert outcome.status == 0, outcome.stderr
    asked = [request for request in limited.requests() if request.account == "ganeti"]
    assert asked
    # Over REST, verify tries rights at objects that do not exist; 6 would be a right that is missing.
    assert {request.errno for request in asked if api == "zapi" or request.errno == "6"} <= {None}
    assert {(request.api or "").startswith(("GET", "POST", "PATCH", "DELETE")) for request in asked} == {
        api == "rest"
    }


def test_readmes_set_up_is_enough(tmp_path: Path, make_node: MakeNode) -> None:
    """The filer's commands, the account's, and the configuration file, as they stand there."""
    commands = readme.block("2. The filer", "ontap")
    configuration = readme.block("4. The nodes", "python")
    options = {name: ast.literal_eval(value) for name, value in re.findall("(.*) = (.*)", configuration)}
    del options["HOSTNAME"], options["CA_FILE"]
    options["PASSWORD"] = "secret"
    with start(tmp_path, commands + SHIPPED["rest"].read_text(encoding="utf-8")) as simulator:
        node = make_node(filer=simulator)
        scan = node.fabric_command("attach", igroup="ganeti-node1")
        node.configure(**options, ISCSI_ATTACH_COMMANDS=(scan,))
        for verb in LIFE:
            outcome = node.script(verb, **(VARIABLES if verb != "verify" else {}))
            assert outcome.status == 0, outcome.stderr
        requests = [request for request in simulator.requests() if request.errno is None]
    assert {request.account for request in requests} == {"ganeti"}
    (made,) = (request for request in requests if (request.api, "clone" in request.arguments) == (LUNS, False))
    assert '"/vol/ganeti/v"' in made.arguments
    mapped = [request.arguments for request in requests if request.api == MAPS]
    assert mapped
    assert all('"ganeti-node1"' in arguments for arguments in mapped)


def test_readmes_set_up_for_fibre_channel(tmp_path: Path, make_node: MakeNode, api: str) -> None:
    """This node sees none of the interfaces that README's commands make."""
    commands = readme.block("With Fibre Channel", "ontap")
    with start(tmp_path, commands + SHIPPED[api].read_text(encoding="utf-8")) as simulator:
        node = make_node(filer=simulator, **ACCOUNT, API=api, STORAGE_PROTOCOL="fc")
        assert node.script("verify", "credentials").stdout == "credentials: fine\n"
        outcome = node.script("verify", "portals")
    assert re.search(
        "portals: cannot reach the FC interfaces 20:[0-9a-f:]{20} .not seen here., 20:.* and 2 more; check",
        outcome.message,
    )


@pytest.mark.parametrize(
    ("api", "right", "lacking"),
    [
        ("zapi", "lun resize", "lun-resize"),
        ("rest", "/api/storage/luns", "/api/storage/luns (GET, POST, PATCH, DELETE)"),
    ],
)
def test_verify_names_what_is_missing(
    tmp_path: Path, make_node: MakeNode, api: str, right: str, lacking: str
) -> None:
    lines = SHIPPED[api].read_text(encoding="utf-8").splitlines(keepends=True)
    without = "".join(line for line in lines if f'"{right}"' not in line)
    with start(tmp_path, without) as simulator:
        outcome = make_node(filer=simulator, **ACCOUNT, API=api).script("verify", "credentials")
    what = f"LOGIN may not call {lacking}; see ontap-account-{api}.txt"
    assert outcome.status == 1
    assert outcome.message == f"dataontap: verify: credentials: {what}"
    assert outcome.stdout == f"credentials: FAILED: {what}\n"
