"""What verify asks the filer, and what it makes of the answers; and that it stops asking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from dataontap import findings
from dataontap.client.array import Pool
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.errors import ChecksFailed, DeadlineError, TransportError
from dataontap.findings import Finding, failure, warning
from dataontap.volume.checks import Checks
from dataontap.volume.filer_checks import FilerChecks, Looks
from dataontap.volume.requests import Verification
from tests.unit.stage import Stage, StageTarget
from tests.unit.test_node_checks import the_failure, the_warning, told
from tests.unit.volume import PATH

MIB = 1 << 20
OF_FILER = ("connection", "credentials", "pool", "igroup", "portals")
IQN = "iqn.1993-08.org.debian:01:node1.example"
REFUSED = TransportError(
    "filer:443 does not accept LOGIN 'admin' with this PASSWORD (HTTP status 401)", status=401
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A filer on which all is well, and a node to which LUNs come by our own hands."""
    stage = Stage(tmp_path)
    for option in ("ISCSI_ATTACH_COMMANDS", "ISCSI_DETACH_COMMANDS"):
        del stage.options[option]
    stage.ask("igroup-add", {"initiator-group-name": "ganeti", "initiator": IQN})
    return stage


def test_all_is_well(stage: Stage) -> None:
    assert told(stage, *OF_FILER) == [f"{check}: fine" for check in OF_FILER]


def test_every_check_that_is_named_is_there(stage: Stage) -> None:
    stage.options["IGROUP"] = "g-{node}"
    lines = told(stage, *Verification.known)
    assert [line.partition(":")[0] for line in lines] == list(Verification.known)


class TestSilence:
    def test_a_wrong_password_is_tried_once(self, stage: Stage) -> None:
        stage.wire.lose("system-get-ontapi-version", after=False, error=REFUSED, times=9)
        stage.wire.lose("system-user-capability-get-iter", after=False, error=REFUSED, times=9)
        assert told(stage, *OF_FILER) == [
            "connection: fine",
            f"credentials: FAILED: {REFUSED}",
            "pool: not checked: the filer does not accept LOGIN",
            "igroup: not checked: the filer does not accept LOGIN",
            "portals: not checked: the filer does not accept LOGIN",
        ]
        assert len(stage.wire.calls) == 1

    @pytest.mark.parametrize("check", ["credentials", "pool", "igroup", "portals", "orphans"])
    def test_whichever_comes_next_tells(self, stage: Stage, check: str) -> None:
        stage.wire.lose("system-get-ontapi-version", after=False, error=REFUSED, times=9)
        assert told(stage, "connection", check) == ["connection: fine", f"{check}: FAILED: {REFUSED}"]
        assert len(stage.wire.calls) == 1

    @pytest.mark.parametrize("check", ["pool", "igroup"])
    def test_without_asking_for_the_connection(self, stage: Stage, check: str) -> None:
        for api in ("volume-get-iter", "igroup-get-iter"):
            stage.wire.lose(api, after=False, error=REFUSED, times=9)
        lines = told(stage, check, *OF_FILER[1:])
        assert lines[0] == f"{check}: FAILED: {REFUSED}"
        assert {line.partition(": ")[2] for line in lines[1:]} == {"not checked: the filer does not accept LOGIN"}
        assert len(stage.wire.calls) == 1

    def test_a_filer_that_does_not_answer_is_asked_once(self, stage: Stage) -> None:
        stage.wire.lose("system-get-ontapi-version", after=False)
        lines = told(stage, "lvm", *OF_FILER, "udev")
        assert lines[0] == "lvm: fine"
        assert lines[1].startswith(
            "connection: FAILED: system-get-ontapi-version: the connection to the filer failed"
        )
        assert lines[2:-1] == [f"{check}: not checked: the filer does not answer" for check in OF_FILER[1:]]
        assert lines[-1].startswith("udev: "), "the node can be looked at"
        assert len(stage.wire.calls) == 1

    def test_no_time_is_left(self) -> None:
        def slow() -> Iterator[Finding]:
            raise DeadlineError("volume-get-iter", 2)
            yield

        found = [*Checks({}, {"pool": slow, "igroup": slow}).run(["pool", "igroup"])]
        assert [str(finding) for finding in found] == [
            "pool: FAILED: no time left for: volume-get-iter (TIMEOUT is 2 s)",
            "igroup: not checked: no time is left",
        ]

    def test_an_error_of_one_call_stops_no_other(self, stage: Stage) -> None:
        stage.options["POOL"] = "nowhere"
        assert told(stage, "pool", "igroup")[1] == "igroup: fine"


class TestAddresses:
    def test_each_has_its_line(self, stage: Stage) -> None:
        stage.addresses = [
            Finding("connection", findings.Severity.FINE, "a:443 is used"),
            warning("connection", "b:443 refused the connection"),
        ]
        assert told(stage, "connection", "pool") == [
            "connection: fine: a:443 is used",
            "connection: warning: b:443 refused the connection",
            "pool: fine",
        ]

    def test_none_is_tried_after_a_refused_password(self, stage: Stage) -> None:
        stage.addresses = [failure("connection", "not to be looked at")]
        stage.wire.lose("system-get-ontapi-version", after=False, error=REFUSED)
        assert told(stage, "connection") == ["connection: fine"]


class TestPool:
    def change(self, stage: Stage, **fields: object) -> None:
        volume = stage.filer.volumes["svm1", "vol1"]
        stage.filer.state.commit(replace(volume, **fields))  # type: ignore[arg-type]

    def test_absent(self, stage: Stage) -> None:
        stage.options["POOL"] = "nowhere"
        assert "POOL: the SVM has no volume 'nowhere'" in the_failure(stage, "pool")

    @pytest.mark.parametrize("state", ["offline", "restricted"])
    def test_not_online(self, stage: Stage, state: str) -> None:
        self.change(stage, state=state)
        assert f"POOL: vol1 is {state}; volume online -volume vol1" in the_failure(stage, "pool")

    @pytest.mark.parametrize("kind", ["dp", "ls"])
    def test_a_mirror(self, stage: Stage, kind: str) -> None:
        self.change(stage, type=kind)
        assert f"(type {kind})" in the_failure(stage, "pool")

    def fill(self, stage: Stage, left: int) -> None:
        stage.ask("lun-create-by-size", {"path": "/vol/vol1/big", "size": 64 * MIB, "use-exact-size": "true"})
        self.change(stage, size=64 * MIB + left)

    def test_full(self, stage: Stage) -> None:
        self.fill(stage, 0)
        assert "POOL: vol1 is full; volume size" in the_failure(stage, "pool")

    def test_full_for_thin_luns(self, stage: Stage) -> None:
        self.fill(stage, 0)
        stage.options["LUN_SPACE_RESERVATION"] = False
        the_warning(stage, "pool")

    def test_nearly_full(self, stage: Stage) -> None:
        self.fill(stage, 2 * MIB)
        assert "POOL: vol1 is nearly full: 2 of 66 MiB are left" in the_warning(stage, "pool")

    def test_half_full(self, stage: Stage) -> None:
        self.fill(stage, 64 * MIB)
        assert told(stage, "pool") == ["pool: fine"]

    @pytest.mark.parametrize(
        ("pool", "expected"),
        [
            (Pool("vol1", "rw", is_clone=False), []),  # a filer that tells neither state nor sizes
            (Pool("vol1", "rw", False, "online", 100 * MIB, 0, grows=True), ["warning"]),
            (Pool("vol1", "rw", False, "offline", None, None), ["FAILED"]),
        ],
    )
    def test_what_the_simulator_never_is(self, stage: Stage, pool: Pool, expected: list[str]) -> None:
        class Told:
            def get_pools(self, names: list[str]) -> list[Pool]:
                return [pool]

        site = stage.site
        looks = Looks(StageTarget({}), list)
        told = cast(CmodeClient, Told())
        checks = FilerChecks(site.settings, site.cluster, lambda: told, site.igroups, looks)
        assert [finding.severity.value for finding in checks.pool()] == expected


class TestIgroup:
    def test_absent(self, stage: Stage) -> None:
        stage.options["IGROUP"] = "nobody"
        assert the_failure(stage, "igroup") == (
            "igroup: FAILED: IGROUP: the SVM has no igroup 'nobody'; "
            "lun igroup create -igroup nobody -protocol iscsi -ostype linux"
        )

    def test_without_this_node(self, stage: Stage) -> None:
        stage.ask("igroup-remove", {"initiator-group-name": "ganeti", "initiator": IQN})
        assert the_failure(stage, "igroup") == (
            f"igroup: FAILED: IGROUP: ganeti lacks an initiator of this node; "
            f"lun igroup add -igroup ganeti -initiator {IQN}"
        )

    def test_commands_may_log_in_by_another_name(self, stage: Stage) -> None:
        stage.ask("igroup-remove", {"initiator-group-name": "ganeti", "initiator": IQN})
        stage.options["ISCSI_ATTACH_COMMANDS"] = (("true",),)
        the_warning(stage, "igroup")

    def test_of_the_other_protocol(self, stage: Stage) -> None:
        stage.options["STORAGE_PROTOCOL"] = "fc"
        assert "IGROUP: ganeti is an igroup for iscsi, not for fcp" in the_failure(stage, "igroup")

    def test_others_may_be_in_it(self, stage: Stage) -> None:
        stage.ask("igroup-add", {"initiator-group-name": "ganeti", "initiator": "iqn.1993-08.org.debian:01:x"})
        assert told(stage, "igroup") == ["igroup: fine"]

    def test_a_node_of_its_own_with_anothers_initiator(self, stage: Stage) -> None:
        stage.options["IGROUP"] = "g-{node}"
        stage.ask("igroup-create", {"initiator-group-name": "g-node1.example", "initiator-group-type": "iscsi"})
        stage.ask(
            "igroup-add", {"initiator-group-name": "g-node1.example", "initiator": "iqn.1993-08.org.debian:01:x"}
        )
        assert "another machine's initiator is in" in the_failure(stage, "igroup")


class TestPortals:
    def test_some_are_reached(self, stage: Stage) -> None:
        stage.portals["192.0.2.2", 3260] = "Connection refused"
        assert (
            "cannot reach the portal 192.0.2.2:3260 (Connection refused); check this node's storage"
            in the_warning(stage, "portals")
        )

    def test_none_is_reached(self, stage: Stage) -> None:
        stage.portals = {("192.0.2.1", 3260): "No route to host", ("2001:db8::1", 860): "no answer within 2 s"}
        line = the_failure(stage, "portals")
        assert "portals 192.0.2.1:3260 (No route to host), [2001:db8::1]:860 (no answer within 2 s);" in line

    def test_a_lun_that_only_other_nodes_of_the_filer_show(self, stage: Stage) -> None:
        """As after its volume moved to another pair of nodes."""
        stage.ask("lun-create-by-size", {"path": PATH, "size": 64 * MIB})
        stage.ask("lun-map", {"path": PATH, "initiator-group": "ganeti"})
        assert told(stage, "portals") == ["portals: fine"]
        nodes = {"nodes": {"node-name": "cluster1-01"}}
        stage.ask("lun-map-remove-reporting-nodes", {"path": PATH, "igroup": "ganeti", **nodes})
        stage.portals = {("192.0.2.5", 3260): "", ("192.0.2.6", 3260): "Connection refused"}
        assert f"no path to {PATH}: only cluster1-02 shows it here" in "".join(told(stage, "portals"))
        stage.portals["192.0.2.6", 3260] = ""
        assert told(stage, "portals") == ["portals: fine"]

    @pytest.mark.parametrize(
        "options",
        [
            {"ISCSI_ATTACH_COMMANDS": (("true",),)},
            {"STORAGE_PROTOCOL": "fc", "FC_ATTACH_COMMANDS": (("true",),)},
        ],
    )
    def test_not_ours(self, stage: Stage, options: dict[str, object]) -> None:
        stage.portals["192.0.2.1", 3260] = "Connection refused"
        stage.options.update(options)
        assert told(stage, "portals") == ["portals: not checked: LUNs come by configured commands"]

    def test_over_fc(self, stage: Stage) -> None:
        stage.options["STORAGE_PROTOCOL"] = "fc"
        stage.portals["192.0.2.2", 3260] = "its state is Blocked"
        assert (
            "cannot reach the FC interface 192.0.2.2:3260 (its state is Blocked); check the zoning"
            in the_warning(stage, "portals")
        )


class TestFindings:
    def test_the_summary_names_the_first_failure_and_how_many_more(self) -> None:
        found = [warning("a", "odd"), failure("b", "bad", "mend it"), failure("c", "worse")]
        assert findings.summary(found[:1]) == ""
        assert findings.summary(found[:2]) == "b: bad; mend it"
        assert findings.summary(found) == "b: bad (and 1 more); mend it"

    @pytest.mark.parametrize(("what", "remedy"), [("bad", "x" * 200), ("x" * 200, "mend it")])
    def test_a_long_one_keeps_reason_and_number(self, what: str, remedy: str) -> None:
        said = findings.summary([failure("b", what, remedy), failure("c", "worse")])
        assert len(said) <= 180
        assert said.startswith(f"b: {what[:100]}")
        assert said.endswith(" (and 1 more)")

    def test_a_verbs_last_line_has_no_more_than_it_may(self, stage: Stage) -> None:
        stage.wire.lose("volume-get-iter", after=False, error=TransportError("x" * 300))
        with pytest.raises(ChecksFailed) as caught:
            stage.provider.verify(Verification({}, ("pool",)))
        assert len(f"dataontap: verify: {caught.value}") <= 200
        assert "x" * 300 in caught.value.report

    def test_what_the_filer_says_does_nothing_to_a_terminal_and_tells_no_secret(self, stage: Stage) -> None:
        stage.wire.lose("volume-get-iter", after=False, error=TransportError("a\x1b[2J\nsecret"))
        assert told(stage, "pool") == ["pool: FAILED: volume-get-iter: a?[2J ***"]
