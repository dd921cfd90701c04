"""What Ganeti's ssconf files say of the cluster and of this node."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataontap.ganeti.ssconf import Cluster
from dataontap.host.addresses import is_own_address

NODES = "node1.example\nnode2.example\n"
ADDRESSES = "node1.example 192.0.2.1\nnode2.example 2001:db8::2\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "ssconf_cluster_name").write_text("cluster.example\n")
    (tmp_path / "ssconf_node_list").write_text(NODES)
    (tmp_path / "ssconf_node_primary_ips").write_text(ADDRESSES)
    return tmp_path


def node_name(directory: Path, host_name: str, *own: str) -> str:
    return Cluster(str(directory), is_own=lambda address: address in own, host_name=host_name).node


def test_the_clusters_name(directory: Path) -> None:
    assert Cluster(str(directory)).name == "cluster.example"


@pytest.mark.parametrize("content", [b"", b"two words\n", b"a\nb\n", "ümlaut\n".encode(), b"a:b\n"])
def test_what_is_no_name_does_not_get_into_tags(directory: Path, content: bytes) -> None:
    (directory / "ssconf_cluster_name").write_bytes(content)
    assert Cluster(str(directory)).name == "-"


@pytest.mark.parametrize(("own", "is_master"), [("192.0.2.9", True), ("192.0.2.1", False)])
def test_the_master_has_the_masters_address(directory: Path, own: str, is_master: bool) -> None:
    """A node that was the master may still take itself for it, by its old files."""
    (directory / "ssconf_master_node").write_text("node1.example\n")
    (directory / "ssconf_master_ip").write_text("192.0.2.9\n")
    assert Cluster(str(directory), is_own=own.__eq__).is_master == is_master


def test_no_master_outside_a_cluster(tmp_path: Path) -> None:
    assert not Cluster(str(tmp_path), is_own=lambda address: True).is_master


def test_outside_a_cluster(tmp_path: Path) -> None:
    assert Cluster(str(tmp_path)).name == "-"
    assert node_name(tmp_path, "host") == "host"


@pytest.mark.parametrize(("own", "name"), [("192.0.2.1", "node1.example"), ("2001:db8::2", "node2.example")])
def test_the_address_says_more_than_the_host_name(directory: Path, own: str, name: str) -> None:
    assert node_name(directory, "localhost", own) == name
    assert node_name(directory, "node2", "192.0.2.1") == "node1.example"


@pytest.mark.parametrize("own", [(), ("192.0.2.1", "2001:db8::2")], ids=["none", "all"])
@pytest.mark.parametrize(
    ("host_name", "name"),
    [
        ("node2.example", "node2.example"),
        ("node2", "node2.example"),
        ("node2.elsewhere", "node2.example"),
        ("node", "node"),
        ("elsewhere.example", "elsewhere.example"),
    ],
)
def test_the_host_name_where_the_address_says_nothing(
    directory: Path, own: tuple[str, ...], host_name: str, name: str
) -> None:
    assert node_name(directory, host_name, *own) == name


def test_a_first_label_that_two_nodes_have_says_nothing(directory: Path) -> None:
    (directory / "ssconf_node_list").write_text("node1.example\nnode1.elsewhere\n")
    assert node_name(directory, "node1") == "node1"
    assert node_name(directory, "node1.elsewhere") == "node1.elsewhere"


def test_a_damaged_list_of_addresses(directory: Path) -> None:
    (directory / "ssconf_node_primary_ips").write_text("\nnode1.example\nnode2.example 192.0.2.2 more\n")
    assert node_name(directory, "node1", "more", "192.0.2.2") == "node1.example"


def test_own_addresses() -> None:
    """127/8 is every machine's; 192.0.2.0/24 and 2001:db8::/32 are nobody's (RFC 5737, 3849)."""
    addresses = ("127.0.0.1", "192.0.2.1", "2001:db8::1", "no address")
    assert [is_own_address(address) for address in addresses] == [True, False, False, False]
    interfaces = Path("/proc/net/if_inet6")
    has_loopback = interfaces.exists() and "0" * 31 + "1 " in interfaces.read_text()
    assert is_own_address("::1") == has_loopback
