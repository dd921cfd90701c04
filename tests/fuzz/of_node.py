"""Targets: what disks, programs, the kernel, udev and open-iscsi's files say on this node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from dataontap import inquiry
from dataontap.deadline import Deadline
from dataontap.errors import CommandError, VolumeError
from dataontap.ganeti.environ import InstanceDisk
from dataontap.ganeti.hooks import _take_down_everywhere
from dataontap.host import iscsi_records
from dataontap.host.facts import Facts
from dataontap.host.iscsi import initiators
from dataontap.host.iscsi_problems import reason
from dataontap.host.iscsi_records import Records as NodeRecords
from dataontap.host.iscsi_settings import Chap, settings
from dataontap.host.lvm import Lvm, passes
from dataontap.host.multipath import Multipath
from dataontap.host.sysfs import Sysfs
from dataontap.host.udev import Names
from dataontap.state.cache import Cache
from dataontap.volume.targets import IscsiTarget
from tests.fuzz.judge import SECRETS, Judge
from tests.fuzz.mutation import changed, changed_json, changed_text
from tests.fuzz.target import target

_NAA = "600a0980363d624277683d3f68636461"
_TARGET = "iqn.1992-08.com.netapp:sn.053943dae417461d9db9ce5e49cb31e8:vs.2"
_PAGES = (
    bytes.fromhex(f"00830024 01030010{_NAA} 02010008 4e45544150502020 01140004 00000001"),
    bytes.fromhex(f"00830028 0201000c 4e45544150502020 4c554e20 01030010{_NAA} 0115000400000002"),
    bytes.fromhex("7f830000"),
)


@target(changed(_PAGES))
def vpd_pages(judge: Judge, page: bytes, directory: Path) -> None:
    def attack() -> None:
        kind, told = inquiry._naa(page)
        assert kind in {inquiry.NAA, inquiry.NO_LUN, inquiry.DEAD}
        if kind == inquiry.NAA:
            assert bytes.fromhex(told) in page

    assert judge.judge(attack) is None


@target(st.lists(st.integers(0, 255), min_size=64, max_size=64))
def sense(judge: Judge, data: list[int], directory: Path) -> None:
    from array import array

    kind, _ = inquiry._refusal(array("B", data))
    assert kind in {inquiry.NO_LUN, inquiry.DEAD, "again"}


_OUTPUTS = (
    "ok\n",
    "fail\n",
    "on\n",
    "12 chk\n",
    "pid 176 idle\n",
    'defaults {\n\tfind_multipaths "strict"\n}\n',
    "timeout\n",
    "map not found\n",
)


@target(changed_text(_OUTPUTS))
def multipathd(judge: Judge, said: str, directory: Path) -> None:
    """Only "ok" counts as success."""
    multipath = Multipath(lambda *argv, timeout: said, Deadline(9), str(directory / "wwids"))
    facts = Facts(Deadline(9), run=lambda *argv, timeout: said, root=str(directory))

    def attack() -> None:
        assert (multipath.reload("m") is None) == (said.strip() == "ok")
        multipath.restore_queueing("m")
        assert facts.find_multipaths() in {"", *said.split(), *(word.strip('"') for word in said.split())}
        multipath.resize("m")

    message = judge.judge(attack)
    assert (message is None) == (said.strip() == "ok")


_LVMCONFIG = (
    'devices {\n\tuse_devicesfile=1\n\tdevicesfile="system.devices"\n\tglobal_filter=["r|.*|"]\n}\n',
    'devices {\n\tfilter=["a|^/dev/sda$|","r/dm-[0-9]+/"]\n\tglobal_filter=["a|(((|","r{x{99999999999}}"]\n}\n',
)


@target(changed_text(_LVMCONFIG))
def lvmconfig(judge: Judge, said: str, directory: Path) -> None:
    program = directory / "usr/sbin/lvmconfig"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    lvm = Lvm(Facts(Deadline(9), run=lambda *argv, timeout: said, root=str(directory)))
    judge.judge(lambda: lvm.accepts(["/dev/dm-0", "/dev/mapper/x"]))


_FILTERS = ("a|.*|", "r{dm-[0-9]{1,3}}", "a(x(y)z)", "r[[a-z]]", "a|" + "(" * 300 + "|", "a|a{99999999999}|")


@target(st.lists(changed_text(_FILTERS), max_size=3))
def lvm_filters(judge: Judge, patterns: list[str], directory: Path) -> None:
    judge.judge(lambda: passes(patterns, ["/dev/dm-0"]))


_ISCSIADM = (
    "iscsiadm: Could not login to [iface: default, target: iqn.x, portal: 192.0.2.1,3260].\n"
    "iscsiadm: initiator reported error (24 - iSCSI login failed due to authorization failure)\n"
    "iscsiadm: Could not log into all portals\n",
    "iscsiadm: initiator reported error (8 - connection timed out)\n",
    "iscsiadm: Could not open /etc/iscsi/ifaces/dataontap-asks-where: No such file or directory\n",
)


@target(st.tuples(changed_text(_ISCSIADM), st.sampled_from((None, 0, 7, 8, 24, 255))))
def iscsiadm(judge: Judge, given: tuple[str, int | None], directory: Path) -> None:
    said, status = given
    error = CommandError("iscsiadm failed", status=status, output=said)

    def run(*argv: str, timeout: float) -> str:
        raise error

    def fail() -> None:
        raise VolumeError(reason(error))

    judge.judge(fail)
    records = NodeRecords(run, Deadline(9), cache=lambda build: Cache("x", build, directory=str(directory)))
    judge.judge(lambda: records.of(_TARGET))


_NODE_RECORD = f"""# BEGIN RECORD 2.1.8
node.name = {_TARGET}
node.tpgt = 1028
node.startup = automatic
iface.iscsi_ifacename = default
node.session.scan = auto
node.session.auth.authmethod = None
node.session.initial_login_retry_max = 8
node.conn[0].address = 192.0.2.1
node.conn[0].port = 3260
node.conn[0].timeo.login_timeout = 15
# END RECORD
"""
_OURS = _NODE_RECORD.replace(
    "node.session.auth.authmethod = None",
    f"# CHAP by ganeti-extstorage-dataontap for n\nnode.session.auth.authmethod = CHAP\n"
    f"node.session.auth.username = n\nnode.session.auth.password = {SECRETS[1]}",
)


@target(st.tuples(changed([_NODE_RECORD.encode(), _OURS.encode()]), st.booleans(), st.booleans()))
def node_records(judge: Judge, given: tuple[bytes, bool, bool], directory: Path) -> None:
    """A record is amended once, says what we want, and keeps all lines that are not about our settings."""
    text, has_chap, for_login = given
    folder = directory / "nodes" / _TARGET / "192.0.2.1,3260,1028"
    folder.mkdir(parents=True)
    (folder / "default").write_bytes(text)
    cache = Cache("x", directory=str(directory / "run"))
    cache.put(str(directory / "nodes"))
    chap = Chap("n", SECRETS[1]) if has_chap else None
    records = NodeRecords(_no_program, Deadline(9), chap=chap, cache=lambda build: cache)

    def attack() -> None:
        for record in records.of(_TARGET):
            amended = records.amend(record, for_login=for_login)
            (again,) = records.of(_TARGET)
            assert not again.brings_all
            assert again.text == amended.text
            assert records.amend(again, for_login=for_login).text == again.text
            ours = settings(amended.text)
            theirs = settings(record.text)
            touched = {*iscsi_records._QUIET, *iscsi_records._PROMPT, _METHOD, _USER, _SECRET, ""}
            assert {n: v for n, v in ours.items() if n not in touched} == {
                name: value for name, value in theirs.items() if name not in touched
            }
            assert not has_chap or ours[_SECRET] == SECRETS[1]
            assert SECRETS[1] not in repr(amended)

    judge.judge(attack)


_AUTH = "node.session.auth"
_METHOD, _USER, _SECRET = (f"{_AUTH}.{name}" for name in ("authmethod", "username", "password"))


def _no_program(*argv: str, timeout: float) -> str:
    raise AssertionError(argv)


@target(changed([b"## DO NOT EDIT\nInitiatorName=iqn.1993-08.org.debian:01:node1\n", b"# InitiatorName=x\n"]))
def initiator_names(judge: Judge, text: bytes, directory: Path) -> None:
    file = directory / "initiatorname.iscsi"
    file.write_bytes(text)
    judge.judge(lambda: [name.encode() for name in initiators(str(file))])


_CACHED_TARGET = json.dumps([_TARGET, [["192.0.2.1", 3260, 1028], ["192.0.2.2", 3260, None]]]).encode()


class _Iscsi:
    """Uses a target as the real one does, without programs."""

    def __init__(self, directory: Path) -> None:
        self._nodes = directory / "nodes"

    def known(self, target: Any) -> list[Any]:
        """Look for its sessions and records."""
        assert isinstance(target.name, str)
        list((self._nodes / target.name).glob("*"))
        return [str(portal) for portal in target.portals]


@target(st.one_of(changed_json(_CACHED_TARGET), changed([_CACHED_TARGET]), st.just(b"[" * 4096)))
def cached_targets(judge: Judge, text: bytes, directory: Path) -> None:
    cache = Cache("target", directory=str(directory))
    cache.put("x")
    for file in [*directory.rglob("*")]:
        if file.is_file():
            file.write_bytes(text)
    judge.judge(lambda: IscsiTarget(_Iscsi(directory), cache).known())  # type: ignore[arg-type]


@target(changed([str.encode("/etc/iscsi/nodes")]))
def cached_folders(judge: Judge, text: bytes, directory: Path) -> None:
    cache = Cache("x", directory=str(directory))
    cache.put("x")
    for file in [*directory.rglob("*")]:
        if file.is_file():
            file.write_bytes(text)

    def run(*argv: str, timeout: float) -> str:
        told = f"iscsiadm: Could not open {directory}/ifaces/dataontap-asks-where: No such file"
        raise CommandError("iscsiadm failed", status=21, output=told)

    records = NodeRecords(run, Deadline(9), cache=lambda build: cache)
    judge.judge(lambda: records.of(_TARGET))


@target(st.tuples(st.sampled_from(("mpath-3", "naa.")), changed([b"DATAONTAP_LINK=disk/filer/vol1/v\n"])))
def udev_names(judge: Judge, given: tuple[str, bytes], directory: Path) -> None:
    prefix, text = given
    (directory / f"{prefix}{_NAA}").write_bytes(text)
    names = Names(str(directory))

    def attack() -> None:
        assert names.given("/dev/disk/filer/vol1/v") in {(), (_NAA,)}
        names.give(_NAA, "/dev/disk/filer/vol1/v", multipath=True)
        assert names.given("/dev/disk/filer/vol1/v") == (_NAA,)

    assert judge.judge(attack) is None


_SYSFS = {"size": b"131072\n", "ro": b"0\n", "dev": b"253:0\n", "dm/uuid": f"mpath-3{_NAA}\n".encode()}


@target(st.dictionaries(st.sampled_from(sorted(_SYSFS)), changed(list(_SYSFS.values())), min_size=1))
def sysfs(judge: Judge, files: dict[str, bytes], directory: Path) -> None:
    folder = directory / "block/dm-0"
    for name, text in {**_SYSFS, **files}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)

    def attack() -> None:
        block = Sysfs(str(directory)).block("dm-0")
        assert block.size is None or block.size >= 0
        for look in ("map", "number", "holders", "is_write_protected", "is_partition_map", "wwid"):
            getattr(block, look)

    judge.judge(attack)


_GNT_CLUSTER = (
    "------------------------------------------------\n"
    "node: node2.example\n"
    "dataontap: cleanup 6b59051c.ext.disk0: its device is in use by process 7 (qemu)\n"
    "return code = 1\n",
    "------------------------------------------------\nnode: node3.example\nreturn code = 255\n",
)


@target(changed_text(_GNT_CLUSTER))
def gnt_cluster(judge: Judge, said: str, directory: Path) -> None:
    disk = InstanceDisk(0, "6b59051c.ext.disk0", None)

    def attack() -> None:
        failed = _take_down_everywhere((disk,), lambda *argv, timeout: said)
        assert failed is None or failed <= {disk.name}
        if disk.name in said.split():
            assert failed is None or disk.name in failed

    judge.judge(attack)
