"""The simulated filer's memory survives any kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator import journal
from tests.simulator.filer import Filer
from tests.simulator.model import Lun
from tests.unit.zapi import ask

MIB = 1 << 20


def used_filer(state: Path) -> Filer:
    """A filer that has something of everything."""
    filer = Filer(state)
    ask(filer, "lun-create-by-size", {"path": "/vol/vol1/a", "size": 10 * MIB, "comment": "\u00fc <x>\n"})
    ask(filer, "lun-create-by-size", {"path": "/vol/vol1/b", "size": 10 * MIB})
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
    ask(filer, "igroup-add", {"initiator-group-name": "g", "initiator": "iqn.1993-08.org.debian:01:a"})
    ask(filer, "lun-map", {"path": "/vol/vol1/a", "initiator-group": "g", "lun-id": 7})
    ask(filer, "lun-set-attribute", {"path": "/vol/vol1/a", "name": "k", "value": "v"})
    ask(filer, "snapshot-create", {"volume": "vol1", "snapshot": "s"})
    ask(filer, "lun-destroy", {"path": "/vol/vol1/b"})
    return filer


def test_a_reopened_filer_is_the_same(tmp_path: Path) -> None:
    filer = used_filer(tmp_path)
    before = journal.read(tmp_path)
    filer.close()
    again = Filer(tmp_path)
    assert journal.read(tmp_path) == before
    assert (again.luns, again.igroups, again.maps) == (filer.luns, filer.igroups, filer.maps)
    assert again.cluster == filer.cluster
    # The journal was compacted to one line, and goes on.
    assert (tmp_path / journal.NAME).read_bytes().count(b"\n") == 1
    ask(again, "lun-create-by-size", {"path": "/vol/vol1/b", "size": 10 * MIB})
    assert ("svm1", "/vol/vol1/b") in journal.read(tmp_path)[Lun.kind]


def test_every_prefix_of_the_journal_is_a_state_between_two_requests(tmp_path: Path) -> None:
    filer = used_filer(tmp_path / "whole")
    filer.close()
    file = tmp_path / "torn" / journal.NAME
    file.parent.mkdir()
    lines = (tmp_path / "whole" / journal.NAME).read_bytes().splitlines(keepends=True)
    done, between = b"", journal.read(file.parent)
    for line in lines:
        for torn in (line[:1], line[: len(line) // 2], line[:-1]):
            file.write_bytes(done + torn)
            assert journal.read(file.parent) == between
        done += line
        file.write_bytes(done)
        after = journal.read(file.parent)
        assert after != between
        between = after
    assert between == journal.read(tmp_path / "whole")


def test_a_torn_last_line_is_forgotten(tmp_path: Path) -> None:
    filer = used_filer(tmp_path)
    filer.close()
    with (tmp_path / journal.NAME).open("ab") as file:
        file.write(b'{"gone":[["lun",["svm1","/vol/vol1/a"]]],"put":[]}')
    again = Filer(tmp_path)
    assert again.luns == filer.luns
    again.close()
    assert Filer(tmp_path).luns == filer.luns


def test_contents_follow_the_journal(tmp_path: Path) -> None:
    filer = used_filer(tmp_path)
    lun = filer.luns["svm1", "/vol/vol1/a"]
    filer.close()
    content = tmp_path / "luns" / lun.uuid
    content.write_bytes(b"data")
    (tmp_path / "luns" / "stray").write_bytes(b"left by a kill between create and commit")
    Filer(tmp_path)
    kept = [content for snapshot in filer.state.snapshots.values() for content in snapshot.luns]
    assert sorted(file.name for file in (tmp_path / "luns").iterdir()) == sorted([lun.uuid, *kept])
    assert (content.stat().st_size, content.read_bytes()[:4]) == (lun.size, b"data")


def test_a_state_directory_has_one_master(tmp_path: Path) -> None:
    filer = Filer(tmp_path)
    with pytest.raises(SystemExit, match="in use by another simulator"):
        Filer(tmp_path)
    assert journal.read(tmp_path)[Lun.kind] == {}
    filer.close()
    Filer(tmp_path)


def test_a_directory_never_used_is_empty(tmp_path: Path) -> None:
    assert not any(journal.read(tmp_path / "nowhere").values())
