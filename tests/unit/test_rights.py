"""The account that etc/ontap-account-zapi.txt makes: it can do everything that the provider does, and no more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataontap.client.zapi import rights
from dataontap.errors import Refusal, VolumeError
from dataontap.ganeti.environ import HookCall, InstanceDisk
from dataontap.ganeti.hooks import post_remove, pre_move
from dataontap.volume.requests import Creation, Growth, Metadata, Opening, Snapshot, Verification, Volume
from tests.simulator import provision, typed
from tests.simulator.commands import COMMANDS
from tests.simulator.filer import Filer
from tests.simulator.model import MIB, Role
from tests.simulator.rights import allows
from tests.unit.stage import Stage, no_programs
from tests.unit.zapi import Refused, ask, texts

SHIPPED = Path(__file__).resolve().parents[2] / "etc/ontap-account-zapi.txt"
EVERYTHING = rights.needed("iscsi", per_node=True) | rights.needed("fc", per_node=True)
PARAMS = {"pool": "vol1"}
VOLUME = Volume(PARAMS, "v", "u-1")
ONLY_PER_NODE = {
    "lun igroup add",
    "lun igroup create",
    "lun igroup remove",
    "vserver fcp initiator show",
    "vserver iscsi initiator show",
}


def shipped(filer: Filer) -> Role:
    """The role that the shipped commands make, and the account with it."""
    typed.run(filer.state, SHIPPED.read_text(encoding="utf-8").splitlines())
    return filer.state.roles["svm1", "ganeti"]


def granted_rights() -> list[str]:
    """The commands of the shipped role, for the names of tests."""
    lines = [line.split('"') for line in SHIPPED.read_text(encoding="utf-8").splitlines() if "-cmddirname" in line]
    return [words[1] for words in lines]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A provider whose account is the shipped one."""
    stage = Stage(tmp_path)
    shipped(stage.filer)
    stage.wire.account = "ganeti"
    return stage


def test_the_list_is_what_the_client_calls(repository: Path) -> None:
    made: set[str] = set()
    for file in (repository / "dataontap/client/zapi").glob("*.py"):
        made.update(_calls(ast.parse(file.read_text(encoding="utf-8"))))
    assert made == EVERYTHING


def _calls(tree: ast.Module) -> Iterator[str]:
    """The APIs that are named where something is sent."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            place = {"send_request": 0, "iterate": 0, "unless": 1}.get(node.func.attr)
            if place is not None and isinstance(node.args[place], ast.Constant):
                yield str(ast.literal_eval(node.args[place]))


def test_the_shipped_role_is_enough_and_has_nothing_to_spare(tmp_path: Path) -> None:
    role = shipped(Filer(tmp_path))
    assert [api for api in sorted(EVERYTHING) if not allows(role.rights, api)] == []
    for command in role.rights:
        less = {name: level for name, level in role.rights.items() if name != command}
        assert any(not allows(less, api) for api in EVERYTHING), f"nothing needs {command}"
    needed = {COMMANDS[api] for api in EVERYTHING}
    beyond = {api for api, command in COMMANDS.items() if allows(role.rights, api) and command not in needed}
    # The directory is granted because nobody knows the command in it that tells of one's own rights.
    assert beyond == {"security-login-role-get-iter"}


@pytest.mark.parametrize("command", granted_rights())
@pytest.mark.parametrize("igroup", ["ganeti", "g-{node}"])
def test_verify_names_what_the_account_lacks(stage: Stage, command: str, igroup: str) -> None:
    per_node = igroup != "ganeti"
    role = stage.filer.state.roles["svm1", "ganeti"]
    less = {name: level for name, level in role.rights.items() if name != command}
    stage.options["IGROUP"] = igroup
    stage.filer.state.commit(Role(role.vserver, role.name, less))
    named: set[str] = set()
    for protocol in ("iscsi", "fc"):
        stage.options["STORAGE_PROTOCOL"] = protocol
        lacking = {api for api in rights.needed(protocol, per_node=per_node) if not allows(less, api)}
        if not lacking:
            stage.provider.verify(Verification({}, ("credentials",)))
            continue
        with pytest.raises(VolumeError, match="^credentials: LOGIN may not ") as caught:
            stage.provider.verify(Verification({}, ("connection", "credentials")))
        assert str(caught.value).endswith("see ontap-account-zapi.txt")
        named.update(lacking)
        assert all(api in str(caught.value) for api in lacking)
    assert named or (command in ONLY_PER_NODE and not per_node)


def test_a_filer_too_old_to_tell(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ontapi=15)
    said = stage.provider.verify(Verification({}, ("credentials",)))
    assert said.startswith("credentials: warning: this filer is too old to tell which rights LOGIN has")


@pytest.mark.parametrize("igroup", ["ganeti", "g-{node}"])
def test_every_verb_and_hook_works_with_it(stage: Stage, igroup: str) -> None:
    stage.options["IGROUP"] = igroup
    provider = stage.provider
    provider.create(Creation(PARAMS, "v", "u-1", 64 * MIB))
    provider.attach(VOLUME)
    provider.open(Opening(PARAMS, "v", "u-1", True))
    provider.setinfo(Metadata(PARAMS, "v", "u-1", "originstname+x"))
    provider.grow(Growth(PARAMS, "v", "u-1", 64 * MIB, 96 * MIB))
    provider.snapshot(Snapshot(PARAMS, "v", None, "v.snap", 128 * MIB))
    provider.verify(Verification({}, Verification.usual))
    provider.close(VOLUME)
    provider.detach(VOLUME)
    call = HookCall({}, "instance-migrate", "pre", "node1", "node1", (InstanceDisk(0, "v", "u-1"),))
    pre_move(call, stage.provider, no_programs)
    provider.remove(Volume(PARAMS, "v.snap", None))
    stage.host.devices.clear()
    post_remove(call, stage.provider, lambda *argv, timeout: "")
    assert stage.paths == []


def test_a_refused_call_says_where_to_look(stage: Stage) -> None:
    provision.add_right(stage.filer.state, "svm1", "ganeti", "lun create", "readonly")
    with pytest.raises(Refusal) as caught:
        stage.provider.create(Creation(PARAMS, "v", "u-1", 64 * MIB))
    assert str(caught.value) == (
        "lun-create-by-size failed: Insufficient privileges: user 'ganeti' does not"
        " (errno 13003); verify credentials tells what LOGIN lacks"
    )


class TestSimulatedRoles:
    def test_the_nearest_entry_decides(self, tmp_path: Path) -> None:
        filer = Filer(tmp_path)
        for command, level in (("lun", "all"), ("lun mapping", "readonly"), ("lun mapping delete", "none")):
            provision.add_right(filer.state, "svm1", "r", command, level)
        provision.add_account(filer.state, "limited", "x", "svm1", role="r")

        def errno(api: str, **arguments: object) -> int:
            try:
                ask(filer, api, arguments, vserver=None, account="limited")
            except Refused as refused:
                return refused.errno
            return 0

        lun = {"path": "/vol/vol1/a"}
        assert errno("lun-create-by-size", **lun, size=10 * MIB) == 0
        assert errno("lun-map-get-iter") == 0
        assert errno("lun-map", **lun) == errno("lun-unmap", **lun) == errno("volume-get-iter") == 13003
        assert errno("lun-destroy", **lun) == 0

    def test_the_texts_tell_reading_from_writing(self, tmp_path: Path) -> None:
        filer = Filer(tmp_path)
        provision.add_account(filer.state, "nobody", "x", role="none")
        with pytest.raises(Refused, match="'nobody' does not have read access to this resource"):
            ask(filer, "lun-get-iter", account="nobody")
        with pytest.raises(Refused, match="'nobody' does not have write access to this resource"):
            ask(filer, "lun-destroy", {"path": "/vol/vol1/a"}, account="nobody")

    def test_a_role_that_is_not_there_gives_nothing(self, tmp_path: Path) -> None:
        filer = Filer(tmp_path)
        provision.add_account(filer.state, "lost", "x", "svm1", role="gone")
        with pytest.raises(Refused, match="^13003 "):
            ask(filer, "system-get-version", account="lost")

    def test_capabilities_are_those_of_the_one_who_asks(self, tmp_path: Path) -> None:
        filer = Filer(tmp_path)
        shipped(filer)

        def apis(account: str) -> set[str]:
            listed = ask(filer, "system-user-capability-get-iter", {"max-records": 100}, account=account)
            return {name for text in texts(listed, "api-name") for name in text.split(",")}

        assert apis("ganeti") >= EVERYTHING
        assert "lun-online" in apis("admin") - apis("ganeti")

    def test_capabilities_are_found_as_cinder_asks(self, tmp_path: Path) -> None:
        wanted = {"object-name": "volume", "operation-list": {"operation-info": {"name": "*show"}}}
        found = ask(Filer(tmp_path), "system-user-capability-get-iter", {"query": {"capability-info": wanted}})
        assert "volume-get-iter" in ",".join(texts(found, "api-name")).split(",")

    @pytest.mark.parametrize(
        "line",
        [
            "security login role create -vserver svm1 -role r",
            "security login role create -vserver svm1 -role r -cmddirname lun -access some",
            "security login role create -vserver svm1 -role r -cmddirname lun -colour red",
            "security login create -vserver svm1 -user-or-group-name u -application ssh"
            " -authentication-method password -role r",
            "lun create -path /vol/vol1/a",
            "network interface create -vserver svm1 -lif l -service-policy default-data-files"
            " -home-node cluster1-01 -home-port e0c -address 192.0.2.11 -netmask 255.255.255.0",
            "network interface create -vserver svm1 -lif l -service-policy default-data-blocks"
            " -home-node cluster1-03 -home-port e0c -address 192.0.2.11 -netmask 255.255.255.0",
            "security certificate show -vserver svm2 -type server -instance",
            "volume create -vserver svm1 -volume v -aggregate aggr1 -size 2T -snapshot-policy mine",
            "security login role create -vserver",
        ],
    )
    def test_other_commands_are_refused(self, tmp_path: Path, line: str) -> None:
        with pytest.raises(typed.CommandError):
            typed.run(Filer(tmp_path).state, [line])
