"""Paths that go and come back while a verb runs, held devices, write protection, CHAP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dataontap.paths import RUN
from tests.simulator.process import Simulator
from tests.vm.machine import LOG, Machine
from tests.vm.san import ISCSI
from tests.vm.storage import IGROUP, MIB, Storage

NAME = "volume-a"
AT = 5
# Where it is noted that the second portal did not let us in.
FAILURE = f"{RUN}/portal/127.0.0.2:3260"
PORTAL_GROUPS = "/sys/kernel/config/target/iscsi/iqn.*/tpgt_*"


@contextmanager
def outage(storage: Storage, *interfaces: int, after: float = 0.5, seconds: float = 6.0) -> Iterator[None]:
    """Interfaces go down a moment after this begins, and come back while it lasts, or at its end."""
    over = threading.Event()

    def happen() -> None:
        over.wait(after)
        for interface in interfaces:
            storage.switch(interface, on=False)
        over.wait(seconds)
        for interface in interfaces:
            storage.switch(interface, on=True)

    thread = threading.Thread(target=happen)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def own_group(node: Machine) -> Iterator[None]:
    """The node has a group of its own: after detach the LUN is not mapped any more.

    With one group for all it stays mapped, and over Fibre Channel the kernel itself scans when a port comes back.
    """
    node.configure(IGROUP="ganeti-{node}")
    yield
    node.configure(IGROUP=IGROUP)


def whole(node: Machine, storage: Storage, paths: int = 2) -> None:
    """The volume's map gets that many paths that answer as its LUN."""
    naa = storage.lun(NAME).naa
    node.await_that(
        lambda: [node.live(path) for path in node.paths(naa)] == [naa] * paths, f"{paths} paths", limit=120
    )


def test_one_interface_down(node: Machine, storage: Storage) -> None:
    """One path is enough; the other one comes with an attach after that.

    Over iSCSI five minutes later: then its portal is tried again.
    """
    storage.make(NAME, text="by one path")
    storage.switch(2, on=False)
    done = node.script("attach", NAME)
    assert done.status == 0, done.stderr
    assert node.read(done.stdout.strip()) == "by one path"
    assert len(node.paths(storage.lun(NAME).naa)) == 1
    if node.san is ISCSI:
        assert "127.0.0.2:3260" in done.stderr
    detached = node.script("detach", NAME)
    assert detached.status == 0, detached.stderr
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
    storage.switch(2, on=True)
    if node.san is ISCSI:
        node.shell("touch -d '-301 seconds' $1", FAILURE)
    node.regain_sessions()
    assert node.read(node.attach(NAME)) == "by one path"
    whole(node, storage)


@pytest.mark.parametrize("interfaces", [(1,), (1, 2)], ids=["one path", "all paths"])
def test_outage_during_attach(node: Machine, storage: Storage, interfaces: tuple[int, ...]) -> None:
    """With a path left it succeeds; without, it fails in time and the next one succeeds."""
    lun = storage.make(NAME, text="after the outage")
    with outage(storage, *interfaces):
        done = node.script("attach", NAME)
    if len(interfaces) == 1:
        assert done.status == 0, done.stderr
    if done.status:
        assert done.stdout == ""
        done = node.script("attach", NAME)
    assert done.status == 0, done.stderr
    assert node.read(done.stdout.strip()) == "after the outage"
    assert lun.naa in {node.live(path) for path in node.paths(lun.naa)}
    assert node.script("detach", NAME).status == 0
    assert (node.disks(), node.maps()) == ([], {})


@pytest.mark.usefixtures("own_group")
@pytest.mark.parametrize(
    ("interfaces", "seconds"),
    [((1,), 2.0), ((1, 2), 2.0), ((1, 2), 1.4)],
    ids=["one path", "all paths", "all paths, back before the LUN is unmapped"],
)
def test_paths_go_and_come_during_detach(
    node: Machine, storage: Storage, interfaces: tuple[int, ...], seconds: float
) -> None:
    """Nobody has noticed when it begins, and they come back before it is over: nothing of them stays."""
    storage.make(NAME)
    node.attach(NAME)
    with outage(storage, *interfaces, after=0.3, seconds=seconds):
        done = node.script("detach", NAME)
    assert done.status == 0, done.stderr
    assert storage.groups(NAME) == []
    node.regain_sessions()
    node.pass_polling()
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


@pytest.mark.parametrize("interfaces", [(1,), (1, 2)], ids=["one path", "all paths"])
def test_outage_during_detach(node: Machine, storage: Storage, interfaces: tuple[int, ...]) -> None:
    """The device goes, with paths or without."""
    storage.make(NAME)
    node.attach(NAME)
    with outage(storage, *interfaces, after=0, seconds=60):
        node.await_that(lambda: "faulty" in node.shell("multipathd show paths"), "a failed path", limit=90)
        done = node.script("detach", NAME)
        assert done.status == 0, done.stderr
        assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
    assert done.seconds < 30


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "running"])
@pytest.mark.parametrize("interfaces", [(1,), (2,), (1, 2)], ids=["one path", "the other path", "all paths"])
def test_outage_during_grow(node: Machine, storage: Storage, interfaces: tuple[int, ...], noticed: bool) -> None:
    """A device that cannot follow is told of; with all paths back, grow once more makes it whole."""
    storage.make(NAME, text="before")
    device = node.attach(NAME)
    with outage(storage, *interfaces, after=0 if noticed else 0.3, seconds=60 if noticed else 2):
        if noticed:
            node.await_that(lambda: "faulty" in node.shell("multipathd show paths"), "a failed path", limit=90)
        first = node.script("grow", NAME, VOL_SIZE="64", VOL_NEW_SIZE="128")
    print(f"\ngrow, {len(interfaces)} of 2 paths gone: {first.status}, {first.message}")
    if noticed:
        assert first.status == 1
        told = "try again when all paths are back" if len(interfaces) == 1 else "none of the paths"
        assert told in first.message
    node.regain_sessions()
    node.await_that(lambda: "faulty" not in node.shell("multipathd show paths"), "the path's return", limit=120)
    again = node.script("grow", NAME, VOL_SIZE="64", VOL_NEW_SIZE="128")
    assert again.status == 0, (first, again)
    assert int(node.shell("blockdev --getsize64 $1", device)) == 128 * MIB
    whole(node, storage)
    assert node.read(device) == "before"
    assert node.script("detach", NAME).status == 0


def test_path_loss_while_in_use(node: Machine, storage: Storage) -> None:
    """Attach of a device without paths is no success; what waits for them is delivered where it belongs."""
    lun = storage.make(NAME, text="before")
    device = node.attach(NAME)
    storage.switch(1, on=False)
    storage.switch(2, on=False)
    writer = node.start_writing(device, "written in the outage")
    node.await_that(lambda: node.is_stuck(writer), "a write that waits", limit=60)
    done = node.script("attach", NAME)
    assert (done.status, done.stdout) == (1, ""), done
    storage.switch_all(on=True)
    node.await_that(lambda: node.status(writer) == 0, "the write's end", limit=120)
    assert lun.holds() == "written in the outage"
    assert node.attach(NAME) == device
    assert node.script("detach", NAME).status == 0


def test_detach_while_held(node: Machine, storage: Storage) -> None:
    """Refused, with the holder's name; and what is there goes on."""
    storage.make(NAME)
    device = node.attach(NAME)
    holder = node.hold(device)
    done = node.script("detach", NAME)
    assert done.status == 1
    assert f"process {holder} (sleep)" in done.message
    assert node.write(device, "still there") == "ok"
    removed = node.script("remove", NAME)
    assert removed.status == 1
    assert storage.names() == [NAME]
    node.end(holder)
    assert node.script("detach", NAME).status == 0
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


def test_attach_after_a_detach_that_was_killed(node: Machine, storage: Storage) -> None:
    """It had flushed the map, and had not deleted the paths: multipathd makes no map of them by itself."""
    storage.make(NAME)
    device = node.attach(NAME)
    node.write(device, "before")
    (wwid,) = node.maps()
    node.shell("multipath -f $1", wwid)
    assert (len(node.disks()), node.maps()) == (2, {})
    again = node.attach(NAME)
    assert node.read(again) == "before"
    assert len(node.paths(wwid[1:])) == 2
    assert node.script("detach", NAME).status == 0
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


def test_write_protected_at_attach(node: Machine, storage: Storage) -> None:
    """Refused each time, with nothing left of it here; attach works as soon as the filer takes writes."""
    storage.make(NAME, AT, text="a mirror's destination")
    storage.protect(NAME, True)
    for _ in range(2):
        done = node.script("attach", NAME)
        assert (done.status, done.stdout) == (1, ""), done
        assert "write-protected: the filer refuses writes to this LUN; " in done.message
        assert (node.disks(), node.maps(), node.names()) == ([], {}, []), done.stderr
    storage.protect(NAME, False)
    device = node.attach(NAME)
    assert node.write(device, "broken off", 1) == "ok"
    assert node.read(device) == "a mirror's destination"


@pytest.mark.parametrize("paths", [1, 2])
def test_write_protected_until_just_before(node: Machine, storage: Storage, paths: int) -> None:
    """A rescan and a reload make it right, of this LUN alone."""
    storage.switch(2, on=paths == 2)
    node.attach(storage.make("volume-b").name)
    luns = [storage.make(NAME, AT), storage.make("volume-c", AT + 1)]
    for lun in luns:
        storage.protect(lun.name, True)
    node.see_all()  # as a login at boot, or anybody: multipathd makes the maps
    protected = [True] * (paths + 1)
    for lun in luns:
        node.await_that(lambda naa=lun.naa: [*node.protected(naa).values()] == protected, "a read-only map")  # type: ignore[misc]
        storage.protect(lun.name, False)
    device = node.attach(NAME)
    assert {*node.protected(luns[0].naa).values()} == {False}
    assert {*node.protected(luns[1].naa).values()} == {True}
    assert node.write(device, "broken off") == "ok"
    assert luns[0].holds() == "broken off"


def test_write_protected_while_here(node: Machine, storage: Storage) -> None:
    """An instance must be able to stop: attach names the device, with a warning. open refuses it."""
    lun = storage.make(NAME, AT)
    device = node.attach(NAME)
    storage.protect(NAME, True)
    assert node.write(device, "not yet known here") == "EIO"
    for path in node.paths(lun.naa):
        node.shell("echo 1 > /sys/block/$1/device/rescan", path)
    node.await_that(lambda: node.protected(lun.naa)["ro"], "multipathd to make the map read-only")
    holder = node.hold(device)
    node.configure(FORMER_IGROUP="ganeti-former")  # with one group for all nodes open does nothing
    try:
        done = node.script("attach", NAME)
        assert (done.status, done.stdout) == (0, f"{device}\n"), done
        assert f"{device}: write-protected: the filer refuses writes to this LUN; " in done.stderr
        opened = node.script("open", NAME, VOL_OPEN_EXCLUSIVE="True")
        assert opened.status == 1
        assert "write-protected: the filer refuses writes to this LUN; " in opened.message
        storage.protect(NAME, False)
        node.must("open", NAME, VOL_OPEN_EXCLUSIVE="True")
    finally:
        node.configure(FORMER_IGROUP=None)
    assert {*node.protected(lun.naa).values()} == {False}
    assert node.write(device, "broken off") == "ok"
    node.end(holder)
    storage.protect(NAME, True)
    node.must("detach", NAME)
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


@pytest.mark.iscsi_only("CHAP")
def test_chap(node: Machine, simulator: Simulator, storage: Storage) -> None:
    """The secret is asked for, and kept: not in the log, not in any message."""
    storage.make(NAME)
    node.shell("{ iscsiadm -m node -u; iscsiadm -m node -o delete; } >/dev/null 2>&1; rm -f /var/log/ganeti-ext*")
    simulator.stop()
    options = ("--iscsi", "127.0.0.1,127.0.0.2", "--chap", "node:right-secret")
    try:
        with Simulator(simulator.state, *options, port=simulator.port):
            node.configure(ISCSI_CHAP_USER="node", ISCSI_CHAP_PASSWORD="wrong-secret", DEBUG=True)
            wrong = node.script("attach", NAME)
            assert (wrong.status, wrong.stdout) == (1, ""), wrong
            assert "rejects this node's login: see ISCSI_CHAP_USER" in wrong.message, wrong.message
            node.configure(ISCSI_CHAP_PASSWORD="right-secret")
            device = node.attach(NAME)
            assert node.write(device, "by CHAP") == "ok"
            assert "secret" not in node.shell(f"cat {LOG}") + wrong.stderr
            assert node.script("detach", NAME).status == 0
            node.shell("{ iscsiadm -m node -u; iscsiadm -m node -o delete; } >/dev/null 2>&1")
    finally:
        node.configure(ISCSI_CHAP_USER=None, ISCSI_CHAP_PASSWORD=None, DEBUG=None)
        simulator.start()


@pytest.mark.iscsi_only("CHAP")
def test_mutual_chap(node: Machine, simulator: Simulator, storage: Storage) -> None:
    """A filer that proves itself by other credentials, or not at all, gets no session."""
    storage.make(NAME)
    without_sessions(node)
    simulator.stop()
    options = ("--iscsi", "127.0.0.1,127.0.0.2", "--chap", "node:right-secret")
    mine = {"ISCSI_CHAP_USER": "node", "ISCSI_CHAP_PASSWORD": "right-secret"}
    its = {"ISCSI_CHAP_TARGET_USER": "filer", "ISCSI_CHAP_TARGET_PASSWORD": "filers-secret"}
    node.configure(**mine, **its, DEBUG=True)
    try:
        with Simulator(simulator.state, *options, port=simulator.port):
            refuses_the_filer(node, "a filer that does not prove itself")
        with Simulator(simulator.state, *options, "--chap-target", "filer:filers-secret", port=simulator.port):
            for wrong in ({"ISCSI_CHAP_TARGET_USER": "another"}, {"ISCSI_CHAP_TARGET_PASSWORD": "others-secret"}):
                node.configure(**wrong)
                refuses_the_filer(node, f"another filer's {wrong}")
                node.configure(**its)
            device = node.attach(NAME)
            assert node.write(device, "by mutual CHAP") == "ok"
            assert {*node.shell("cat /sys/class/iscsi_session/session*/username_in").split()} == {"filer"}
            node.must("detach", NAME)
            without_sessions(node)
            node.shell(f"for file in {PORTAL_GROUPS}/attrib/authentication; do echo 0 >$file; done")
            node.shell(f"for file in {PORTAL_GROUPS}/param/AuthMethod; do echo None >$file; done")
            refuses_the_filer(node, "a filer that knows no CHAP", by="no iSCSI session: ")
        assert "secret" not in node.shell(f"cat {LOG}")
    finally:
        without_sessions(node)
        node.configure(**dict.fromkeys((*mine, *its)), DEBUG=None)
        node.shell(f"for file in {PORTAL_GROUPS}/param/AuthMethod; do echo CHAP,None >$file; done")
        simulator.start()


def refuses_the_filer(
    node: Machine, why: str, by: str = "is refused by ISCSI_CHAP_TARGET_*: see journalctl"
) -> None:
    """No session, and a message that names the options of mutual CHAP."""
    done = node.script("attach", NAME)
    print(f"\n{why}: {done.message}")
    assert (done.status, done.stdout) == (1, ""), done
    assert by in done.message, done.message
    assert "secret" not in done.stderr
    assert node.sessions() == []


@pytest.mark.iscsi_only("open-iscsi's interfaces")
def test_networks_and_interfaces(node: Machine, storage: Storage) -> None:
    """Only portals inside are used, and each by the interfaces that are named. verify keeps to them, too."""
    storage.make(NAME)
    without_sessions(node)
    storage.switch(2, on=False)
    node.configure(ISCSI_NETWORKS=("127.0.0.1", "10.0.5.0/24"), ISCSI_INTERFACES=("first", "second", "absent"))
    try:
        none = node.script("attach", NAME)
        assert " no iSCSI session: open-iscsi has no interface first, see ISCSI_INTERFACES" in none.message, none
        for interface in ("first", "second"):
            node.shell("iscsiadm -m iface -I $1 -o new", interface)
        done = node.must("attach", NAME)
        assert node.write(done.stdout.strip(), "by two interfaces") == "ok"
        assert len(node.paths(storage.lun(NAME).naa)) == 2, done.stderr
        shown = node.shell("cd /sys/class/iscsi_session; cat session*/ifacename").split()
        assert sorted(shown) == ["first", "second"]
        verified = node.script("verify", "-")
        print(verified.stdout, verified.stderr)
        assert "open-iscsi has no interface absent" in verified.stdout
        assert "portals: fine" in verified.stdout
        node.must("detach", NAME)
        node.configure(ISCSI_NETWORKS=("10.0.5.0/24",))
        outside = node.script("attach", NAME)
        assert "no iSCSI portal (127.0.0.1 and 1 more) is in ISCSI_NETWORKS (10.0.5.0/24)" in outside.message
    finally:
        storage.switch(2, on=True)
        node.configure(ISCSI_NETWORKS=None, ISCSI_INTERFACES=None)
        without_sessions(node)
        node.shell("for name in first second; do iscsiadm -m iface -I $name -o delete; done")


def without_sessions(node: Machine) -> None:
    """Nobody has logged in, and nobody made a record."""
    node.shell("{ iscsiadm -m node -u; iscsiadm -m node -o delete; } >/dev/null 2>&1 || :")


@pytest.mark.iscsi_only("portals and sessions, in the words of open-iscsi")
def test_why_there_is_no_session(node: Machine, storage: Storage) -> None:
    """Nobody answers; or a session is there that has failed, with which iscsiadm itself would be content."""
    storage.make(NAME)
    without_sessions(node)
    storage.switch_all(on=False)
    down = node.script("attach", NAME)
    assert down.message == (
        f"dataontap: attach {NAME}: no iSCSI session: the portal does not answer (connection timed out), see the"
        " filer's interface (127.0.0.1:3260, 127.0.0.2:3260)"
    )
    storage.switch_all(on=True)
    node.attach(NAME)
    assert node.script("detach", NAME).status == 0
    storage.switch_all(on=False)
    node.lose_sessions()
    failed = node.script("attach", NAME)
    assert failed.status == 1
    assert " no iSCSI session: the session is F" in failed.message, failed.message  # FAILED, later FREE
    assert "iqn." not in failed.message
    assert failed.seconds < down.seconds


@pytest.mark.iscsi_only("open-iscsi's records and interfaces")
def test_sessions_that_the_admin_made(node: Machine, storage: Storage) -> None:
    """By interfaces of his own, as at boot: the one without a session gets it, and no login brings all again."""
    without_sessions(node)
    storage.make("volume-b", lun_id=7)
    portal = storage.admin.get_iscsi_target_details()[0]
    record = f"-m node -T {storage.admin.get_iscsi_service_details()} -p {portal.address}:3260,{portal.tag}"
    for interface in ("first", "second"):
        node.shell(f"iscsiadm -m iface -I {interface} -o new; iscsiadm {record} -I {interface} -o new")
    try:
        node.shell(f"iscsiadm {record} -I first --login")
        node.await_that(lambda: len(node.disks()) == 1, "the LUN that nobody asked for")
        storage.make(NAME, text="by three sessions")
        done = node.script("attach", NAME)
        assert done.status == 0, done.stderr
        assert "the session to 127.0.0.1:3260 was made with node.session.scan = auto" in done.stderr
        assert node.read(done.stdout.strip()) == "by three sessions"
        assert len(node.paths(storage.lun(NAME).naa)) == 3
        assert len(node.paths(storage.lun("volume-b").naa)) == 1
        shown = node.shell("cat /sys/class/iscsi_session/session*/ifacename")
        assert sorted(shown.split()) == ["default", "first", "second"]
        scans = node.shell("grep -rh node.session.scan /etc/iscsi/nodes")
        assert scans.splitlines() == ["node.session.scan = manual"] * 3
        node.must("detach", NAME)
    finally:
        without_sessions(node)
        node.shell("for name in first second; do iscsiadm -m iface -I $name -o delete; done")


@pytest.mark.iscsi_only("over Fibre Channel there is no login that attach could miss")
def test_lun_at_a_new_portal(node: Machine, storage: Storage) -> None:
    """No portal that the node knows shows it: attach then asks the filer, and logs in to the new one."""
    lun = storage.make(NAME, AT, text="moved")
    node.attach(NAME)
    node.must("detach", NAME)
    try:
        with storage.moved(NAME, "127.0.0.3"):
            done = node.must("attach", NAME)
            assert "trying all of the filer's interfaces" in done.stderr
            assert node.read(done.stdout.strip()) == "moved"
            assert [node.live(path) for path in node.paths(lun.naa)] == [lun.naa]
            node.must("detach", NAME)
    finally:
        without_sessions(node)
