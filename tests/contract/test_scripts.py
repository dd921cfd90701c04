"""The provider directory as Ganeti sees it, and what each script does when it is called wrongly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dataontap.client.array import LunSpec
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from dataontap.ganeti.environ import REQUESTS
from dataontap.volume.requests import PARAMETERS, Verification
from tests.contract.conftest import MakeNode
from tests.simulator.faults import Fault
from tests.simulator.process import Simulator
from tests.testbed.calls import spelled
from tests.testbed.node import Node
from tests.testbed.product import Product

VERBS = sorted(REQUESTS)
MIB = 1024 * 1024
GANETIS = {"EXTP_PROVIDER": "dataontap", "EXTP_ACCESS": "kernelspace", "VOL_UUID": "u-1"}
BUSY = {"rest": "code 8", "zapi": "errno 16"}
DEBUG_LINE = {
    "rest": ('"name": "/vol/vol1/v", "os_type": "linux", "space": {"size": 16777216', "status 201"),
    "zapi": ("lun-create-by-size(path=/vol/vol1/v, size=16777216", "passed"),
}
CREATION = {**GANETIS, "VOL_NAME": "v", "VOL_SIZE": "16"}


def make_lun(admin: CmodeClient, name: str = "v") -> None:
    """A LUN of the first implementation's: mapped, and no word in its comment."""
    admin.create_lun(lun_at(f"/vol/vol1/{name}"), 16 * MIB, LunSpec("linux", space_reserved=True, comment=""))
    admin.map_lun(lun_at(f"/vol/vol1/{name}"), "ganeti")


def calls_of_scripts(simulator: Simulator) -> list[str | None]:
    """What was asked after the fixtures had set the filer up, on a connection of their own."""
    return [request.api for request in simulator.requests() if request.connection > 1]


def test_what_is_installed(installed: Product) -> None:
    files = {file.name: file.stat().st_mode & 0o777 for file in installed.scripts.iterdir()}
    assert files == {**dict.fromkeys(VERBS, 0o755), "parameters.list": 0o644}


@pytest.mark.parametrize("verb", VERBS)
def test_help_and_stray_arguments(node: Node, simulator: Simulator, verb: str) -> None:
    for arguments, status in ((["-h"], 0), (["--help"], 0), (["stray", "--help"], 0)):
        outcome = node.script(verb, *arguments)
        assert (outcome.status, outcome.stdout) == (status, "")
        assert outcome.message.startswith(f"usage: {verb}")
    outcome = node.script(verb, "stray", **CREATION)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.message.startswith("dataontap: verify" if verb == "verify" else f"usage: {verb}")
    assert calls_of_scripts(simulator) == []


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "verify"])
def test_outside_ganeti(node: Node, verb: str) -> None:
    outcome = node.script(verb)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr == f"dataontap: {verb} -: VOL_NAME: is not set; this script must be run by Ganeti\n"


def test_an_unknown_parameter_stops_create_before_a_socket_is_opened(node: Node, simulator: Simulator) -> None:
    connections = simulator.requests()
    outcome = node.script("create", **CREATION, EXTP_HOSTNAME="evil")
    assert outcome.status == 1
    assert outcome.message == (
        f"dataontap: create v: EXTP_HOSTNAME: no such parameter; known: {', '.join(PARAMETERS)}"
    )
    assert simulator.requests() == connections


def test_an_unknown_parameter_changes_nothing_in_any_other_verb(
    node: Node, simulator: Simulator, admin: CmodeClient
) -> None:
    evil = {"EXTP_HOSTNAME": "evil.invalid", "EXTP_PORT": "1", "EXTP_LOGIN": "evil", "EXTP_DEBUG": "True"}
    evil.update(EXTP_CLUSTER_MODE_VSERVER="evil", EXTP_LOGFILE="/run/evil", EXTP_TRANSPORT_TYPE="http")
    assert node.script("create", **CREATION).status == 0
    variables = {
        "VOL_METADATA": "text",
        "VOL_OPEN_EXCLUSIVE": "True",
        "VOL_NEW_SIZE": "24",
        "VOL_SNAPSHOT_NAME": "v.snap",
        "VOL_SNAPSHOT_SIZE": "24",
    }
    for verb in ("attach", "open", "setinfo", "grow", "snapshot", "close", "detach", "remove"):
        outcome = node.script(verb, **CREATION, **variables, **evil)
        assert outcome.status == 0, outcome.stderr
    assert not node.path("/run/evil").exists()
    assert [lun.path for lun in admin.get_lun_by_args(path="/vol/*")] == ["/vol/vol1/v.snap"]


def test_parameters_of_the_disk(node: Node, admin: CmodeClient) -> None:
    admin.server.send_request("igroup-create", {"initiator-group-name": "other", "initiator-group-type": "iscsi"})
    parameters = {
        "EXTP_POOL": "vol2",
        "EXTP_IGROUP": "other",
        "EXTP_LUN_OSTYPE": "xen",
        "EXTP_LUN_SPACE_RESERVATION": "no",
    }
    commands = (node.fabric_command("attach", igroup="other"),)
    node.configure(ISCSI_ATTACH_COMMANDS=commands, ALLOWED_IGROUPS=("other",))
    assert node.script("create", **CREATION, **parameters).status == 0
    (lun,) = admin.get_lun_by_args(path="/vol/vol2/v", **{"multiprotocol-type": "xen"})
    assert not lun.space_reserved
    assert [mapping.igroup for mapping in admin.get_lun_map(lun_at("/vol/vol2/v"))] == ["other"]
    outcome = node.script("create", **{**CREATION, "VOL_NAME": "w"}, EXTP_LUN_OSTYPE="plan9")
    assert outcome.message.startswith("dataontap: create w: EXTP_LUN_OSTYPE: 'plan9' is none of aix, hpux")


class TestAttach:
    """The one verb with an answer on standard output."""

    def test_prints_the_stable_name_and_nothing_else(self, node: Node) -> None:
        node.script("create", **CREATION)
        for _ in range(2):
            outcome = node.script("attach", **CREATION)
            assert (outcome.status, outcome.stdout) == (0, "/run/disk/127.0.0.1/vol1/v\n")

    def test_of_a_volume_that_is_not_there(self, node: Node) -> None:
        outcome = node.script("attach", **CREATION)
        assert (outcome.status, outcome.stdout) == (1, "")
        assert outcome.message == (
            "dataontap: attach v: there is no LUN of this name in vol1; check POOL and CLUSTER_MODE_VSERVER"
        )

    def test_whose_answer_nobody_reads(self, node: Node) -> None:
        node.script("create", **CREATION)
        node.script("attach", **CREATION)
        unread = "mkfifo /run/unread; exec 3<>/run/unread 4>/run/unread; exec 3<&-"
        outcome = node.shell(f'{unread}; exec "$0" >&4', "attach", **CREATION)
        assert outcome.status == 1
        assert outcome.message == "dataontap: attach v: the answer could not be written: Broken pipe"

    def test_with_standard_output_closed(self, node: Node) -> None:
        node.script("create", **CREATION)
        outcome = node.shell('exec "$0" >&-', "attach", **CREATION)
        assert outcome.status == 1
        assert outcome.message == (
            "dataontap: attach v: the answer could not be written: standard output is closed"
        )

    def test_a_link_to_nothing_is_no_device(self, node: Node, admin: CmodeClient) -> None:
        make_lun(admin)
        link = node.path("/run/disk/127.0.0.1/vol1/v")
        link.parent.mkdir(parents=True)
        link.symlink_to("/dev/null")
        outcome = node.script("attach", **CREATION)
        assert outcome.status == 0, outcome.stderr
        assert node.device("/run/disk/127.0.0.1/vol1/v").startswith("/dev/loop")

    def test_two_devices_of_one_name_are_an_error(self, node: Node) -> None:
        node.script("create", **CREATION)
        node.script("attach", **CREATION)
        name = "/run/disk/127.0.0.1/vol1/v"
        for twin in ("/run/disk/filer2/vol1/v", "/run/disk/filer3/vol9/v"):
            node.path(twin).parent.mkdir(parents=True)
            node.path(twin).symlink_to(node.device(name))
        assert node.script("attach", **CREATION).stdout == name + "\n", "the exact name wins"
        node.path(name).unlink()
        outcome = node.script("attach", **CREATION)
        assert outcome.status == 1
        assert outcome.message == (
            "dataontap: attach v: there is more than one device of this name: "
            "in /run/disk/filer2/vol1, /run/disk/filer3/vol9; its LUN may be left in vol1"
        )
        node.path(name).symlink_to(node.device("/run/disk/filer2/vol1/v"))

    def test_a_failed_scan_is_in_the_message(self, make_node: MakeNode, admin: CmodeClient) -> None:
        node = make_node(ISCSI_ATTACH_COMMANDS=(("false",),), TIMEOUT=1)
        make_lun(admin)
        outcome = node.script("attach", **CREATION)
        assert outcome.status == 1
        assert outcome.message.startswith(
            "dataontap: attach v: false failed with status 1: no output; no device came up (waited "
        )

    def test_a_scan_that_cannot_be_started(self, make_node: MakeNode, admin: CmodeClient) -> None:
        node = make_node(ISCSI_ATTACH_COMMANDS=(("no-such-program",),))
        make_lun(admin)
        outcome = node.script("attach", **CREATION)
        assert outcome.message == "dataontap: attach v: cannot run no-such-program: No such file or directory"

    def test_a_scan_of_which_a_part_is_not_installed(self, node: Node) -> None:
        """As the default on a node without multipath-tools: what could be run was enough."""
        both = (node.fabric_command("attach"), ("no-such-program", "-r"))
        node.configure(ISCSI_ATTACH_COMMANDS=both)
        outcome = node.script("create", **CREATION)
        assert outcome.status == 0
        assert "WARNING dataontap.host.commands cannot run no-such-program: No such file" in outcome.stderr

    def test_with_standard_error_closed(self, node: Node) -> None:
        outcome = node.shell('exec "$0" 2>&-', "attach", **CREATION)
        assert (outcome.status, outcome.stdout) == (1, "")

    def test_a_scan_that_hangs(self, make_node: MakeNode, admin: CmodeClient) -> None:
        node = make_node(ISCSI_ATTACH_COMMANDS=(("sh", "-c", "sleep 60 & wait"),), TIMEOUT=2)
        make_lun(admin)
        outcome = node.script("attach", **CREATION)
        assert outcome.status == 1
        assert outcome.seconds < 10
        assert outcome.message.startswith(
            "dataontap: attach v: sh -c did not end within 2 s and was killed; no device came up"
        )

    def test_glob_characters_in_names_are_no_patterns(self, make_node: MakeNode) -> None:
        node = make_node(LUN_DEVICE_PATH_FORMAT="/run/disk/[{hostname}]/{pool}/{name}", HOSTNAME="localhost")
        decoy = node.path("/run/disk/l/vol1/v")  # what an unescaped [localhost] would match
        decoy.parent.mkdir(parents=True)
        decoy.symlink_to("/dev/loop0")
        outcome = node.script("attach", **CREATION)
        assert "there is no LUN of this name in vol1" in outcome.message


class TestLog:
    """What is written down, where, and what never is."""

    def test_one_line_a_verb(self, node: Node) -> None:
        node.script("create", **CREATION)
        (line,) = [line for line in node.log().splitlines() if "the filer's release: " not in line]
        assert " INFO dataontap.ganeti.script create v: done in " in line
        assert (node.directory / "log/ganeti-extstorage-dataontap.log").stat().st_mode & 0o777 == 0o600

    def test_debug_shows_each_call_and_no_password(self, make_node: MakeNode) -> None:
        node = make_node(DEBUG=True)
        outcome = node.script("create", **CREATION)
        call, passed = DEBUG_LINE[node.api]
        for text in (node.log(), outcome.stderr):
            assert call in text
            assert f"{passed} in 0.0" in text
            assert "secret" not in text
            assert "YWRtaW46" not in text, "base64 of admin:"

    def test_none(self, make_node: MakeNode) -> None:
        node = make_node(LOGFILE=None)
        assert node.script("create", **CREATION).status == 0
        assert not (node.directory / "log/ganeti-extstorage-dataontap.log").exists()

    @pytest.mark.parametrize("logfile", ["/run", "/nowhere/log", "/proc/version", "/dev/full", "/run/fifo"])
    def test_a_file_that_cannot_be_written_stops_nothing(self, make_node: MakeNode, logfile: str) -> None:
        node = make_node(LOGFILE=logfile)
        os.mkfifo(node.path("/run/fifo"))
        outcome = node.script("create", **CREATION)
        assert outcome.status == 0
        assert "Logging error" not in outcome.stderr
        assert f"WARNING dataontap.log LOGFILE: {logfile}: " in outcome.stderr

    def test_a_full_disk_under_ganetis_log_stops_nothing(self, node: Node) -> None:
        assert node.shell('exec "$0" >/dev/full 2>&1', "create", **CREATION).status == 0
        outcome = node.shell('exec "$0" 2>/dev/full', "attach", **CREATION)
        assert (outcome.status, outcome.stdout) == (0, "/run/disk/127.0.0.1/vol1/v\n")

    def test_a_failure_is_in_it(self, node: Node) -> None:
        node.script("attach", **CREATION)
        assert " ERROR dataontap.ganeti.script attach v: failed after " in node.log()

    def test_what_the_filer_says_does_nothing_to_a_terminal(self, node: Node, simulator: Simulator) -> None:
        """XML has no escape, but the other control characters, and those that turn the text around."""
        create, number = spelled("lun-create-by-size", node.api), BUSY[node.api].split()[1]
        with simulator.control.armed_with(
            Fault("errno", api=create, errno=number, reason="busy\x9b31m \u202ekcab")
        ):
            outcome = node.script("create", **CREATION)
        assert outcome.status == 0, outcome.stderr
        for text in (node.log(), outcome.stderr):
            assert f"busy?31m ?kcab ({BUSY[node.api]}); retrying in" in text
            assert [line for line in text.split("\n") if not line.isprintable()] == []

    def test_the_password_in_a_command_is_masked(self, make_node: MakeNode, admin: CmodeClient) -> None:
        node = make_node(ISCSI_ATTACH_COMMANDS=(("false", "secret"),), TIMEOUT=1)
        make_lun(admin)
        outcome = node.script("attach", **CREATION)
        assert "false *** failed with status 1" in outcome.message
        assert "secret" not in outcome.stderr + node.log()


class TestMessages:
    """With names as long as Ganeti's, the reason must still be in the line that the admin sees."""

    NAME = "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0"

    def message(self, node: Node, verb: str, **variables: str) -> str:
        outcome = node.script(verb, **{**CREATION, "VOL_NAME": self.NAME, **variables})
        assert outcome.status == 1
        assert not outcome.message.endswith("..."), "cut off"
        prefix = f"dataontap: {verb} {self.NAME}: "
        assert outcome.message.startswith(prefix)
        return outcome.message[len(prefix) :]

    def test_they_are_whole(self, make_node: MakeNode, admin: CmodeClient) -> None:
        node = make_node()
        assert self.message(node, "attach").startswith("there is no LUN of this name in vol1; ")
        make_lun(admin, self.NAME)
        assert self.message(node, "create").startswith("there is a LUN of this name in vol1 already")
        assert self.message(node, "grow", VOL_NEW_SIZE="8") == "will not shrink it from 16 to 8 MiB"
        node.configure(ISCSI_ATTACH_COMMANDS=(("no-such-program", "-m", "node", "-R"),))
        assert self.message(node, "attach").startswith("cannot run no-such-program: No such file")
        node.configure()
        device = node.script("attach", **{**CREATION, "VOL_NAME": self.NAME}).stdout.strip()
        with open(node.device(device), "rb"):
            assert self.message(node, "detach").startswith("its device is in use by process ")
        node.configure(TIMEOUT=2, ISCSI_ATTACH_COMMANDS=(("false",),))  # or it waits 10 s for the size
        grown = (
            "false failed with status 1: no output; "
            "the LUN has 25165824 bytes now, but its device here is still smaller"
        )
        assert self.message(node, "grow", VOL_NEW_SIZE="24").startswith(grown)
        admin.server.send_request(
            "igroup-create", {"initiator-group-name": "backup", "initiator-group-type": "iscsi"}
        )
        admin.map_lun(lun_at(f"/vol/vol1/{self.NAME}"), "backup")
        node.configure()
        assert self.message(node, "remove").startswith("its LUN is also mapped to backup; to remove it, unmap")

    def test_nothing_gets_through_that_a_terminal_would_obey(self, node: Node) -> None:
        outcome = node.script("attach", VOL_NAME="a\x1b[2Jb")
        assert "\x1b" not in outcome.stderr


class TestStaleDevices:
    """A device whose LUN is gone must not be taken for the next LUN of that name."""

    def test_a_second_export_reads_new_data(self, node: Node) -> None:
        snapshot = {"VOL_SNAPSHOT_NAME": "v.snap", "VOL_SNAPSHOT_SIZE": "16"}
        clone = {**GANETIS, "VOL_NAME": "v.snap"}
        node.script("create", **CREATION)
        device = node.script("attach", **CREATION).stdout.strip()
        for day in (b"MONDAY", b"TUESDAY"):
            with open(node.device(device), "r+b", buffering=0) as disk:
                disk.write(day)
            assert node.script("snapshot", **CREATION, **snapshot).status == 0
            copy = node.script("attach", **clone).stdout.strip()
            with open(node.device(copy), "rb", buffering=0) as disk:
                assert disk.read(len(day)) == day  # and the export breaks off here

    def test_a_leftover_clone_that_somebody_reads_stays(self, node: Node, admin: CmodeClient) -> None:
        snapshot = {"VOL_SNAPSHOT_NAME": "v.snap", "VOL_SNAPSHOT_SIZE": "16"}
        node.script("create", **CREATION)
        node.script("snapshot", **CREATION, **snapshot)
        copy = node.script("attach", **{**GANETIS, "VOL_NAME": "v.snap"}).stdout.strip()
        before = admin.get_lun_by_args(path="/vol/vol1/v.snap")
        with open(node.device(copy), "rb"):
            outcome = node.script("snapshot", **CREATION, **snapshot)
        assert outcome.status == 1
        assert "its device is in use by process" in outcome.message
        assert admin.get_lun_by_args(path="/vol/vol1/v.snap") == before

    def test_nothing_is_made_over_a_device_that_stayed(self, make_node: MakeNode, admin: CmodeClient) -> None:
        """As with a configuration of the first version, whose detach did nothing."""
        node = make_node(ISCSI_DETACH_COMMANDS=None)
        node.script("create", **CREATION)
        node.script("attach", **CREATION)
        assert node.script("detach", **CREATION).status == 0
        assert node.script("remove", **CREATION).status == 0
        outcome = node.script("create", **CREATION)
        assert outcome.status == 1
        assert "a stale device of this name is here, whose LUN is gone" in outcome.message
        assert admin.get_lun_by_args(path="/vol/*") == []


def test_an_export_bears_a_list_that_lags(make_node: MakeNode, simulator: Simulator) -> None:
    """Another process attaches the clone, and over REST the filer may not list it yet."""
    node = make_node(API="rest")
    node.script("create", **CREATION)
    snapshot = {"VOL_SNAPSHOT_NAME": "v.snap", "VOL_SNAPSHOT_SIZE": "16"}
    with simulator.control.armed_with(Fault("stale", api="POST /storage/luns", seconds=4)):
        assert node.script("snapshot", **CREATION, **snapshot).status == 0
        outcome = node.script("attach", **{**GANETIS, "VOL_NAME": "v.snap"})
    assert outcome.status == 0, outcome.stderr


def test_configuration_errors_are_one_line(node: Node) -> None:
    node.configure(VERIFY_CERTS=True)
    outcome = node.script("attach", **CREATION)
    assert outcome.stderr == (
        f"dataontap: attach v: /etc/ganeti/extstorage-dataontap.conf:{len(node.defaults()) + 1}: VERIFY_CERTS: "
        "no such option; "
        "did you mean VERIFY_CERT?\n"
    )
    os.chmod(Path(node.directory / "etc-ganeti/extstorage-dataontap.conf"), 0o644)
    outcome = node.script("attach", **CREATION)
    assert outcome.message.endswith("change it; as root: chmod 600 /etc/ganeti/extstorage-dataontap.conf")
    assert len(outcome.message) <= 200


def test_seven_mode_is_refused_by_name(node: Node) -> None:
    node.configure(STORAGE_FAMILY="ontap_7mode")
    outcome = node.script("create", **CREATION)
    assert outcome.message == (
        "dataontap: create v: STORAGE_FAMILY: 'ontap_7mode' is not supported yet; use 'ontap_cluster'"
    )


class TestVerify:
    """For people, who read standard output; Ganeti never runs it."""

    def test_a_line_for_each_check(self, node: Node) -> None:
        outcome = node.script("verify")
        assert outcome.status == 0, outcome.stderr
        told = dict(line.split(": ", 1) for line in outcome.stdout.splitlines())
        assert list(told) == list(Verification.usual)
        for check in ("params", "config", "ganeti", "run", "connection", "credentials", "pool"):
            assert told[check] == "fine"
        for check in ("multipath", "udev", "portals"):
            assert told[check] == "not checked: LUNs come by configured commands"
        assert " verify: done in " in outcome.message
        assert node.script("verify", "connection", "pool").stdout == "connection: fine\npool: fine\n"

    def test_a_failure_is_on_both(self, node: Node) -> None:
        node.configure(POOL="nowhere")
        assert node.script("verify", "connection", "run").status == 0
        outcome = node.script("verify")
        assert outcome.status == 1
        reason = "POOL: the SVM has no volume 'nowhere'; see volume show"
        assert outcome.message == f"dataontap: verify: pool: {reason}"
        assert f"\npool: FAILED: {reason}\nigroup: " in outcome.stdout

    def test_a_filer_that_is_not_there_is_asked_once(self, node: Node) -> None:
        node.configure(PORT=1)
        outcome = node.script("verify")
        refused = "127.0.0.1:1 refused the connection; check HOSTNAME and PORT"
        assert outcome.message == f"dataontap: verify: connection: {refused}"
        assert outcome.stdout.splitlines()[-5:] == [
            f"connection: FAILED: {refused}",
            *(f"{check}: not checked: the filer does not answer" for check in ("credentials", "pool", "igroup")),
            "portals: not checked: the filer does not answer",
        ]

    def test_a_wrong_password_is_tried_once(self, node: Node, simulator: Simulator) -> None:
        before = len(simulator.requests())
        node.configure(PASSWORD="wrong")
        outcome = node.script("verify")
        assert [request.http for request in simulator.requests()[before:]] == [401]
        assert outcome.message.startswith("dataontap: verify: credentials: 127.0.0.1:")
        assert "does not accept LOGIN 'admin' with this PASSWORD" in outcome.message
        assert outcome.stdout.count("not checked: the filer does not accept LOGIN") == 3

    def test_a_check_that_there_is_not(self, node: Node) -> None:
        outcome = node.script("verify", "everything")
        assert outcome.message.startswith("dataontap: verify: everything: no such check; known: params, config")

    def test_help_says_who_runs_it(self, node: Node) -> None:
        assert "Ganeti never runs it" in node.script("verify", "--help").message
        assert "Ganeti runs it" in node.script("attach", "--help").message
