"""The iSCSI initiator: who it is, which portals it logs in to and how, with open-iscsi's files made for it."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from dataontap.errors import CommandError, DeviceError
from dataontap.host.iscsi import Chap, Iscsi, Portal, Target
from dataontap.host.sysfs import Nexus

NAME = "iqn.1992-08.com.netapp:sn.c0ffee00:vs.3"
FIRST, SECOND = Portal("192.0.2.1", 3260, 1028), Portal("2001:db8::2", 3260, 1029)
TARGET = Target(NAME, (FIRST, SECOND))
# As iscsiadm 2.1.8 writes it, less the settings that are not ours.
RECORD = """# BEGIN RECORD 2.1.8
node.name = {name}
node.session.auth.authmethod = None
node.session.scan = auto
# END RECORD
"""


class OpenIscsi:
    """iscsiadm, its records and the kernel's sessions, as files below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = 1000.0
        self.wants_secret = ""
        (directory / "sys/class/iscsi_session").mkdir(parents=True)
        (directory / "nodes").mkdir()

    def down(self, portal: Portal) -> None:
        """Let nobody answer there."""
        (self.directory / f"down-{portal.address}").touch()

    def up(self, portal: Portal) -> None:
        """Let it answer again."""
        (self.directory / f"down-{portal.address}").unlink()

    def run(self, *argv: str, timeout: float, ok: tuple[int, ...] = (0,)) -> str:
        with (self.directory / "commands").open("a") as file:
            file.write(" ".join(argv) + "\n")
        address, _, tag = argv[argv.index("-p") + 1].rpartition(",")
        host = address.rpartition(":")[0].strip("[]")
        if "new" in argv:
            folder = self.directory / "nodes" / NAME / f"{host},3260,{tag}"
            folder.mkdir(parents=True)
            (folder / "default").write_text(RECORD.format(name=NAME))
        elif (self.directory / f"down-{host}").exists():
            raise CommandError(f"iscsiadm failed with status 8: cannot reach {host}", status=8)
        elif self.wants_secret and f"password = {self.wants_secret}\n" not in self.record(
            Portal(host, 3260, int(tag))
        ):
            raise CommandError("iscsiadm failed with status 24: Could not log into all portals", status=24)
        else:
            self.session(host)
        return ""

    def session(self, address: str, state: str = "LOGGED_IN") -> None:
        """Let the kernel have a session to this address."""
        number = 1 if address == FIRST.address else 2
        real = (
            self.directory / f"sys/devices/platform/host{number + 1}/session{number}/iscsi_session/session{number}"
        )
        real.mkdir(parents=True)
        (real / "targetname").write_text(f"{NAME}\n")
        (real / "state").write_text(f"{state}\n")
        (self.directory / f"sys/class/iscsi_session/session{number}").symlink_to(real)
        connection = self.directory / f"sys/class/iscsi_connection/connection{number}:0"
        connection.mkdir(parents=True)
        (connection / "persistent_address").write_text(f"{address}\n")
        (connection / "persistent_port").write_text("3260\n")

    def commands(self) -> list[str]:
        """What was run, in order."""
        file = self.directory / "commands"
        return file.read_text().splitlines() if file.exists() else []

    def record(self, portal: Portal) -> str:
        """A node record."""
        folder = f"{portal.address},{portal.port},{portal.tag}"
        return (self.directory / "nodes" / NAME / folder / "default").read_text()


@pytest.fixture
def open_iscsi(tmp_path: Path) -> OpenIscsi:
    return OpenIscsi(tmp_path)


MakeIscsi = Callable[..., Iscsi]


@pytest.fixture
def make(open_iscsi: OpenIscsi) -> MakeIscsi:
    def iscsi(chap: Chap | None = None) -> Iscsi:
        directory = str(open_iscsi.directory)
        return Iscsi(
            open_iscsi.run,
            failures=f"{directory}/failures",
            chap=chap,
            sysfs=f"{directory}/sys",
            etc=directory,
            records=(f"{directory}/elsewhere", f"{directory}/nodes"),
            clock=lambda: open_iscsi.now,
        )

    return iscsi


def test_logs_in_to_every_portal(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    assert make().connect(TARGET) == [Nexus(2, 0, 0), Nexus(3, 0, 0)]
    commands = open_iscsi.commands()
    assert f"iscsiadm -m node -T {NAME} -p 192.0.2.1:3260,1028 -o new" in commands
    assert f"iscsiadm -m node -T {NAME} -p [2001:db8::2]:3260,1029 --login" in commands
    assert make().connect(TARGET) == [Nexus(2, 0, 0), Nexus(3, 0, 0)]
    assert open_iscsi.commands() == commands


def test_a_login_makes_nothing_appear_by_itself(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    make().connect(TARGET)
    record = open_iscsi.record(FIRST)
    assert "node.session.scan = manual\n" in record
    assert record.count("node.session.scan") == 1
    assert record.startswith("# BEGIN RECORD")
    assert record.endswith("# END RECORD\n")
    assert "node.session.auth.authmethod = None\n" in record


def test_a_wrong_secret(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    open_iscsi.wants_secret = "s3cr3t-s3cr3t"
    refused = "192.0.2.1:3260: does not let this node in: see ISCSI_CHAP_USER and ISCSI_CHAP_PASSWORD;"
    with pytest.raises(DeviceError, match=refused):
        make(Chap("node", "another-one")).connect(TARGET)
    make(Chap("node", "s3cr3t-s3cr3t")).connect(TARGET)


def test_chap_is_in_the_record_and_in_no_command(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    make(Chap("node", "s3cr3t-s3cr3t")).connect(TARGET)
    assert "node.session.auth.authmethod = CHAP\n" in open_iscsi.record(SECOND)
    assert "node.session.auth.password = s3cr3t-s3cr3t\n" in open_iscsi.record(SECOND)
    assert not any("s3cr3t" in command for command in open_iscsi.commands())
    assert "s3cr3t" not in repr(Chap("node", "s3cr3t-s3cr3t"))


def test_a_new_secret_is_there_before_the_next_login(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    open_iscsi.down(SECOND)
    make(Chap("node", "old-secret-12")).connect(TARGET)
    open_iscsi.up(SECOND)
    open_iscsi.now += 1e9
    make(Chap("node", "new-secret-12")).connect(TARGET)
    assert "password = new-secret-12\n" in open_iscsi.record(SECOND)
    assert "old-secret" not in open_iscsi.record(SECOND)


def test_one_portal_is_enough(open_iscsi: OpenIscsi, make: MakeIscsi, caplog: pytest.LogCaptureFixture) -> None:
    open_iscsi.down(SECOND)
    assert make().connect(TARGET) == [Nexus(2, 0, 0)]
    assert "[2001:db8::2]:3260: iscsiadm failed with status 8" in caplog.text


def test_a_portal_that_is_down_is_left_alone_for_a_while(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    open_iscsi.down(SECOND)
    make().connect(TARGET)
    failed = (open_iscsi.directory / "failures" / str(SECOND)).stat().st_mtime
    before = len(open_iscsi.commands())
    open_iscsi.now = failed + 200
    make().connect(TARGET)
    assert len(open_iscsi.commands()) == before
    open_iscsi.now = failed + 400
    open_iscsi.up(SECOND)
    assert make().connect(TARGET) == [Nexus(2, 0, 0), Nexus(3, 0, 0)]


def test_none_that_works_is_an_error_and_tried_each_time(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    for portal in TARGET.portals:
        open_iscsi.down(portal)
    for _ in range(2):
        with pytest.raises(DeviceError, match=f"^no iSCSI session to {NAME}: 192.0.2.1:3260: iscsiadm failed"):
            make().connect(TARGET)
    assert sum("--login" in command for command in open_iscsi.commands()) == 4


def test_no_portal_at_all(make: MakeIscsi) -> None:
    with pytest.raises(DeviceError, match="the filer names no portal that is enabled"):
        make().connect(Target(NAME, ()))


def test_a_session_that_recovers_is_no_way_to_the_lun(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    open_iscsi.session(FIRST.address, state="FAILED")
    assert make().nexuses(TARGET) == []


def test_the_initiators_name(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    assert make().initiators() == []
    name = "InitiatorName=iqn.1993-08.org.debian:01:Node1\n"
    (open_iscsi.directory / "initiatorname.iscsi").write_text(f"# iqn.of.nobody\n{name}")
    assert make().initiators() == ["iqn.1993-08.org.debian:01:node1"]
