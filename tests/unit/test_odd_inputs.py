"""Inputs that once ended in a traceback, and were found by tests/fuzz."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from dataontap import config
from dataontap.client.rest.api import RestServer
from dataontap.client.rest.fields import seconds, text
from dataontap.client.rest.listing import listed
from dataontap.client.retry import Patience
from dataontap.client.transport import Answer, Filer, Headers
from dataontap.deadline import Deadline
from dataontap.errors import CommandError, ConfigError, HostError, OntapError
from dataontap.ganeti import configuration
from dataontap.host.iscsi import Iscsi
from dataontap.host.iscsi_problems import reason
from dataontap.host.iscsi_records import Records as NodeRecords
from dataontap.host.lvm import passes
from dataontap.host.sysfs import Sysfs
from dataontap.host.udev import Names
from dataontap.state.cache import Cache
from dataontap.state.records import Records
from dataontap.volume import tag
from dataontap.volume.targets import IscsiTarget
from tests.unit.clock import Clock


class OneAnswer:
    """A filer that always says the same."""

    filer = Filer("filer")

    def __init__(self, content: object) -> None:
        self._body = json.dumps(content).encode()

    def exchange(self, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
        return Answer(200, self._body)


NAA = "600a0980363d624277683d3f68636461"
TARGET = "iqn.1992-08.com.netapp:sn.1:vs.2"
HUGE = "a{99999999999}"  # re raises OverflowError for it


class TestConfiguration:
    """The admin's mistakes."""

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (f"POOL_NAME_SEARCH_PATTERN = {HUGE!r}", "is not a regular expression"),
            ("SCSI_ID_COMMAND = ('a\\0b',)", "expected a tuple of words"),
            ("ISCSI_ATTACH_COMMANDS = (('a', '\\ud800'),)", "expected a tuple of words"),
            ("CLUSTER_MODE_VSERVER = '\\uffff'", "expected a string without control characters"),
            ("HOSTNAME = '::1%a b'", "expected a host name or an address"),
            ("HOSTNAME = '::1%\\u00e9'", "expected a host name or an address"),
        ],
    )
    def test_it_is_refused(self, line: str, message: str) -> None:
        host = "" if "HOSTNAME" in line else "HOSTNAME = 'h'\n"
        with pytest.raises(ConfigError, match=message):
            config.parse(f"{host}LOGIN = 'l'\nPASSWORD = 'p'\n{line}\n", "f")

    def test_a_pattern_that_python_warns_of(self) -> None:
        """The warning would stand on stderr, which Ganeti shows."""
        lines = "HOSTNAME = 'h'\nLOGIN = 'l'\nPASSWORD = 'p'\nPOOL_NAME_SEARCH_PATTERN = '[[a-z]+'\n"
        assert config.parse(lines + "POOL = 'vol0'\n", "f").allows_pool("vol1")

    def test_an_interface_of_this_node_may_be_named(self) -> None:
        text = "HOSTNAME = 'fe80::1%eth0.5'\nLOGIN = 'l'\nPASSWORD = 'p'\n"
        assert config.parse(text, "f").hostname == "fe80::1%eth0.5"


class TestFiler:
    """What REST may answer."""

    def test_a_lone_surrogate_is_no_text(self) -> None:
        record = json.loads('{"serial_number": "a\\ud800b", "name": "\\ud83d\\udcbe"}')
        assert text(record, "serial_number") == "a?b"
        assert text(record, "name") == "\U0001f4be"

    def test_a_time_zone_that_is_none(self) -> None:
        assert seconds({"create_time": "2024-11-15T10:22:00+99:00"}, "create_time") == 0

    @pytest.mark.parametrize("odd", ["\u00e9", " x", "\r\nHost: elsewhere", "\0"])
    def test_a_link_that_http_cannot_send(self, odd: str) -> None:
        link = f"/api/storage/luns?start={odd}"
        page = {"records": [], "num_records": 0, "_links": {"next": {"href": link}}}
        clock = Clock()
        patience = Patience(Deadline(120, clock=clock), clock=clock, sleep=clock.sleep)
        server = RestServer(OneAnswer(page), patience)
        with pytest.raises(OntapError, match="the next page of GET /storage/luns is at another path"):
            listed(server, "/storage/luns", {}, str, key=lambda row: (row,), is_asked=lambda row: True)


def test_a_clusters_name_that_is_no_utf_8() -> None:
    """In a tag that something else wrote: the environment's bytes come as surrogates."""
    _, mark = tag.split(f"x dataontap:1:{chr(0xDC80) * 70}:u:disk")
    assert mark is not None
    assert mark.cluster.startswith("=")


class TestNode:
    """Damaged files, and programs' output."""

    def test_a_name_for_udev_that_is_not_ours(self, tmp_path: Path) -> None:
        (tmp_path / f"mpath-3{NAA}").write_bytes(b"\x80")
        assert Names(str(tmp_path)).given("/dev/disk/f/vol1/v") == ()

    @pytest.mark.parametrize("pattern", [f"a|{HUGE}|", "r|" + "(" * 5000 + ")" * 5000 + "|"])
    def test_a_filter_of_lvm_that_cannot_be_compiled(self, pattern: str) -> None:
        assert passes([pattern], ["/dev/dm-0"])

    def test_a_filter_of_lvm_that_python_warns_of(self) -> None:
        assert not passes(["r|[[a-z]|"], ["/dev/dm-0"])

    def test_a_device_without_a_number(self, tmp_path: Path) -> None:
        (tmp_path / "block/dm-0").mkdir(parents=True)
        (tmp_path / "block/dm-0/dev").write_text("a:b\n")
        assert Sysfs(str(tmp_path)).block("dm-0").number is None

    def test_an_error_of_iscsiadm_with_too_many_digits(self) -> None:
        said = f"initiator reported error ({'9' * 5000} - x)"
        assert "iscsiadm's error 7" in reason(CommandError("x", status=7, output=said))

    @pytest.mark.parametrize("told", ["\0", "", "nodes", "/a b", "/a\n"])
    def test_a_damaged_cache_of_the_records_folder_is_renewed(self, tmp_path: Path, told: str) -> None:
        cache = Cache("iscsi-records", directory=str(tmp_path / "run"))
        cache.put(told)

        def run(*argv: str, timeout: float) -> str:
            output = f"Could not open {tmp_path}/ifaces/dataontap-asks-where: No such file"
            raise CommandError("iscsiadm failed", status=21, output=output)

        assert NodeRecords(run, Deadline(9), cache=lambda build: cache).of(TARGET) == []
        assert cache.get() == f"{tmp_path}/nodes"

    @pytest.mark.parametrize(
        "cached",
        [
            "[" * 4000,
            '[["x"], []]',
            '["../../x", [["192.0.2.1", 3260, 1, ""]]]',
            f'["{TARGET}", [["192.0.2.1", 3260, 1]]]',
            f'["{TARGET}", [[5, 3260, 1, ""]]]',
            f'["{TARGET}", [["192.0.2.1", "x", 1, ""]]]',
            f'["{TARGET}", []]',
            f'["{TARGET}"]',
        ],
    )
    def test_a_damaged_cache_of_the_target_is_none(self, tmp_path: Path, cached: str) -> None:
        cache = Cache("target", directory=str(tmp_path))
        cache.put(cached)
        assert not IscsiTarget(cast(Iscsi, None), cache).is_cached

    @pytest.mark.parametrize("record", ["dataontap attached 2\n/dev/x\nnumber 1", "a\nlun u /vol/\x01", "a\nlun "])
    def test_a_damaged_record_names_no_lun(self, tmp_path: Path, record: str) -> None:
        file = tmp_path / "attached/v"
        file.parent.mkdir()
        file.touch(mode=0o600)
        file.write_text(record)
        assert Records({}, directory=str(tmp_path)).lun("v") is None


class TestGaneti:
    """Its configuration."""

    def test_nested_too_deep(self, tmp_path: Path) -> None:
        (tmp_path / "config.data").write_text("[" * 100_000)
        assert configuration.disk_templates(str(tmp_path)) is None
        with pytest.raises(HostError, match="config.data cannot be read"):
            configuration.volumes(str(tmp_path))

    @pytest.mark.parametrize(("name", "pool"), [(1, None), (None, None), ("v", 1), ("v", ["vol1"])])
    def test_names_that_are_no_texts(self, tmp_path: Path, name: object, pool: object) -> None:
        disk = {"dev_type": "ext", "logical_id": ["dataontap", name], "params": {"pool": pool}}
        (tmp_path / "config.data").write_text(json.dumps({"disks": {"u": disk}}))
        with pytest.raises(HostError, match="is not a text"):
            configuration.volumes(str(tmp_path))
