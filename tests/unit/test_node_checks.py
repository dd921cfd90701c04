"""What verify says of a node: each finding once, and nothing of a node on which all is well."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from dataontap.errors import ChecksFailed
from dataontap.ganeti.ssconf import Cluster
from dataontap.host.lvm import passes
from dataontap.volume.cluster import Templates
from dataontap.volume.requests import Verification
from tests.unit.healthy import LVM, RULES, UNIX
from tests.unit.stage import Stage

OF_NODE = ("params", "config", "ganeti", "run", "initiator", "multipath", "udev", "lvm")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A node to which LUNs come over iSCSI by our own hands."""
    stage = Stage(tmp_path)
    for option in ("ISCSI_ATTACH_COMMANDS", "ISCSI_DETACH_COMMANDS"):
        del stage.options[option]
    stage.options["LUN_DEVICE_PATH_FORMAT"] = "/dev/disk/{hostname}/{pool}/{name}"
    return stage


def told(stage: Stage, *checks: str) -> list[str]:
    """The report's lines, whether or not it ends in an error."""
    try:
        return stage.provider.verify(Verification({}, checks)).split("\n")
    except ChecksFailed as failed:
        return failed.report.split("\n")


def the_failure(stage: Stage, check: str) -> str:
    """What a single check fails with; the report has the whole of it."""
    with pytest.raises(ChecksFailed) as caught:
        stage.provider.verify(Verification({}, (check,)))
    assert str(caught.value).startswith(f"{check}: ")
    assert caught.value.report.count("FAILED") == 1
    return caught.value.report


def the_warning(stage: Stage, check: str) -> str:
    """The one line, which is no failure."""
    (line,) = stage.provider.verify(Verification({}, (check,))).split("\n")
    assert line.startswith(f"{check}: warning: ")
    return line


def test_all_is_well(stage: Stage) -> None:
    assert told(stage, *OF_NODE) == [f"{check}: fine" for check in OF_NODE]
    assert stage.wire.calls == []


class TestConfig:
    def test_no_encryption(self, stage: Stage) -> None:
        stage.options["TRANSPORT_TYPE"] = "http"
        assert "any machine on the way can read the password" in the_warning(stage, "config")

    def test_no_certificate_is_asked_for(self, stage: Stage) -> None:
        stage.options["VERIFY_CERT"] = False
        assert "CA_FILE" in the_warning(stage, "config")

    @pytest.mark.parametrize("option", ["KEY_FILE", "CERT_FILE"])
    @pytest.mark.parametrize("mode", [0o644, 0o604, 0o620])
    def test_a_key_that_others_can_read_or_change(self, stage: Stage, option: str, mode: int) -> None:
        """Without KEY_FILE the key is in CERT_FILE."""
        stage.options.update({"CERT_FILE": "/etc/cert.pem", option: "/etc/key.pem"})
        stage.healthy.write("etc/key.pem", "key").chmod(mode)
        stage.healthy.write("etc/cert.pem", "certificate").chmod(0o644)
        assert the_warning(stage, "config") == (
            f"config: warning: {option}: others can read or change the private key; "
            "chown root /etc/key.pem && chmod 600 /etc/key.pem"
        )

    def test_a_key_that_is_closed(self, stage: Stage) -> None:
        stage.options.update(CERT_FILE="/etc/cert.pem", KEY_FILE="/etc/key.pem")
        stage.healthy.write("etc/key.pem", "key").chmod(0o640)
        stage.healthy.write("etc/cert.pem", "certificate").chmod(0o644)
        assert told(stage, "config") == ["config: fine"]

    def test_igroup_is_missed_once(self, stage: Stage) -> None:
        del stage.options["IGROUP"]
        lines = told(stage, "config", "connection", "igroup")
        assert lines[0].startswith("config: FAILED: IGROUP: must be given: ")
        assert lines[1:] == ["connection: fine", "igroup: not checked: see config"]
        assert the_failure(stage, "igroup").startswith("igroup: FAILED: IGROUP: must be given")


class TestGaneti:
    def test_no_directory_for_its_logs(self, stage: Stage) -> None:
        (stage.healthy.directory / "var/log/ganeti/extstorage").rmdir()
        assert "install -d -m 0750 /var/log/ganeti/extstorage" in the_failure(stage, "ganeti")

    def test_the_template_is_not_enabled(self, stage: Stage) -> None:
        stage.templates = Templates(frozenset({"plain", "drbd"}), frozenset({"ext"}))
        assert "gnt-cluster modify --enabled-disk-templates=drbd,ext,plain" in the_warning(stage, "ganeti")

    def test_the_template_is_not_allowed(self, stage: Stage) -> None:
        stage.templates = Templates(frozenset({"ext"}), frozenset({"drbd"}))
        assert "gnt-cluster modify --ipolicy-disk-templates=drbd,ext" in the_warning(stage, "ganeti")

    def test_both_are(self, stage: Stage) -> None:
        stage.templates = Templates(frozenset({"ext"}), frozenset({"ext", "plain"}))
        assert told(stage, "ganeti") == ["ganeti: fine"]

    def test_what_ganeti_tells(self, tmp_path: Path) -> None:
        assert Cluster(str(tmp_path)).disk_templates() is None
        file = tmp_path / "config.data"
        for text in ("", "[]", '{"cluster": {}}', '{"cluster": null}', '{"cluster": {"ipolicy": []}}'):
            file.write_text(text)
            assert Cluster(str(tmp_path)).disk_templates() is None
        file.write_text(
            '{"cluster": {"enabled_disk_templates": ["ext"], "ipolicy": {"disk-templates": ["drbd"]}}}'
        )
        assert Cluster(str(tmp_path)).disk_templates() == Templates(frozenset({"ext"}), frozenset({"drbd"}))


def test_run_is_not_writable(stage: Stage) -> None:
    (stage.healthy.directory / "run").rmdir()
    stage.healthy.write("run", "")
    assert "no lock can be made in /run/ganeti-extstorage-dataontap: Not a directory" in the_failure(stage, "run")


def test_run_is_left_as_it_was(stage: Stage) -> None:
    told(stage, "run")
    assert os.listdir(stage.healthy.directory / "run/ganeti-extstorage-dataontap") == []


class TestInitiator:
    def test_no_name(self, stage: Stage) -> None:
        stage.initiators[stage.node] = ""
        assert the_failure(stage, "initiator") == (
            "initiator: FAILED: this node has no initiator name; see /etc/iscsi/initiatorname.iscsi"
        )

    def test_no_name_is_told_once(self, stage: Stage) -> None:
        stage.initiators[stage.node] = ""
        stage.options["IGROUP"] = "g-{node}"
        assert told(stage, "initiator", "igroup")[1] == "igroup: not checked: see initiator"

    def test_no_port(self, stage: Stage) -> None:
        stage.options["STORAGE_PROTOCOL"] = "fc"
        stage.initiators[stage.node] = ""
        assert "this node has no Fibre Channel port with a WWPN; see /sys/class/fc_host" in the_failure(
            stage, "initiator"
        )

    def test_commands_may_have_another_name(self, stage: Stage) -> None:
        stage.initiators[stage.node] = ""
        stage.options["ISCSI_ATTACH_COMMANDS"] = (("true",),)
        the_warning(stage, "initiator")

    def test_a_group_per_node_needs_one(self, stage: Stage) -> None:
        stage.initiators[stage.node] = ""
        stage.options.update(ISCSI_ATTACH_COMMANDS=(("true",),), IGROUP="g-{node}")
        the_failure(stage, "initiator")

    def test_no_open_iscsi(self, stage: Stage) -> None:
        stage.healthy.remove("usr/sbin/iscsiadm")
        assert "iscsiadm is not installed; apt install open-iscsi" in the_failure(stage, "initiator")

    def test_no_daemon(self, stage: Stage) -> None:
        """And no systemd that could start it."""
        stage.healthy.write("proc/net/unix", UNIX)
        assert "iscsid does not run; systemctl enable --now iscsid.socket" in the_failure(stage, "initiator")

    def test_no_daemon_yet(self, stage: Stage) -> None:
        stage.healthy.write("proc/net/unix", UNIX)
        (stage.healthy.directory / "run/systemd/system").mkdir(parents=True)
        assert "iscsid does not run until iscsiadm starts it" in the_warning(stage, "initiator")

    @pytest.mark.parametrize(
        ("conf", "starts"),
        [
            ("iscsid.startup = /usr/bin/service start iscsid\n", True),
            ("# iscsid.startup = /usr/bin/service start iscsid\n", False),
            ("iscsid.startup =\n", False),
        ],
    )
    def test_who_starts_the_daemon(self, stage: Stage, conf: str, starts: bool) -> None:
        stage.healthy.write("etc/iscsi/iscsid.conf", conf)
        assert stage.healthy.facts.can_start_iscsid() is starts

    @pytest.mark.parametrize(
        ("largest", "limit", "seen"),
        [("255", 4095, "255"), ("16383", 256, "255"), ("100", 200, "100"), ("255", 255, ""), ("65535", 4095, "")],
    )
    def test_an_adapter_that_does_not_see_all_ids(self, stage: Stage, largest: str, limit: int, seen: str) -> None:
        stage.options.update(STORAGE_PROTOCOL="fc", LUN_ID_LIMIT=limit)
        stage.healthy.write("sys/class/scsi_host/host3/lpfc_max_luns", f"{largest}\n")
        if not seen:
            assert told(stage, "initiator") == ["initiator: fine"]
            return
        assert f"host3 sees LUN ids up to {seen} only (lpfc_max_luns); LUN_ID_LIMIT is {limit}" in the_failure(
            stage, "initiator"
        )

    @pytest.mark.parametrize(
        ("wanted", "severity"), [(("first",), "FAILED"), (("first", "san"), "warning"), (("san", "default"), "")]
    )
    def test_interfaces(self, stage: Stage, wanted: tuple[str, ...], severity: str) -> None:
        """One that open-iscsi has is enough for a session."""
        stage.options["ISCSI_INTERFACES"] = wanted
        stage.healthy.answers["iscsiadm"] = (
            "default tcp,<empty>,<empty>,<empty>,<empty>\n"
            "iser iser,<empty>,<empty>,<empty>,<empty>\n"
            "san tcp,<empty>,<empty>,eth1,<empty>\n"
        )
        what = "open-iscsi has no interface first; see ISCSI_INTERFACES, iscsiadm -m iface"
        assert told(stage, "initiator") == [
            f"initiator: {severity}: {what}" if severity else "initiator: fine",
        ]

    def test_interfaces_that_iscsiadm_does_not_tell(self, stage: Stage) -> None:
        stage.options["ISCSI_INTERFACES"] = ("san",)
        (line,) = told(stage, "initiator")
        assert line.startswith("initiator: not checked: iscsiadm -m iface failed")

    def test_fibre_channel_needs_no_iscsi(self, stage: Stage) -> None:
        stage.options["STORAGE_PROTOCOL"] = "fc"
        stage.healthy.write("proc/net/unix", UNIX)
        assert told(stage, "initiator") == ["initiator: fine"]


class TestMultipath:
    def test_not_installed(self, stage: Stage) -> None:
        stage.healthy.remove("usr/sbin/multipathd")
        assert "apt install multipath-tools" in the_failure(stage, "multipath")

    def test_not_running(self, stage: Stage) -> None:
        del stage.healthy.answers["multipathd"]
        assert "multipathd does not run; systemctl enable" in the_failure(stage, "multipath")

    def test_not_running_over_fibre_channel(self, stage: Stage) -> None:
        stage.options["STORAGE_PROTOCOL"] = "fc"
        del stage.healthy.answers["multipathd"]
        the_failure(stage, "multipath")

    @pytest.mark.parametrize("setting", ["strict", "yes", "on", "smart"])
    def test_only_for_named_luns(self, stage: Stage, setting: str) -> None:
        stage.healthy.answers["multipathd"] = f'defaults {{\n\tfind_multipaths "{setting}"\n}}\n'
        assert f"find_multipaths is {setting}: only LUNs in" in the_warning(stage, "multipath")

    @pytest.mark.parametrize("setting", ["no", "off", "greedy", "-10"])
    def test_for_all_luns_or_untold(self, stage: Stage, setting: str) -> None:
        stage.healthy.answers["multipathd"] = f"defaults {{\n\tfind_multipaths {setting}\n}}\n"
        assert told(stage, "multipath") == ["multipath: fine"]

    def test_not_wanted(self, stage: Stage) -> None:
        del stage.healthy.answers["multipathd"]
        stage.options["MULTIPATH"] = False
        assert told(stage, "multipath") == ["multipath: not checked: MULTIPATH is False"]


class TestUdev:
    def test_no_rules(self, stage: Stage) -> None:
        stage.healthy.remove(RULES)
        assert "udev does not read 57-ganeti-extstorage-dataontap.rules" in the_failure(stage, "udev")

    def test_masked_rules(self, stage: Stage) -> None:
        """An admin's way to switch rules off: udev(7)."""
        stage.healthy.write("etc/udev/rules.d/57-ganeti-extstorage-dataontap.rules", "").unlink()
        (stage.healthy.directory / "etc/udev/rules.d/57-ganeti-extstorage-dataontap.rules").symlink_to("/dev/null")
        the_failure(stage, "udev")

    def test_names_that_udev_does_not_give(self, stage: Stage) -> None:
        """Then LUNs have their names by-id, and only the hands-off rules are missed."""
        stage.options["LUN_DEVICE_PATH_FORMAT"] = "/srv/{hostname}/{pool}/{name}"
        stage.healthy.remove(RULES)
        the_warning(stage, "udev")


@pytest.mark.parametrize("check", ["multipath", "udev"])
def test_what_configured_commands_do_is_not_known(stage: Stage, check: str) -> None:
    stage.options["ISCSI_ATTACH_COMMANDS"] = (("true",),)
    assert told(stage, check) == [f"{check}: not checked: LUNs come by configured commands"]


LINK, MAP = "/dev/disk/filer/vol1/v", "/dev/mapper/3600a0980383054723324526c68717745"


def example(repository: Path) -> str:
    return (repository / "etc/lvm-global-filter.conf").read_text(encoding="utf-8")


class TestLvm:
    @pytest.mark.parametrize(
        ("patterns", "looks"),
        [
            ([], True),
            (["a|.*|"], True),
            (["r|.*|"], False),
            (["r|^/dev/disk/filer/|"], False),
            (["a|^/dev/sd|", "r|.*|"], False),
            # One name that is accepted is enough, and maps have other names than ours.
            (["r|^/dev/disk/filer/|", "a|.*|"], True),
            (["r|^/dev/disk/filer/|", "a|^/dev/mapper/3600|"], True),
            (["r|^/dev/disk/filer/|", "r|^/dev/mapper/3600|", "a|.*|"], False),
            (["a|^/dev/disk/|", "r|.*|"], True),
            (["r/^/dev/disk/other//"], True),
            (["r|(|", "r|x", "r", ""], True),  # not understood
            (["r{^/dev/disk/filer/}"], False),
        ],
    )
    def test_filters(self, patterns: Sequence[str], looks: bool) -> None:
        assert passes(patterns, [LINK, MAP]) is looks

    @pytest.fixture
    def open_to_all(self, stage: Stage) -> Stage:
        stage.healthy.answers["lvmconfig"] = LVM.replace('"r|^/dev/disk/|"', '"a|.*|"')
        return stage

    def test_no_filter(self, open_to_all: Stage) -> None:
        line = the_warning(open_to_all, "lvm")
        assert line.endswith('global_filter = [ "r|^/dev/disk/filer/|" ] in /etc/lvm/lvm.conf')

    def test_the_example_that_is_shipped(self, stage: Stage, repository: Path) -> None:
        """It rejects the names that Ganeti gives to volumes, and no others."""
        (pattern,) = re.findall(r'^ +global_filter = \[ "(.*)" \]$', example(repository), re.M)
        stage.healthy.answers["lvmconfig"] = LVM.replace('"r|^/dev/disk/|"', f'"{pattern}"')
        stage.options["LUN_DEVICE_PATH_FORMAT"] = "/dev/disk/{hostname}/{pool}/{name}"
        assert told(stage, "lvm") == ["lvm: fine"]

    @pytest.mark.parametrize(
        "names",
        ["/dev/{name}", "/dev/disk/{name}", "/dev/mapper/{pool}-{name}", "/dev/disk/by-id/{name}", "/dev/s{name}"],
    )
    def test_a_filter_that_would_take_the_nodes_own_disks_is_not_advised(
        self, open_to_all: Stage, names: str
    ) -> None:
        open_to_all.options["LUN_DEVICE_PATH_FORMAT"] = names
        assert "r|" not in the_warning(open_to_all, "lvm")

    @pytest.mark.parametrize(("multipath", "line"), [(True, "lvm: fine"), (False, "lvm: warning: LVM reads")])
    def test_disks_have_other_names_than_maps(self, stage: Stage, multipath: bool, line: str) -> None:
        said = stage.healthy.answers["lvmconfig"]
        stage.healthy.answers["lvmconfig"] = said.replace('"r|^/dev/disk/|"', '"a|^/dev/sd|", "r|.*|"')
        stage.options["MULTIPATH"] = multipath
        assert told(stage, "lvm")[0].startswith(line)

    def test_either_filter_will_do(self, open_to_all: Stage) -> None:
        said = open_to_all.healthy.answers["lvmconfig"]
        open_to_all.healthy.answers["lvmconfig"] = said.replace('\tfilter=["a|.*|"]', '\tfilter=["r|.*|"]')
        assert told(open_to_all, "lvm") == ["lvm: fine"]

    @pytest.mark.parametrize(("there", "line"), [(True, "lvm: fine"), (False, "lvm: warning: LVM reads")])
    def test_a_list_of_devices(self, open_to_all: Stage, there: bool, line: str) -> None:
        said = open_to_all.healthy.answers["lvmconfig"]
        open_to_all.healthy.answers["lvmconfig"] = said.replace("use_devicesfile=0", "use_devicesfile=1")
        if there:
            open_to_all.healthy.write("etc/lvm/devices/system.devices", "")
        assert told(open_to_all, "lvm")[0].startswith(line)

    def test_without_lvm(self, open_to_all: Stage) -> None:
        open_to_all.healthy.remove("usr/sbin/lvmconfig")
        assert told(open_to_all, "lvm") == ["lvm: fine"]

    def test_lvm_that_does_not_tell(self, open_to_all: Stage) -> None:
        del open_to_all.healthy.answers["lvmconfig"]
        assert told(open_to_all, "lvm")[0].startswith("lvm: not checked: lvmconfig --type full devices failed")
