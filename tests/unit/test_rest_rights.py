"""The account that etc/ontap-account-rest.txt makes: it can do everything that the provider does, and no more."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dataontap.client.array import Array
from dataontap.client.rest import rights
from dataontap.client.rest.rights import Right
from dataontap.deadline import Deadline
from dataontap.errors import Refusal, VolumeError
from dataontap.ganeti.environ import HookCall, InstanceDisk
from dataontap.ganeti.hooks import post_remove, pre_move
from dataontap.volume.requests import Opening, Snapshot, Verification, Volume
from tests.simulator import typed
from tests.simulator.filer import Filer
from tests.simulator.model import MIB, Role
from tests.simulator.rest.rights import ALLOWED, FINE_LEVELS, ROOT, plain
from tests.simulator.rest.service import Rest
from tests.simulator.rest.wire import Request
from tests.unit.rest_wire import Memory, RestWire, client
from tests.unit.stage import Stage, no_programs
from tests.unit.volume import CREATION, EXCLUSIVE, METADATA, VOLUME, growth

SHIPPED = Path(__file__).resolve().parents[2] / "etc/ontap-account-rest.txt"
GRANTED = dict(re.findall('-api "(.+)" -access ([a-z_]+)', SHIPPED.read_text(encoding="utf-8")))
ALL = {*rights.needed("iscsi", per_node=True), *rights.needed("fc", per_node=True)}
OPTIONAL = {right.path for right in rights.OPTIONAL}
ROLE = "ganeti-rest"
LOWER = [
    (path, level)
    for path, granted in GRANTED.items()
    for level, methods in ALLOWED.items()
    if path not in OPTIONAL and methods < ALLOWED[granted]
]
IQN = "iqn.1993-08.org.debian:01:node1.example"
WWPN = "50:0a:09:80:00:00:00:01"


class RestStage:
    """A stage whose nodes speak REST with the shipped account, whose name for the SVM is not configured."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        typed.run(stage.filer.state, SHIPPED.read_text(encoding="utf-8").splitlines())
        self.wire, self.memory = RestWire(stage.filer, account="ganeti"), Memory()
        stage.connect = self.connect

    def connect(self, deadline: Deadline) -> Array:
        return client(self.wire, self.memory, self.stage.clock, svm=None)

    def grant(self, granted: dict[str, str]) -> None:
        """Give the account's role these rights and no others."""
        self.stage.filer.state.commit(Role("svm1", ROLE, granted))

    @property
    def sent(self) -> set[tuple[str, str]]:
        """Method and path of each request."""
        found = set()
        for method, url in (request.split() for request in self.wire.urls):
            path = url.removeprefix(ROOT).partition("?")[0]
            template = self.stage.filer.rest.api_name(Request(method, path)).partition(" ")[2]
            found.add((method, ROOT + plain(template)))
        return found


@pytest.fixture
def rest(tmp_path: Path) -> RestStage:
    return RestStage(Stage(tmp_path))


def live(stage: Stage, checks: tuple[str, ...] = Verification.usual) -> None:
    """Each verb and hook, one after the other."""
    stage.provider.create(CREATION)
    stage.provider.attach(VOLUME)
    stage.provider.open(EXCLUSIVE)
    stage.provider.setinfo(METADATA)
    stage.provider.grow(growth(64, 96))
    stage.provider.snapshot(Snapshot({}, "v", None, "v.snap", 128 * MIB))
    stage.provider.verify(Verification({}, checks))
    stage.provider.close(VOLUME)
    stage.provider.detach(VOLUME)
    call = HookCall({}, "instance-migrate", "pre", "node1", "node1", (InstanceDisk(0, "v", "u-1"),))
    pre_move(call, stage.provider, no_programs)
    stage.provider.remove(Volume({}, "v.snap", None))
    stage.host.devices.clear()
    post_remove(call, stage.provider, lambda *argv, timeout: "")
    assert stage.paths == []


def meet_a_stranger(stage: Stage) -> None:
    """Another cluster's node, of which the filer has to tell whether it is logged in."""
    stage.provider.create(CREATION)
    stage.provider.setinfo(METADATA)
    stage.filer.log_in("svm1", IQN)
    stage.cluster, stage.nodes = "b.example", ["b1.example"]
    stage.become("b1.example")
    with pytest.raises(VolumeError, match="^a node outside this cluster may use its LUN"):
        stage.provider.open(Opening({}, "v", "u-1", True))


def changeable(filer: Filer) -> list[object]:
    """What the account's rights could change on the filer."""
    return [dict(each) for each in (filer.luns, filer.maps, filer.state.igroups)]


def test_the_file_has_the_list_and_nothing_else() -> None:
    assert {right.path: right.access for right in (*ALL, *rights.OPTIONAL)} == GRANTED
    # Without a group per node, the file's comment says what is enough.
    (shared,) = rights.SHARED
    assert (shared.access, GRANTED[shared.path]) == ("readonly", "read_create")


def test_the_file_tells_older_releases_of_the_levels_that_they_lack() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    for level in FINE_LEVELS & {*GRANTED.values()}:
        assert f'write "all" for "{level}"' in text


def test_a_right_has_the_lowest_level_that_is_enough() -> None:
    for right in ALL:
        enough = [level for level, methods in ALLOWED.items() if methods >= {*right.methods}]
        assert right.access == min(enough, key=lambda level: len(ALLOWED[level]))


def test_the_list_is_what_the_verbs_send(rest: RestStage) -> None:
    """With the account that has it, so that all of it is also enough."""
    stage = rest.stage
    stage.filer.rest = Rest(stage.filer, stage.clock)
    stage.filer.serving = replace(stage.filer.serving, job_seconds=20)
    stage.options["IGROUP"] = "g-{node}"
    # The check of credentials sends what the list has, whatever that is.
    live(stage, tuple(check for check in Verification.usual if check != "credentials"))
    commands = stage.options.pop("ISCSI_ATTACH_COMMANDS"), stage.options.pop("ISCSI_DETACH_COMMANDS")
    stage.provider.verify(Verification({}, ("portals",)))
    stage.options["ISCSI_ATTACH_COMMANDS"], stage.options["ISCSI_DETACH_COMMANDS"] = commands
    meet_a_stranger(stage)
    # What no verb comes to here: two machines that join a group at the same moment, and Fibre Channel.
    array = rest.connect(Deadline(120))
    array.remove_igroup_initiator("g-b1.example", "iqn.1993-08.org.debian:01:b1.example")
    assert array.logged_in([WWPN], "fc") == set()
    assert array.is_fcp_enabled()
    assert array.get_fc_target_ports()
    needed = {(method, right.path) for right in (*ALL, *rights.OPTIONAL) for method in right.methods}
    assert rest.sent == needed


@pytest.mark.parametrize("igroup", ["ganeti", "g-{node}"])
@pytest.mark.parametrize("job_seconds", [0, 20])
def test_a_life_without_what_is_optional(rest: RestStage, igroup: str, job_seconds: int) -> None:
    """Where a role of an SVM may not have it: the outcome of jobs is seen at the LUNs themselves."""
    stage = rest.stage
    stage.options["IGROUP"] = igroup
    stage.filer.rest = Rest(stage.filer, stage.clock)
    stage.filer.serving = replace(stage.filer.serving, job_seconds=job_seconds)
    granted = {path: level for path, level in GRANTED.items() if path not in OPTIONAL}
    if igroup == "ganeti":
        granted |= {right.path: right.access for right in rights.SHARED}
    rest.grant(granted)
    live(stage)


@pytest.mark.parametrize(("path", "level"), LOWER)
@pytest.mark.parametrize("igroup", ["ganeti", "g-{node}"])
def test_verify_names_what_the_account_lacks(rest: RestStage, path: str, level: str, igroup: str) -> None:
    """Each path, at each lower level."""
    stage = rest.stage
    stage.options["IGROUP"] = igroup
    rest.grant({**GRANTED, path: level})
    for protocol in ("iscsi", "fc"):
        stage.options["STORAGE_PROTOCOL"] = protocol
        lacking = [
            f"{path} ({', '.join(methods)})"
            for right in rights.needed(protocol, per_node=igroup != "ganeti")
            if right.path == path
            for methods in [[method for method in right.methods if method not in ALLOWED[level]]]
            if methods
        ]
        checks = Verification({}, ("connection", "credentials"))
        if not lacking:
            assert stage.provider.verify(checks) == "connection: fine\ncredentials: fine"
            continue
        with pytest.raises(VolumeError) as caught:
            stage.provider.verify(checks)
        said = f"credentials: LOGIN may not call {', '.join(lacking)}; see ontap-account-rest.txt"
        assert str(caught.value) == said


def test_a_refused_request_says_where_to_look(rest: RestStage) -> None:
    rest.grant({**GRANTED, "/api/storage/luns": "readonly"})
    with pytest.raises(Refusal) as caught:
        rest.stage.provider.create(CREATION)
    assert str(caught.value) == (
        "POST luns failed: not authorized for that command (code 6); verify credentials tells what LOGIN lacks"
    )


def test_the_probes_change_nothing(rest: RestStage) -> None:
    rest.stage.provider.create(CREATION)
    before = changeable(rest.stage.filer)
    assert rest.connect(Deadline(120)).get_missing_rights("iscsi", per_node=True) == []
    assert changeable(rest.stage.filer) == before


def test_one_account_has_a_role_for_each_application(tmp_path: Path) -> None:
    """ZAPI's role and REST's, as a move from ZAPI to REST leaves it."""
    stage = Stage(tmp_path)
    zapi = SHIPPED.with_name("ontap-account-zapi.txt").read_text(encoding="utf-8")
    typed.run(stage.filer.state, zapi.splitlines())
    stage.wire.account = "ganeti"
    rest = RestStage(stage)
    live(stage)
    assert rest.sent
    stage.connect = lambda deadline: stage.client
    live(stage)


def test_a_record_of_a_right_is_addressed_below_its_collection() -> None:
    (initiators,) = (right for right in rights.PER_NODE if right.path.endswith("/initiators"))
    nothing = "00000000-0000-0000-0000-000000000000"
    assert initiators.record == f"/protocols/san/igroups/{nothing}/initiators/{nothing}"
    assert Right("/api/storage/luns", ("GET",), "").record == f"/storage/luns/{nothing}"
