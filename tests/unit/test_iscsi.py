"""The iSCSI initiator: who it is, which portals it logs in to and how, with open-iscsi's files made for it."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path
from typing import Callable, NoReturn

import pytest

from dataontap.deadline import Deadline
from dataontap.errors import CommandError, DeadlineError, DeviceError
from dataontap.host.iscsi import Iscsi, Target, initiators
from dataontap.host.iscsi_problems import Failures, Problems
from dataontap.host.iscsi_records import Portal, Record, Records
from dataontap.host.iscsi_scope import EVERYTHING, Scope
from dataontap.host.iscsi_settings import Chap
from dataontap.host.sysfs import Nexus
from dataontap.state.cache import Cache

NAME = "iqn.1992-08.com.netapp:sn.c0ffee00:vs.3"
FIRST, SECOND = Portal("192.0.2.1", 3260, 1028), Portal("2001:db8::2", 3260, 1029)
TARGET = Target(NAME, (FIRST, SECOND))
INTERFACES = ("default", "iface0", "iface1")
# As iscsiadm 2.1.8 writes it, less the settings that are not ours.
RECORD = """# BEGIN RECORD 2.1.8
node.name = {name}
node.session.auth.authmethod = None
node.session.scan = auto
# END RECORD
"""


class OpenIscsi:
    """iscsiadm, its records and the kernel's sessions, as files below ``directory``.

    tests/contract/test_iscsiadm.py shows the real one's side of this.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = 1000.0
        self.wants_secret = ""
        self.database = directory / "database"
        (directory / "sys/class/iscsi_session").mkdir(parents=True)
        (self.database / "nodes").mkdir(parents=True)

    def down(self, portal: Portal) -> None:
        """Let nobody answer there."""
        (self.directory / f"down-{portal.address}").touch()

    def up(self, portal: Portal) -> None:
        """Let it answer again."""
        (self.directory / f"down-{portal.address}").unlink()

    def run(self, *argv: str, timeout: float, ok: tuple[int, ...] = (0,)) -> str:
        assert timeout > 0
        with (self.directory / "commands").open("a") as file:
            file.write(" ".join(argv) + "\n")
        if argv[1:4] == ("-m", "iface", "-I"):
            raise failed(6, f"iSCSI ERROR: Failed to open {self.database}/ifaces/{argv[4]} using read mode: 2 No")
        address, _, tag = argv[argv.index("-p") + 1].partition(",")
        host = address.rpartition(":")[0].strip("[]")
        if "new" in argv:
            self.make(host, tag, argv[argv.index("-I") + 1] if "-I" in argv else "default")
            return ""
        interface = argv[argv.index("-I") + 1]
        if any((self.directory / name).exists() for name in (f"down-{host}", f"broken-{interface}")):
            raise failed(8, reported(8, "connection timed out"))
        if self.wants_secret and f"password = {self.wants_secret}\n" not in self.record(host, interface):
            raise failed(24, reported(24, "iSCSI login failed due to authorization failure"))
        self.session(host, interface=interface)
        return ""

    def make(self, host: str, tag: str, interface: str) -> None:
        """As iscsiadm: a portal without a tag has a single record, a file."""
        if tag:
            self.keep(f"{host},3260,{tag}/{interface}")
        else:
            own = f"iface.iscsi_ifacename = {interface}\n# END"
            self.keep(f"{host},3260", RECORD.replace("# END", own))

    def keep(self, name: str, text: str = RECORD) -> Path:
        """Let there be this record of the target, ADDRESS,PORT,TAG/INTERFACE or ADDRESS,PORT."""
        file = self.database / "nodes" / NAME / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(name=NAME))
        return file

    def session(self, address: str, state: str = "LOGGED_IN", interface: str = "default") -> Path:
        """Let the kernel have a session to this address, on a host of its own; returns its folder."""
        number = (1 if address == FIRST.address else 2) + 2 * INTERFACES.index(interface)
        return self.session_on(f"host{number + 1}", number, address, state, interface)

    def session_on(
        self, host: str, number: int, address: str, state: str = "LOGGED_IN", interface: str = "default"
    ) -> Path:
        """The same, on a host that may have others."""
        own = self.directory / f"sys/devices/platform/{host}/session{number}"
        real = own / f"iscsi_session/session{number}"
        real.mkdir(parents=True)
        (real / "targetname").write_text(f"{NAME}\n")
        (real / "state").write_text(f"{state}\n")
        (real / "ifacename").write_text(f"{interface}\n")
        (real / "tpgt").write_text(f"{FIRST.tag if address == FIRST.address else SECOND.tag}\n")
        (real / "device").symlink_to(own)
        (self.directory / f"sys/class/iscsi_session/session{number}").symlink_to(real)
        connection = self.directory / f"sys/class/iscsi_connection/connection{number}:0"
        connection.mkdir(parents=True)
        (connection / "persistent_address").write_text(f"{address}\n")
        (connection / "persistent_port").write_text("3260\n")
        return own

    def commands(self) -> list[str]:
        """What was run, in order."""
        file = self.directory / "commands"
        return file.read_text().splitlines() if file.exists() else []

    def record(self, address: str, interface: str = "default") -> str:
        """A portal's record."""
        (file,) = (self.database / "nodes" / NAME).glob(f"{address},3260,*/{interface}")
        return file.read_text()


def failed(status: int, output: str) -> CommandError:
    """As host/run.py raises it; iscsiadm's last line says little."""
    return CommandError(
        f"iscsiadm -m node -T {NAME} failed with status {status}: {output.splitlines()[-1]}",
        status=status,
        output=output,
    )


def reported(status: int, why: str) -> str:
    """What iscsiadm says of a login that failed."""
    return (
        f"iscsiadm: Could not login to [iface: default, target: {NAME}, portal: 192.0.2.1,3260].\n"
        f"iscsiadm: initiator reported error ({status} - {why})\n"
        "iscsiadm: Could not log into all portals\n"
    )


@pytest.fixture
def open_iscsi(tmp_path: Path) -> OpenIscsi:
    return OpenIscsi(tmp_path)


MakeIscsi = Callable[..., Iscsi]


@pytest.fixture
def make(open_iscsi: OpenIscsi) -> MakeIscsi:
    def iscsi(
        chap: Chap | None = None,
        deadline: Deadline | None = None,
        run: Callable[..., str] = open_iscsi.run,
        kind: type[Records] = Records,
        scope: Scope = EVERYTHING,
    ) -> Iscsi:
        directory = str(open_iscsi.directory)
        deadline = deadline or Deadline(60)
        cache = partial(Cache, "records", directory=f"{directory}/run")
        return Iscsi(
            run,
            deadline,
            kind(run, deadline, chap=chap, cache=cache, scope=scope),
            Failures(f"{directory}/failures", clock=lambda: open_iscsi.now),
            sysfs=f"{directory}/sys",
        )

    return iscsi


def test_logs_in_to_every_portal(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    assert make().connect(TARGET) == [Nexus(2, 0, 0), Nexus(3, 0, 0)]
    commands = open_iscsi.commands()
    assert f"iscsiadm -m node -T {NAME} -p 192.0.2.1:3260,1028 -o new" in commands
    assert f"iscsiadm -m node -T {NAME} -p [2001:db8::2]:3260 -I default --login" in commands
    assert make().connect(TARGET) == [Nexus(2, 0, 0), Nexus(3, 0, 0)]
    assert open_iscsi.commands() == commands


def test_a_login_makes_nothing_appear_by_itself(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    make().connect(TARGET)
    record = open_iscsi.record(FIRST.address)
    assert "node.session.scan = manual\n" in record
    assert record.count("node.session.scan") == 1
    assert record.startswith("# BEGIN RECORD")
    assert record.endswith("# END RECORD\n")
    assert "node.session.auth.authmethod = None\n" in record


class TestChap:
    def test_a_wrong_secret(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        open_iscsi.wants_secret = "s3cr3t-s3cr3t"
        refused = (
            "^no iSCSI session: the filer rejects this node's login: see ISCSI_CHAP_USER and ISCSI_CHAP_PASSWORD"
        )
        with pytest.raises(DeviceError, match=refused):
            make(Chap("node", "another-one")).connect(TARGET)
        make(Chap("node", "s3cr3t-s3cr3t")).connect(TARGET)

    def test_it_is_in_the_record_and_in_no_command(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        make(Chap("node", "s3cr3t-s3cr3t")).connect(TARGET)
        assert "node.session.auth.authmethod = CHAP\n" in open_iscsi.record(SECOND.address)
        assert "node.session.auth.password = s3cr3t-s3cr3t\n" in open_iscsi.record(SECOND.address)
        assert not any("s3cr3t" in command for command in open_iscsi.commands())
        assert "s3cr3t" not in repr(Chap("node", "s3cr3t-s3cr3t"))
        assert "s3cr3t" not in repr(Record(Path(), str(FIRST), "default", open_iscsi.record(FIRST.address)))

    def test_a_new_secret_is_there_before_the_next_login(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        open_iscsi.down(SECOND)
        make(Chap("node", "old-secret-12")).connect(TARGET)
        open_iscsi.up(SECOND)
        open_iscsi.now += 1e9
        make(Chap("node", "new-secret-12")).connect(TARGET)
        assert "password = new-secret-12\n" in open_iscsi.record(SECOND.address)
        assert "old-secret" not in open_iscsi.record(SECOND.address)

    def test_what_is_configured_no_more_leaves_the_records(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        make(Chap("node", "s3cr3t-s3cr3t")).connect(TARGET)
        make().connect(TARGET)
        for portal in TARGET.portals:
            record = open_iscsi.record(portal.address)
            assert "s3cr3t" not in record
            assert "node.session.auth.username" not in record
            assert "node.session.auth.authmethod = None\n" in record
            assert "ganeti" not in record

    @pytest.mark.parametrize("configured", [True, False], ids=["ours alike", "none of ours"])
    def test_the_admins_stays(self, open_iscsi: OpenIscsi, make: MakeIscsi, configured: bool) -> None:
        """Also where it was in our configuration for a while: who wrote it there first did so without us."""
        lines = "authmethod = CHAP\n", "username = node\n", "password = the-admins-12\n"
        own = "".join(f"node.session.auth.{line}" for line in lines)
        open_iscsi.keep("192.0.2.1,3260,1028/default", RECORD.replace("# END", f"{own}# END"))
        if configured:
            make(Chap("node", "the-admins-12")).connect(TARGET)
        make().connect(TARGET)
        assert all(line in open_iscsi.record(FIRST.address) for line in lines)

    def test_what_somebody_put_in_its_place_stays(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """iscsiadm writes a record without comments; an editor may leave ours."""
        make(Chap("node", "s3cr3t-s3cr3t")).connect(TARGET)
        record = open_iscsi.record(FIRST.address).replace("username = node", "username = admin")
        open_iscsi.keep("192.0.2.1,3260,1028/default", record)
        make().connect(TARGET)
        assert "username = admin\n" in open_iscsi.record(FIRST.address)
        assert "authmethod = CHAP\n" in open_iscsi.record(FIRST.address)


class TestMutualChap:
    """What the target proves itself with: in the record beside this node's own credentials."""

    ONE_WAY = Chap("node", "s3cr3t-s3cr3t")
    MUTUAL = Chap("node", "s3cr3t-s3cr3t", Chap("filer", "f1l3r5-s3cr3t"))
    OF_TARGET = ("username_in = filer\n", "password_in = f1l3r5-s3cr3t\n")

    def test_it_is_in_the_record_and_in_no_command(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        make(self.MUTUAL).connect(TARGET)
        record = open_iscsi.record(FIRST.address)
        assert all(f"node.session.auth.{line}" in record for line in self.OF_TARGET)
        assert "node.session.auth.password = s3cr3t-s3cr3t\n" in record
        assert "s3cr3t" not in " ".join([*open_iscsi.commands(), repr(self.MUTUAL)])

    def test_what_is_there_is_not_written_again(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        make(self.MUTUAL).connect(TARGET)
        (file,) = open_iscsi.database.glob("nodes/*/192.0.2.1,*/default")
        before = file.stat()
        make(self.MUTUAL).connect(TARGET)
        assert file.stat() == before

    def test_only_the_targets_is_configured_no_more(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        make(self.ONE_WAY).connect(TARGET)
        one_way = open_iscsi.record(FIRST.address)
        make(self.MUTUAL).connect(TARGET)
        make(self.ONE_WAY).connect(TARGET)
        assert sorted(open_iscsi.record(FIRST.address).split("\n")) == sorted(one_way.split("\n"))

    def test_neither_is_configured_any_more(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        make(self.MUTUAL).connect(TARGET)
        make().connect(TARGET)
        record = open_iscsi.record(FIRST.address)
        assert "node.session.auth.authmethod = None\n" in record
        assert not [word for word in ("s3cr3t", "username", "password", "ganeti") if word in record]

    def test_a_record_of_the_version_before(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """It has the comment of one-way CHAP. The target's settings are the admin's, until ours replace them."""
        mark = "# CHAP by ganeti-extstorage-dataontap for node\n"
        lines = ("authmethod = CHAP\n", "username = node\n", "password = s3cr3t-s3cr3t\n", "username_in = other\n")
        own = mark + "".join(f"node.session.auth.{line}" for line in lines)
        open_iscsi.keep("192.0.2.1,3260,1028/default", RECORD.replace("# END", f"{own}# END"))
        make(self.ONE_WAY).connect(TARGET)
        assert "username_in = other\n" in open_iscsi.record(FIRST.address)
        make(self.MUTUAL).connect(TARGET)
        assert all(line in open_iscsi.record(FIRST.address) for line in self.OF_TARGET)
        assert "other" not in open_iscsi.record(FIRST.address)
        make().connect(TARGET)
        record = open_iscsi.record(FIRST.address)
        assert not [word for word in ("s3cr3t", "username", "ganeti") if word in record]

    @pytest.mark.parametrize("configured", [True, False], ids=["ours alike", "none of ours"])
    def test_the_admins_stays(self, open_iscsi: OpenIscsi, make: MakeIscsi, configured: bool) -> None:
        own = "".join(f"node.session.auth.{line}" for line in self.OF_TARGET)
        open_iscsi.keep("192.0.2.1,3260,1028/default", RECORD.replace("# END", f"{own}# END"))
        make(self.MUTUAL if configured else self.ONE_WAY).connect(TARGET)
        make().connect(TARGET)
        record = open_iscsi.record(FIRST.address)
        assert all(line in record for line in self.OF_TARGET)
        assert "password = " not in record


class TestRecords:
    def test_all_interfaces_are_amended_and_logged_in_by(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        for interface in ("iface0", "iface1"):
            open_iscsi.keep(f"192.0.2.1,3260,1028/{interface}")
        make().connect(Target(NAME, (FIRST,)))
        logins = [command for command in open_iscsi.commands() if "--login" in command]
        assert sorted(login.split("-I ")[1] for login in logins) == ["iface0 --login", "iface1 --login"]
        assert not any("-o new" in command for command in open_iscsi.commands())
        for interface in ("iface0", "iface1"):
            assert "node.session.scan = manual\n" in open_iscsi.record(FIRST.address, interface)

    def test_an_interface_that_lacks_its_session_gets_it(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        for interface in ("iface0", "iface1"):
            open_iscsi.keep(f"192.0.2.1,3260,1028/{interface}")
        open_iscsi.session(FIRST.address, interface="iface0")
        assert len(make().connect(Target(NAME, (FIRST,)))) == 2
        assert [one.split("-I ")[1] for one in open_iscsi.commands() if "--login" in one] == ["iface1 --login"]

    @pytest.mark.parametrize("name", ["192.0.2.1,3260", "192.0.2.1,3260,1028/default", "192.0.2.1,3260,9/default"])
    def test_the_admins_settings_stay(self, open_iscsi: OpenIscsi, make: MakeIscsi, name: str) -> None:
        """Also in a record without a portal group tag, which is a file, or with a former one."""
        own = "node.startup = automatic\nnode.session.timeo.replacement_timeout = 15\n"
        file = open_iscsi.keep(name, RECORD.replace("# END", f"{own}# END"))
        make().connect(Target(NAME, (FIRST,)))
        assert own in file.read_text()
        assert "node.session.scan = manual\n" in file.read_text()
        assert not any("-o new" in command for command in open_iscsi.commands())

    def test_an_address_that_is_spelled_otherwise(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        file = open_iscsi.keep("2001:DB8:0::2,3260,1029/default")
        open_iscsi.session("2001:DB8:0::2")
        make().connect(Target(NAME, (SECOND,)))
        assert "node.session.scan = manual\n" in file.read_text()
        assert not any("--login" in command for command in open_iscsi.commands())

    def test_of_a_target_all_are_amended(
        self, open_iscsi: OpenIscsi, make: MakeIscsi, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Also those of sessions made at boot and of portals that the filer does not name; not their patience."""
        open_iscsi.session(FIRST.address)
        files = [open_iscsi.keep(f"{address},3260,1028/default") for address in (FIRST.address, "192.0.2.99")]
        make().connect(Target(NAME, (FIRST,)))
        for file in files:
            assert "node.session.scan = manual\n" in file.read_text()
            assert "login_timeout" not in file.read_text()
        assert "the session to 192.0.2.1:3260 was made with node.session.scan = auto" in caplog.text
        before = [file.stat() for file in files]
        caplog.clear()
        make().connect(Target(NAME, (FIRST,)))
        assert [file.stat() for file in files] == before
        assert caplog.text == ""

    def test_one_that_cannot_be_amended_is_not_replaced(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """Nor logged in by: that would bring every LUN."""
        file = open_iscsi.keep("192.0.2.1,3260,1028/default")

        class ReadOnly(Records):
            def amend(self, record: Record, *, for_login: bool = False) -> NoReturn:
                raise OSError(errno.EROFS, "Read-only file system")

        problem = r"record cannot be written: Read-only file system \(192.0.2.1:3260\)$"
        with pytest.raises(DeviceError, match=problem):
            make(kind=ReadOnly).connect(Target(NAME, (FIRST,)))
        assert file.read_text() == RECORD.format(name=NAME)
        assert [command.split()[2] for command in open_iscsi.commands()] == ["iface"]

    def test_what_a_killed_script_left(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """It stops nobody, and goes: with it in the database's own folder iscsiadm lists no record."""
        places = [open_iscsi.database / "nodes", open_iscsi.database]
        old = [place / f".dataontap.{os.getpid()}" for place in places]
        young = open_iscsi.database / ".dataontap.of-another-script"
        for file in (*old, young):
            file.touch()
        for file in old:
            os.utime(file, (0, 0))
        make().connect(TARGET)
        assert sorted(open_iscsi.database.glob("**/.dataontap.*")) == [young]

    def test_the_database_is_the_one_that_iscsiadm_names(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """It is asked once."""
        dead = open_iscsi.keep("192.0.2.1,3260,1028/default")
        open_iscsi.database = open_iscsi.directory / "other"
        make().connect(Target(NAME, (FIRST,)))
        make().connect(Target(NAME, (FIRST,)))
        assert dead.read_text() == RECORD.format(name=NAME)
        assert "node.session.scan = manual\n" in open_iscsi.record(FIRST.address)
        assert sum("iface" in command for command in open_iscsi.commands()) == 1


class TestSessions:
    def test_a_session_that_recovers_is_no_way_to_the_lun(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        open_iscsi.session(FIRST.address, state="FAILED")
        assert make().nexuses(TARGET) == []
        assert make().known(TARGET) == [Nexus(2, 0, 0)]

    def test_it_is_said_that_it_failed(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        open_iscsi.session(FIRST.address, state="FAILED")
        problem = "^no iSCSI session: the session is FAILED, iscsid tries to log in again \\(192.0.2.1:3260\\)$"
        with pytest.raises(DeviceError, match=problem):
            make().connect(Target(NAME, (FIRST,)))

    def test_offload_has_all_on_one_host(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """Where the target is, its folder tells, and before there is one its number."""
        for number, address in ((1, FIRST.address), (2, SECOND.address)):
            own = open_iscsi.session_on("host3", number, address)
            (own / f"iscsi_session/session{number}/target_id").write_text(f"{number - 1}\n")
        (own / "target3:0:7").mkdir()
        assert make().nexuses(TARGET) == [Nexus(3, 0, 0), Nexus(3, 0, 7)]
        (own / "target3:0:7").rmdir()
        assert make().nexuses(TARGET) == [Nexus(3, 0, 0), Nexus(3, 0, 1)]


class TestMessages:
    def test_one_portal_is_enough(
        self, open_iscsi: OpenIscsi, make: MakeIscsi, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        open_iscsi.down(SECOND)
        assert make().connect(TARGET) == [Nexus(2, 0, 0)]
        assert (
            "the portal does not answer (connection timed out), see the filer's interface ([2001:db8::2]:3260)"
            in (caplog.text)
        )
        whole = next(
            line for line in caplog.messages if line.startswith("the login to [2001:db8::2]:3260 failed: iscsiadm")
        )
        assert "Could not log into all portals" in whole, "also what the child was told"

    def test_none_that_works_is_an_error_and_tried_each_time(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        for portal in TARGET.portals:
            open_iscsi.down(portal)
        for _ in range(2):
            with pytest.raises(DeviceError, match="^no iSCSI session: the portal does not answer") as caught:
                make().connect(TARGET)
        assert str(caught.value).endswith("(192.0.2.1:3260, [2001:db8::2]:3260)")
        assert "iqn" not in str(caught.value)
        assert sum("--login" in command for command in open_iscsi.commands()) == 4

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (failed(20, reported(20, "could not connect to iscsid")), "iscsid does not run"),
            (failed(21, "iscsiadm: No records found"), "iscsiadm finds no record of the portal"),
            (failed(9, reported(9, "internal error")), r"internal error \(iscsiadm's error 9\)"),
            (failed(6, "a\niscsiadm: the database"), r"iscsiadm: the database \(iscsiadm's error 6\)"),
            (
                CommandError(f"cannot run iscsiadm -T {NAME}: no", started=False),
                "iscsiadm cannot be run, see whether",
            ),
            (CommandError(f"iscsiadm -T {NAME} did not end within 19 s"), "iscsiadm did not end in time"),
        ],
    )
    def test_the_reason_is_iscsiadms(
        self, open_iscsi: OpenIscsi, make: MakeIscsi, error: CommandError, said: str
    ) -> None:
        def run(*argv: str, timeout: float, ok: tuple[int, ...] = (0,)) -> str:
            if "--login" in argv:
                raise error
            return open_iscsi.run(*argv, timeout=timeout, ok=ok)

        with pytest.raises(DeviceError, match=f"^no iSCSI session: {said}") as caught:
            make(run=run).connect(TARGET)
        assert NAME not in str(caught.value)

    def test_a_reason_is_said_once_and_first(self) -> None:
        problems = Problems()
        for number in range(8):
            problems.add("the portal does not answer", f"192.0.2.{number}:3260")
        problems.add("iscsid does not run", "192.0.2.9:3260")
        assert str(problems) == (
            "the portal does not answer (192.0.2.0:3260, 192.0.2.1:3260 and 6 more);"
            " iscsid does not run (192.0.2.9:3260)"
        )

    def test_no_portal_at_all(self, make: MakeIscsi) -> None:
        with pytest.raises(DeviceError, match="the filer names no iSCSI portal"):
            make().connect(Target(NAME, ()))


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


def test_portals_that_failed_together_are_all_tried_again(open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
    """As after wrong secrets: what is mended for one portal is mended for all."""
    for portal in TARGET.portals:
        open_iscsi.down(portal)
    with pytest.raises(DeviceError):
        make().connect(TARGET)
    open_iscsi.now = open_iscsi.directory.stat().st_mtime + 1
    for portal in TARGET.portals:
        open_iscsi.up(portal)
    make().connect(Target(NAME, (FIRST,), elsewhere=(str(SECOND),)))
    assert make().connect(TARGET) == [Nexus(2, 0, 0), Nexus(3, 0, 0)]


class TestDeadline:
    def test_nothing_takes_longer_than_the_verb_may(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        given = open_iscsi.directory / "given"

        def run(*argv: str, timeout: float, ok: tuple[int, ...] = (0,)) -> str:
            with given.open("a") as file:  # logins are children's
                file.write(f"{timeout}\n")
            return open_iscsi.run(*argv, timeout=timeout, ok=ok)

        make(deadline=Deadline(7), run=run).connect(TARGET)
        seconds = [float(line) for line in given.read_text().splitlines()]
        assert len(seconds) == 5
        assert all(0 < one <= 7 for one in seconds)

    def test_no_time_is_left(self, make: MakeIscsi) -> None:
        with pytest.raises(DeadlineError, match="^no time left for: asking iscsiadm"):
            make(deadline=Deadline(0)).connect(TARGET)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("# iqn.of.nobody\nInitiatorName=iqn.1993-08.org.debian:01:Node1\n", "iqn.1993-08.org.debian:01:node1"),
        ("InitiatorName = iqn.a:blanks  \n", "iqn.a:blanks"),
        ("\t InitiatorName=iqn.a:indented\n", "iqn.a:indented"),
        ("\ufeffInitiatorName=iqn.a:bom\r\n", "iqn.a:bom"),
        ("InitiatorName=iqn.a:first\nInitiatorName=iqn.a:second\n", "iqn.a:first"),
        ("InitiatorName=\nInitiatorName\nInitiatorName=iqn.a:third", "iqn.a:third"),
        (
            "#InitiatorName=iqn.a:no\nMyInitiatorNames = iqn.a:within # not a comment\n",
            "iqn.a:within # not a comment",
        ),
        ("InitiatorAlias=a=b\n# InitiatorName=iqn.a:no\n", None),
        (None, None),
    ],
)
def test_the_initiators_name_is_what_iscsid_takes(tmp_path: Path, text: str | None, name: str | None) -> None:
    file = tmp_path / "initiatorname.iscsi"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert initiators(str(file)) == ([name] if name else [])
