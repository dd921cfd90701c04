"""A volume's whole life, Ganeti's own storage code driving, and what is on a guest's disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from dataontap.deadline import Deadline
from dataontap.host import run
from dataontap.host.multipath import Multipath
from tests.testbed.node import GanetiError
from tests.vm import firstway
from tests.vm.machine import Machine
from tests.vm.san import ISCSI
from tests.vm.scenarios.conftest import DISK, NAME, Tell
from tests.vm.storage import MIB, Storage


def size(node: Machine, device: str) -> int:
    """In MiB, as the kernel sees it."""
    return int(node.shell("blockdev --getsize64 $1", device)) // MIB


def test_whole_life(node: Machine, storage: Storage) -> None:
    """From create to remove, with the data looked at on both sides after each step.

    Another LUN is there for this node all the time: a scan for one brings no other.
    """
    storage.make("bystander", 250)
    disk = {**DISK}
    snapshot: dict[str, object] = {
        "volume": f"{NAME}.snap",
        "size": 64,
        "uuid": "0a3a2f1e-54d5-4d9b-9f0e-0d7a3a6d3b52",
    }

    device = node.ganeti("create", disk)
    assert device == f"/dev/disk/127.0.0.1/vol1/{NAME}"
    lun = storage.lun(NAME)
    assert node.maps() == {f"3{lun.naa}": f"mpath-3{lun.naa}"}
    assert [node.live(path) for path in node.paths(lun.naa)] == [lun.naa, lun.naa]
    assert node.write(device, "before growing") == "ok"
    assert lun.holds() == "before growing"

    node.ganeti("grow", disk, amount=64)
    disk["size"] = 128
    assert size(node, device) == 128
    assert node.write(device, "after growing", block=100 * 256) == "ok"
    assert lun.holds(100 * 256) == "after growing"

    node.ganeti("snapshot", disk)
    assert node.write(device, "after the snapshot") == "ok"
    copy = node.ganeti("assemble", snapshot)
    assert node.read(copy) == "before growing"
    node.ganeti("remove", snapshot)
    assert sorted(storage.names()) == [NAME, "bystander"]

    node.ganeti("shutdown", disk)
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
    assert node.ganeti("assemble", disk) == device
    assert node.read(device) == "after the snapshot"
    assert node.read(device, 100 * 256) == "after growing"
    node.ganeti("remove", disk)
    assert (node.disks(), node.maps(), node.names(), storage.names()) == ([], {}, [], ["bystander"])
    with pytest.raises(GanetiError):
        node.ganeti("assemble", disk)


DRAW_UP = """
    modprobe loop
    disk=$(losetup --find --show --partscan "$1")
    printf 'size=8M, type=83\\nsize=24M, type=8e\\ntype=fd\\n' | sfdisk --quiet "$disk"
    partx --update "$disk" 2>/dev/null || :
    udevadm settle
    mkfs.ext4 -q "${disk}p1"
    pvcreate -qq "${disk}p2"
    vgcreate -qq guestvg "${disk}p2"
    lvcreate -qq -n guestlv -L 8M guestvg
    vgchange -qq -an guestvg
    mdadm --quiet --create /dev/md/guest --level=1 --raid-devices=1 --force --metadata=1.2 --run "${disk}p3"
    mdadm --quiet --stop /dev/md/guest
    losetup --detach "$disk"
    udevadm settle
"""


def kinds(node: Machine) -> set[str]:
    """What device mapper's devices are: partN, LVM, mpath."""
    return {uuid.split("-")[0] for uuid in node.maps().values()}


def arrays(node: Machine) -> list[str]:
    """The MD arrays that there are."""
    return node.shell("ls /sys/block | grep ^md || :").split()


def test_what_a_guest_has_on_its_disk(node: Machine, storage: Storage, tell: Tell) -> None:
    """Partitions, a volume group, an array: the node makes nothing of them, and nothing of it holds the device."""
    old = storage.make("volume-a", 5)
    node.shell(DRAW_UP, str(old.file))
    firstway.log_in(node)
    firstway.attach(node, old)
    node.await_that(lambda: kinds(node) >= {"part1", "LVM"} and arrays(node) != [], "what the node makes of it")
    made = sorted({*kinds(node), *arrays(node)})
    node.sweep()
    storage.destroy("volume-a")

    lun = storage.make("volume-b")
    node.shell(DRAW_UP, str(lun.file))
    device = node.attach("volume-b")
    node.shell("udevadm trigger --settle; multipath -r; udevadm settle; vgscan --cache >/dev/null 2>&1 || :")
    assert (list(node.maps().values()), arrays(node)) == ([f"mpath-3{lun.naa}"], [])
    node.shell("rm $1; udevadm trigger --settle", device)
    assert node.names() == [device]
    assert node.shell("readlink -f $1", device) == node.shell("readlink -f $1", lun.map)
    detached = node.script("detach", "volume-b")
    assert detached.status == 0, detached.stderr
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
    tell(
        "a guest's partitions, volume group and array (kubernetes #60894 and others)",
        old=f"devices made of them here: {', '.join(made)}",
        ours="the map and nothing else, even after udevadm trigger; detach leaves nothing",
    )


def test_what_is_not_ours_is_left_alone(node: Machine, storage: Storage) -> None:
    """A LUN of the node's own, with the host's volume group on it, used before, during and after."""
    foreign = storage.make("of-the-host", 7)
    firstway.log_in(node)
    firstway.attach(node, foreign)
    node.shell(
        "pvcreate -qq $1 && vgcreate -qq hostvg $1 && lvcreate -qq -Wn -Zn -n hostlv -L 16M hostvg", foreign.map
    )
    assert node.write("/dev/hostvg/hostlv", "of the host") == "ok"
    before = node.maps()
    disk = {**DISK}
    node.ganeti("create", disk)
    node.ganeti("grow", disk, amount=64)
    assert node.read("/dev/hostvg/hostlv") == "of the host"
    node.ganeti("remove", {**disk, "size": 128})
    assert node.maps() == before
    assert len(node.paths(foreign.naa)) == 2
    assert node.read("/dev/hostvg/hostlv") == "of the host"
    node.shell("vgremove -qq -f hostvg && pvremove -qq $1", foreign.map)


# A guest's "pvcreate /dev/vda; vgcreate xenvg", on a LUN's file and with eyes for nothing else; the node's own.
GUESTS_GROUP = """
    modprobe loop
    disk=$(losetup --find --show $2 "$1")
    alone="devices { global_filter = [ \\"a|^$disk|\\", \\"r|.*|\\" ] }"
    if [ -n "$2" ]; then
        echo 'type=8e' | sfdisk --quiet "$disk"
        partx --update "$disk" 2>/dev/null || :
        udevadm settle
        part=p1
    fi
    pvcreate -qq --config "$alone" "$disk$part"
    vgcreate -qq --config "$alone" xenvg "$disk$part"
    losetup --detach "$disk"
    udevadm settle
"""
NODES_GROUP = """
    modprobe loop
    truncate -s 64M /root/xenvg.img
    disk=$(losetup --find --show /root/xenvg.img)
    pvcreate -qq "$disk" && vgcreate -qq xenvg "$disk"
"""
NO_NODES_GROUP = """
    vgremove -qq -f xenvg
    losetup --detach $(losetup --noheadings --output NAME --associated /root/xenvg.img)
    rm /root/xenvg.img
"""
GROUPS = ("vgs", "--noheadings", "-o", "vg_name,vg_uuid,pv_count", "xenvg")


@contextmanager
def nodes_group(node: Machine) -> Iterator[None]:
    """The node has a volume group xenvg of its own, as Ganeti's default is, and the example's filter."""
    node.shell(NODES_GROUP)
    node.shell("[ ! -e /etc/lvm/lvmlocal.conf ] || mv /etc/lvm/lvmlocal.conf /root")
    try:
        yield
    finally:
        node.shell("rm -f /etc/lvm/lvmlocal.conf; [ ! -e /root/lvmlocal.conf ] || mv /root/lvmlocal.conf /etc/lvm")
        node.shell(NO_NODES_GROUP)


@pytest.mark.parametrize("where", ["the whole disk", "a partition"])
@pytest.mark.parametrize("has_maps", [True, False], ids=["multipath", "bare"])
def test_a_guests_volume_group_of_the_nodes_name(
    node: Machine, storage: Storage, tell: Tell, has_maps: bool, where: str
) -> None:
    """LVM reads every disk that it may. With the example's global_filter it may not read guests'."""
    node.configure(MULTIPATH=has_maps)
    with contextlib.ExitStack() as stack:
        if not has_maps:
            stack.enter_context(multipath_conf(node, NO_MULTIPATH))
        stack.enter_context(nodes_group(node))
        before = node.run(*GROUPS)
        assert before.status == 0, before.stderr
        lun = storage.make(NAME)
        node.shell(GUESTS_GROUP, str(lun.file), "" if where == "the whole disk" else "--partscan")
        device = node.attach(NAME)
        node.shell("udevadm trigger --settle")
        without = node.run(*GROUPS)
        node.shell("cp /src/etc/lvm-global-filter.conf /etc/lvm/lvmlocal.conf")
        with_filter = node.run(*GROUPS)
        assert (with_filter.status, with_filter.stdout) == (0, before.stdout), with_filter.stderr
        assert "Duplicate" not in with_filter.stderr
        sees_none = has_maps and where == "a partition"  # of a map's partitions the node makes no devices
        assert (without.status == 0) == sees_none, "without a filter it is in the way"
        assert node.shell("readlink -f $1", device) == node.shell("readlink -f $1", node.names()[0])
        assert {uuid.split("-")[0] for uuid in node.maps().values()} <= {"mpath"}
        assert node.script("detach", NAME).status == 0
        assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
        tell(
            f"a guest's volume group xenvg on {where}, {'multipath' if has_maps else 'MULTIPATH = False'}",
            old=f"vgs xenvg exits {without.status} without a filter",
            ours=f"vgs xenvg exits {with_filter.status} with the example's",
        )


def test_hands_off_a_bare_disk(node: Machine, storage: Storage) -> None:
    """udev tells the rules of LVM, bcache, systemd and others so, of the disk and of its partitions."""
    node.configure(MULTIPATH=False)
    with multipath_conf(node, NO_MULTIPATH):
        lun = storage.make(NAME)
        node.shell(DRAW_UP, str(lun.file))
        device = node.attach(NAME)
        (disk,) = node.disks()
        parts = node.shell("udevadm settle; cd /dev && ls $1?", disk).split()
        assert len(parts) == 3
        for name in (disk, *parts):
            properties = node.shell("udevadm info --query property --name $1", name).splitlines()
            assert {"DM_UDEV_DISABLE_OTHER_RULES_FLAG=1", "SYSTEMD_READY=0"} <= set(properties)
            assert [line for line in properties if line.startswith("ID_FS_")] == []
        assert sorted(node.names()) == [device, *(f"{device}-part{number}" for number in (1, 2, 3))]
        assert node.script("detach", NAME).status == 0
        assert (node.disks(), node.names()) == ([], [])


@contextmanager
def multipath_conf(node: Machine, change: str) -> Iterator[None]:
    """The node's multipath.conf is what a shell command makes of it meanwhile."""
    node.shell(f"cp /etc/multipath.conf /root/ && {change} && multipathd reconfigure")
    try:
        yield
    finally:
        node.shell("mv /root/multipath.conf /etc/ && multipathd reconfigure")


def test_find_multipaths_strict(node: Machine, storage: Storage, tell: Tell) -> None:
    """Debian's own default."""
    with multipath_conf(node, "sed -i /find_multipaths/d /etc/multipath.conf"):
        old = storage.make("volume-a", 5)
        firstway.log_in(node)
        firstway.scan(node)
        came = node.shell("[ -e $1 ] && echo a map || echo no map", old.map)
        disks = len(node.disks())
        node.sweep()
        storage.destroy("volume-a")
        assert node.script("create", "volume-b", VOL_SIZE="64").status == 0
        device = node.attach("volume-b")
        lun = storage.lun("volume-b")
        assert len(node.paths(lun.naa)) == 2
        assert node.write(device, "by a map") == "ok"
        assert node.script("detach", "volume-b").status == 0
        assert f"/3{lun.naa}/" not in node.shell("cat /etc/multipath/wwids").splitlines()
        tell(
            "find_multipaths strict, Debian's default",
            old=f"{came}, {disks} bare disks: attach waits in vain",
            ours="the LUN is allowed its map before its paths come, and forgotten after; no other LUN is",
        )
        assert came == "no map"


NO_MULTIPATH = r"""printf 'blacklist {\n device {\n vendor NETAPP\n product ".*"\n }\n}\n' >>/etc/multipath.conf"""


def test_without_multipath(node: Machine, storage: Storage) -> None:
    """With MULTIPATH = False a volume is one bare disk, which has the same name and the same life."""
    node.configure(MULTIPATH=False)
    disk = {**DISK}
    with multipath_conf(node, NO_MULTIPATH):
        device = node.ganeti("create", disk)
        lun = storage.lun(NAME)
        assert (len(node.disks()), node.maps(), node.names()) == (1, {}, [device])
        assert node.write(device, "by one path") == "ok"
        assert lun.holds() == "by one path"
        node.shell("udevadm trigger --settle")
        assert node.ganeti("assemble", disk) == device
        node.ganeti("grow", disk, amount=64)
        disk["size"] = 128
        assert size(node, device) == 128
        assert node.write(device, "after growing", 100 * 256) == "ok"
        node.ganeti("shutdown", disk)
        assert (node.disks(), node.names()) == ([], [])
        node.shell(DRAW_UP, str(lun.file))
        assert node.ganeti("assemble", disk) == device
        (kernel_name,) = node.disks()
        assert node.shell("readlink -f $1", device) == f"/dev/{kernel_name}"
        assert node.maps() == {}
        node.ganeti("remove", disk)
        assert (node.disks(), node.maps(), node.names(), storage.names()) == ([], {}, [], [])


@contextmanager
def without_multipathd(node: Machine) -> Iterator[None]:
    """multipathd does not run meanwhile."""
    node.shell("while pkill -x multipathd; do sleep 0.2; done")
    try:
        yield
    finally:
        node.spawn("multipathd")
        node.await_that(lambda: node.run("multipathd", "show", "daemon").status == 0, "multipathd")


def test_multipathd_stopped_with_a_device_here(node: Machine, storage: Storage) -> None:
    """The map goes on without it, and can be taken down, even if its LUN is gone; it cannot be grown."""
    storage.make("volume-a")
    device = node.attach("volume-a")
    with without_multipathd(node):
        assert node.attach("volume-a") == device
        assert node.write(device, "without multipathd") == "ok"
        grown = node.script("grow", "volume-a", VOL_SIZE="64", VOL_NEW_SIZE="128")
        assert grown.status == 1
        assert "multipathd" in grown.message
        assert size(node, device) == 64
        storage.destroy("volume-a")
        detached = node.script("detach", "volume-a")
        assert detached.status == 0, detached.stderr
        assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


def test_multipathd_stopped(node: Machine, storage: Storage) -> None:
    """No map can come, and a bare disk is none."""
    storage.make("volume-a")
    with without_multipathd(node):
        refused = node.script("attach", "volume-a")
        assert (refused.status, refused.stdout) == (1, "")
        assert "multipathd does not run" in refused.message, refused.stderr
    device = node.attach("volume-a")
    assert node.write(device, "in the end") == "ok"
    assert node.script("detach", "volume-a").status == 0
    assert (node.disks(), node.maps()) == ([], {})


@pytest.mark.parametrize("retry", ["queue", "12", "fail"])
def test_queueing_follows(node: Machine, storage: Storage, retry: str) -> None:
    """A map queues or not as close and open want it, at once, whatever multipathd saw of it when it looked last.

    multipathd's commands alone are counted first: Debian 12's go by that.
    """
    configured = retry != "fail"
    with multipath_conf(node, f"printf 'overrides {{\n no_path_retry {retry}\n}}\n' >>/etc/multipath.conf"):
        title = f"3{storage.make('volume-a').naa}"
        node.attach("volume-a")

        def queues() -> bool:
            return "queue_if_no_path" in node.shell("dmsetup table $1", title)

        def alone(command: str, wanted: bool) -> bool:
            """Whether multipathd's command did what it says."""
            assert node.shell("multipathd $1 map $2", command, title) == "ok"
            return queues() == wanted

        multipath = Multipath(run.run, Deadline(120))
        assert queues() == configured
        node.pass_polling()
        # It saw the map queue when it looked last, or then: not.
        for seen in (configured, False):
            if not seen:
                multipath.stop_queueing(title)
                node.pass_polling()
            taken = [alone("restorequeueing", configured), alone("disablequeueing", False)]
            taken.append(alone("restorequeueing", configured))
            print(f"\nno_path_retry {retry}, seen {'' if seen else 'not '}queueing: {taken} by multipathd alone")
            for _ in range(2):
                multipath.stop_queueing(title)
                assert not queues()
                multipath.restore_queueing(title)
                assert queues() == configured


RULES = "/usr/lib/udev/rules.d/57-ganeti-extstorage-dataontap.rules"


@contextmanager
def away(node: Machine, file: str) -> Iterator[None]:
    """The file is not there meanwhile."""
    node.shell('mv "$1" "$1.away"', file)
    try:
        yield
    finally:
        node.shell('mv "$1.away" "$1"', file)


@contextmanager
def without_iscsid(node: Machine) -> Iterator[None]:
    """iscsid does not run meanwhile. There is no systemd here that could start it."""
    node.shell("while pkill -x iscsid; do sleep 0.2; done")
    try:
        yield
    finally:
        node.spawn("iscsid")
        node.await_that(lambda: "ISCSIADM" in node.shell("cat /proc/net/unix"), "iscsid")


@contextmanager
def over_fibre_channel(node: Machine) -> Iterator[None]:
    """The node is told that LUNs come so; it has no adapter."""
    node.configure(STORAGE_PROTOCOL="fc")
    try:
        yield
    finally:
        node.configure(STORAGE_PROTOCOL="iscsi")


@contextmanager
def interfaces_down(node: Machine, storage: Storage) -> Iterator[None]:
    """The filer's interfaces are down meanwhile."""
    storage.switch_all(on=False)
    node.lose_sessions()
    try:
        yield
    finally:
        storage.switch_all(on=True)
        node.regain_sessions()


States = list[tuple[AbstractContextManager[None], list[str]]]


def states_over_iscsi(node: Machine, storage: Storage) -> States:
    """What may be missing, and what verify says of it."""
    names = [
        "initiator: FAILED: this node has no initiator name; see /etc/iscsi/initiatorname.iscsi",
        "igroup: FAILED: ",
    ]
    return [
        (away(node, "/etc/iscsi/initiatorname.iscsi"), names[:1]),
        (
            over_fibre_channel(node),
            [
                "initiator: FAILED: this node has no Fibre Channel port",
                names[1],
                "portals: FAILED: cannot reach the FC interfaces 20:0",
            ],
        ),
        (without_iscsid(node), ["initiator: FAILED: iscsid does not run; systemctl enable"]),
        (away(node, "/usr/sbin/iscsiadm"), ["initiator: FAILED: iscsiadm is not installed; apt install"]),
        (
            storage.nobody_listening(),
            ["portals: FAILED: cannot reach the portals 127.0.0.1:3260 (Connection refused)"],
        ),
    ]


def states_over_fc(node: Machine, storage: Storage) -> States:
    """The same; iSCSI's programs are not missed."""
    return [
        (away(node, "/usr/sbin/iscsiadm"), []),
        (without_iscsid(node), []),
        (interfaces_down(node, storage), ["portals: FAILED: cannot reach the FC interfaces 20:00:"]),
    ]


def test_verify_tells_what_create_would_fail_by(node: Machine, storage: Storage) -> None:
    """States of a node in which verify once had nothing to say."""

    def told() -> tuple[int, list[str]]:
        done = node.script("verify", "-")
        return done.status, [line for line in done.stdout.splitlines() if ": FAILED: " in line]

    states = states_over_iscsi(node, storage) if node.san is ISCSI else states_over_fc(node, storage)
    states += [
        (without_multipathd(node), ["multipath: FAILED: multipathd does not run; systemctl enable"]),
        (away(node, RULES), ["udev: FAILED: udev does not read 57-ganeti-extstorage-dataontap.rules"]),
    ]
    assert told() == (0, [])
    for state, expected in states:
        with state:
            status, failures = told()
        assert status == (1 if expected else 0), expected
        assert len(failures) == len(expected), failures
        for line, beginning in zip(failures, expected):
            assert line.startswith(beginning)
    assert told() == (0, [])


def test_verify_asks_multipathd_what_it_goes_by(node: Machine) -> None:
    with multipath_conf(node, "sed -i /find_multipaths/d /etc/multipath.conf"):
        done = node.script("verify", "-")
    assert done.status == 0, done.stdout
    assert "\nmultipath: warning: find_multipaths is strict: only LUNs in" in done.stdout


def test_verify_asks_lvm_what_it_looks_into(node: Machine) -> None:
    """Debian's has no filter."""
    conf = "/etc/lvm/lvmlocal.conf"
    (line,) = [line for line in node.script("verify", "-").stdout.splitlines() if line.startswith("lvm: ")]
    assert line.startswith("lvm: warning: LVM reads guests' disks")
    setting = line.partition("; ")[2].partition(" in /etc/lvm")[0]
    kept = node.shell("cat $1", conf)
    node.write_file(conf, f"devices {{\n  {setting}\n}}\n")
    try:
        assert "\nlvm: fine\n" in node.script("verify", "-").stdout
    finally:
        node.write_file(conf, kept)
