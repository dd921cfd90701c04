"""ISCSI_NETWORKS and ISCSI_INTERFACES: which portals, sessions and interfaces logins and scans keep to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dataontap.errors import DeviceError
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.iscsi_records import Portal
from dataontap.host.iscsi_scope import Scope
from dataontap.host.sysfs import Nexus
from tests.unit.test_iscsi import FIRST, NAME, RECORD, SECOND, TARGET, MakeIscsi, OpenIscsi, make, open_iscsi

__all__ = ["make", "open_iscsi"]

INTERFACES = Scope(interfaces=("iface0", "iface1"))


def logins(open_iscsi: OpenIscsi) -> list[str]:
    """PORTAL -I INTERFACE of each login."""
    commands = [command for command in open_iscsi.commands() if command.endswith(" --login")]
    return sorted(command.split(" -p ")[1].removesuffix(" --login") for command in commands)


def connect(iscsi: Iscsi, target: Target) -> list[Nexus]:
    """Log in as ``IscsiTarget`` does."""
    return iscsi.connect(replace(target, portals=iscsi.portals(target)))


class TestNetworks:
    @pytest.mark.parametrize(
        ("networks", "inside"),
        [
            (("192.0.2.0/24",), [FIRST]),
            (("192.0.2.1/32",), [FIRST]),
            (("198.51.100.0/24", "2001:db8::/64"), [SECOND]),
            (("192.0.2.0/24", "2001:db8::/64"), [FIRST, SECOND]),
            ((), [FIRST, SECOND]),
        ],
    )
    def test_only_portals_inside_are_logged_in_to(
        self, open_iscsi: OpenIscsi, make: MakeIscsi, networks: tuple[str, ...], inside: list[Portal]
    ) -> None:
        found = connect(make(scope=Scope(networks)), TARGET)
        assert logins(open_iscsi) == sorted(f"{portal} -I default" for portal in inside)
        assert len(found) == len(inside)

    def test_sessions_outside_are_not_scanned(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """But known: what came over them may be stale. Their records bring no more LUNs, either."""
        open_iscsi.session(SECOND.address)
        file = open_iscsi.keep(f"{SECOND.address},3260,1029/default")
        iscsi = make(scope=Scope(("192.0.2.0/24",)))
        assert connect(iscsi, TARGET) == iscsi.nexuses(TARGET) == [Nexus(2, 0, 0)]
        assert iscsi.known(TARGET) == [Nexus(2, 0, 0), Nexus(3, 0, 0)]
        assert "node.session.scan = manual\n" in file.read_text()

    def test_a_session_to_a_host_name_is_not_scanned(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """Its address is not known."""
        open_iscsi.session("filer.example.org")
        assert make(scope=Scope(("192.0.2.0/24",))).nexuses(TARGET) == []
        assert make().nexuses(TARGET) == [Nexus(3, 0, 0)]

    @pytest.mark.parametrize(
        ("networks", "error"),
        [
            (("10.0.5.0/24",), r"^no iSCSI portal \(192.0.2.1 and 1 more\) is in ISCSI_NETWORKS"),
            (("10.0.5.0/24", "10.0.6.0/24", "::1/128"), r"is in ISCSI_NETWORKS \(10.0.5.0/24 and 2 more\)$"),
        ],
    )
    def test_no_portal_is_inside(
        self, open_iscsi: OpenIscsi, make: MakeIscsi, networks: tuple[str, ...], error: str
    ) -> None:
        """Also where there is a session by now: it is not used."""
        open_iscsi.session(FIRST.address)
        with pytest.raises(DeviceError, match=error):
            connect(make(scope=Scope(networks)), TARGET)
        assert logins(open_iscsi) == []

    def test_a_filer_without_portals_is_told_as_before(self, make: MakeIscsi) -> None:
        with pytest.raises(DeviceError, match="the filer names no iSCSI portal"):
            connect(make(scope=Scope(("10.0.5.0/24",))), Target(NAME, ()))


class TestInterfaces:
    @pytest.fixture(autouse=True)
    def interfaces(self, open_iscsi: OpenIscsi) -> None:
        (open_iscsi.database / "ifaces").mkdir()
        for name in INTERFACES.interfaces:
            (open_iscsi.database / "ifaces" / name).touch()

    def test_records_are_made_for_each(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        assert len(make(scope=INTERFACES).connect(TARGET)) == 4
        places = [f"{portal} -I {name}" for portal in TARGET.portals for name in INTERFACES.interfaces]
        assert logins(open_iscsi) == sorted(places)
        new = f"iscsiadm -m node -T {NAME} -p 192.0.2.1:3260,1028 -I iface1 -o new"
        assert new in open_iscsi.commands()
        assert "node.session.scan = manual\n" in open_iscsi.record(FIRST.address, "iface1")
        before = open_iscsi.commands()
        assert len(make(scope=INTERFACES).connect(TARGET)) == 4
        assert open_iscsi.commands() == before

    def test_a_portal_whose_tag_is_not_known(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        """As over REST. Without it iscsiadm keeps a single record; the first session tells the tag."""
        portal = Portal(FIRST.address, 3260, None)
        assert len(make(scope=INTERFACES).connect(Target(NAME, (portal,)))) == 2
        new = [command.partition(" -p ")[2] for command in open_iscsi.commands() if "-o new" in command]
        assert new == ["192.0.2.1:3260 -I iface0 -o new", "192.0.2.1:3260,1028 -I iface1 -o new"]
        before = open_iscsi.commands()
        assert len(make(scope=INTERFACES).connect(Target(NAME, (portal,)))) == 2
        assert open_iscsi.commands() == before

    def test_a_portal_whose_tag_is_not_known_and_an_interface_that_fails(
        self, open_iscsi: OpenIscsi, make: MakeIscsi
    ) -> None:
        """The other one is tried; the first one's record comes again when the tag is known."""
        portal = Portal(FIRST.address, 3260, None)
        target = Target(NAME, (portal,))
        (open_iscsi.directory / "broken-iface0").touch()
        assert make(scope=INTERFACES).connect(target) == [Nexus(6, 0, 0)]
        (open_iscsi.directory / "broken-iface0").unlink()
        open_iscsi.now += 1e9
        assert len(make(scope=INTERFACES).connect(target)) == 2
        assert "node.name" in open_iscsi.record(FIRST.address, "iface0")

    def test_a_record_without_a_tag_of_another_interface_stays(
        self, open_iscsi: OpenIscsi, make: MakeIscsi
    ) -> None:
        """Where a session, here by that record, tells the tag."""
        file = open_iscsi.keep(f"{FIRST.address},3260")
        open_iscsi.session(FIRST.address)
        make(scope=Scope(interfaces=("iface0",))).connect(Target(NAME, (Portal(FIRST.address, 3260, None),)))
        assert file.exists()
        assert logins(open_iscsi) == ["192.0.2.1:3260 -I iface0"]

    def test_records_and_sessions_of_others_are_not_used(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        open_iscsi.session(FIRST.address)
        file = open_iscsi.keep(f"{FIRST.address},3260,1028/default")
        found = make(scope=Scope(interfaces=("iface1",))).connect(Target(NAME, (FIRST,)))
        assert logins(open_iscsi) == ["192.0.2.1:3260 -I iface1"]
        assert found == [Nexus(6, 0, 0)]
        assert file.read_text() == RECORD.format(name=NAME).replace("scan = auto", "scan = manual")

    def test_a_record_that_the_admin_made_is_used(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        open_iscsi.keep(f"{FIRST.address},3260,1028/iface0")
        make(scope=Scope(interfaces=("iface0",))).connect(Target(NAME, (FIRST,)))
        assert logins(open_iscsi) == ["192.0.2.1:3260 -I iface0"]
        assert not any("-o new" in command for command in open_iscsi.commands())

    def test_a_session_whose_interface_is_not_told_serves(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        session = open_iscsi.session(FIRST.address) / "iscsi_session/session1/ifacename"
        session.write_text("(null)\n")
        assert make(scope=Scope(interfaces=("iface0",))).connect(Target(NAME, (FIRST,))) == [Nexus(2, 0, 0)]
        assert logins(open_iscsi) == []

    def test_open_iscsi_lacks_one(
        self, open_iscsi: OpenIscsi, make: MakeIscsi, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The other one is enough. A record of it does not help."""
        open_iscsi.keep(f"{FIRST.address},3260,1028/absent")
        assert len(make(scope=Scope(interfaces=("iface0", "absent"))).connect(Target(NAME, (FIRST,)))) == 1
        assert "open-iscsi has no interface absent, see ISCSI_INTERFACES and iscsiadm -m iface" in caplog.text
        assert logins(open_iscsi) == ["192.0.2.1:3260 -I iface0"]

    def test_open_iscsi_has_none_of_them(self, open_iscsi: OpenIscsi, make: MakeIscsi) -> None:
        lacks = "^no iSCSI session: open-iscsi has no interface absent, see ISCSI_INTERFACES and iscsiadm -m iface"
        with pytest.raises(DeviceError, match=rf"{lacks} \(192.0.2.1:3260 by absent\)$"):
            make(scope=Scope(interfaces=("absent",))).connect(Target(NAME, (FIRST,)))
        assert not any("-o new" in command for command in open_iscsi.commands())

    @pytest.mark.parametrize("name", ["default", "iser"])
    def test_those_that_have_no_file(
        self, open_iscsi: OpenIscsi, make: MakeIscsi, name: str, tmp_path: Path
    ) -> None:
        open_iscsi.keep(f"{FIRST.address},3260,1028/{name}")
        with pytest.raises(DeviceError, match="connection timed out") as caught:
            open_iscsi.down(FIRST)
            make(scope=Scope(interfaces=(name,))).connect(Target(NAME, (FIRST,)))
        assert "has no interface" not in str(caught.value)
