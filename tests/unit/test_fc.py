"""Which Fibre Channel ports of this node go into its initiator group."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataontap.host import fc


def hosts(sysfs: Path, *names: str) -> list[str]:
    """The initiators of a node whose FC hosts have these port names, as the kernel writes them (``0x%llx``)."""
    for number, name in enumerate(names):
        host = sysfs / f"class/fc_host/host{number}"
        host.mkdir(parents=True)
        (host / "port_name").write_text(name)
    return fc.initiators(str(sysfs))


def test_as_ontap_writes_them(tmp_path: Path) -> None:
    assert hosts(tmp_path, "0x21000024ff3dba1c\n", "0x500A098280000001\n") == [
        "21:00:00:24:ff:3d:ba:1c",
        "50:0a:09:82:80:00:00:01",
    ]


@pytest.mark.parametrize(
    "name",
    ["0xffffffffffffffff\n", "0x0\n", "0x0000000000000000\n", "0x21000024ff3dba1\n", "", "unknown\n"],
)
def test_a_port_that_has_no_name_yet(tmp_path: Path, name: str) -> None:
    """Two nodes with all ones in their groups could not both be mapped, and would look like twins."""
    assert hosts(tmp_path, name, "0x21000024ff3dba1c\n") == ["21:00:00:24:ff:3d:ba:1c"]


def test_an_adapter_that_goes_while_we_look(tmp_path: Path) -> None:
    """Its folder is listed, its file cannot be read any more."""
    (tmp_path / "class/fc_host/host0/port_name").mkdir(parents=True)
    assert fc.initiators(str(tmp_path)) == []


def test_a_port_twice(tmp_path: Path) -> None:
    assert hosts(tmp_path, "0x21000024ff3dba1c\n", "0x21000024ff3dba1c\n") == ["21:00:00:24:ff:3d:ba:1c"]


def test_no_fibre_channel(tmp_path: Path) -> None:
    assert fc.initiators(str(tmp_path)) == []
