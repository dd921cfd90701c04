"""Which addresses are this machine's, in network namespaces that have what a Ganeti node may have."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataontap.ganeti.ssconf import Cluster
from dataontap.host.addresses import is_own_address
from tests.testbed.lan import Space

# RFC 5737, RFC 3849: nobody has these but the namespace.
OWN = ("192.0.2.1", "192.0.2.2", "198.51.100.1", "203.0.113.1", "2001:db8::1", "2001:db8::2", "127.0.0.1", "::1")
OTHERS = ("192.0.2.3", "192.0.2.0", "192.0.2.255", "203.0.113.2", "2001:db8::3", "10.0.0.1", "0.0.0.0", "::")

DETECTION_SECONDS = 20  # the kernel asks at a moment within the first second, and waits one more


@pytest.fixture
def space() -> Iterator[Space]:
    """A node: secondary addresses, a master's address, a tunnel to somebody else's address, IPv6."""
    with Space() as here:
        here.ip("link", "add", "eth0", "type", "veth", "peer", "name", "tunnel0")
        here.ip("address", "add", "192.0.2.1/24", "dev", "eth0")
        here.ip("address", "add", "192.0.2.2/24", "dev", "eth0")
        here.ip("address", "add", "198.51.100.1/32", "dev", "eth0", "label", "eth0:0")
        here.ip("address", "add", "203.0.113.1", "peer", "203.0.113.2", "dev", "tunnel0")
        here.ip("address", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
        here.ip("address", "add", "2001:db8::2", "peer", "2001:db8::3", "dev", "tunnel0", "nodad")
        for link in ("eth0", "tunnel0"):
            here.ip("link", "set", link, "up")
        yield here


def own(space: Space, *addresses: str) -> list[str]:
    """Those of ``addresses`` that are this machine's there."""
    with space.entered():
        return [address for address in addresses if is_own_address(address)]


def allow_foreign_binds(space: Space) -> None:
    """What HAProxy and keepalived are told to be set up with, for addresses that may come later."""
    with space.entered():
        for family in ("ipv4", "ipv6"):
            Path(f"/proc/sys/net/{family}/ip_nonlocal_bind").write_text("1\n")


@pytest.mark.parametrize("may_bind_others", [False, True])
def test_those_that_it_has_whatever_else_it_could_bind_to(space: Space, may_bind_others: bool) -> None:
    if may_bind_others:
        allow_foreign_binds(space)
    assert own(space, *OWN, *OTHERS) == list(OWN)


def test_a_node_and_a_master_are_told_by_them(space: Space, tmp_path: Path) -> None:
    """Every node would take itself for the master, and none would find its own name."""
    allow_foreign_binds(space)
    (tmp_path / "ssconf_node_primary_ips").write_text("node1.example 192.0.2.1\nnode2.example 192.0.2.3\n")
    (tmp_path / "ssconf_master_ip").write_text("192.0.2.3\n")
    with space.entered():
        assert Cluster(str(tmp_path), host_name="localhost").node == "node1.example"
        assert not Cluster(str(tmp_path)).is_master
        (tmp_path / "ssconf_master_ip").write_text("198.51.100.1\n")
        assert Cluster(str(tmp_path)).is_master


def test_not_those_that_only_a_route_makes_local(space: Space) -> None:
    """A load balancer may take whole networks for its own (AnyIP)."""
    space.ip("route", "add", "local", "10.0.0.0/8", "dev", "lo")
    assert own(space, "10.0.0.1", "192.0.2.1") == ["192.0.2.1"]


def test_not_one_that_another_machine_turned_out_to_have(space: Space) -> None:
    """It is here, but duplicate address detection failed, and the kernel does not use it."""
    address = "2001:db8:1::1"
    with Space() as twin:
        space.ip("link", "add", "left", "type", "veth", "peer", "name", "right", "netns", str(twin.pid))
        for there, link in ((twin, "right"), (space, "left")):
            there.ip("link", "set", link, "up")
        twin.ip("address", "add", f"{address}/64", "dev", "right", "nodad")
        space.ip("address", "add", f"{address}/64", "dev", "left")
        end = time.monotonic() + DETECTION_SECONDS
        while own(space, address) and time.monotonic() < end:
            continue
        assert (own(space, address), own(twin, address)) == ([], [address])


def test_other_ways_of_writing_it(space: Space) -> None:
    same = ["2001:0DB8:0:0:0:0:0:1", "2001:db8::0001"]
    assert own(space, *same, "192.0.2.01", "192.0.2", "2001:db8::1%eth0", "eth0", "") == same


def test_each_namespace_has_its_own(space: Space) -> None:
    with Space() as elsewhere:
        assert own(elsewhere, *OWN) == ["127.0.0.1", "::1"]
    assert own(space, *OWN) == list(OWN)


def test_among_very_many(space: Space, tmp_path: Path) -> None:
    """More than one message of the kernel's holds."""
    lines = [f"address add 10.{number // 250}.{number % 250}.1/32 dev eth0\n" for number in range(2000)]
    (tmp_path / "batch").write_text("".join(lines))
    space.ip("-batch", str(tmp_path / "batch"))
    assert own(space, "10.0.0.1", "10.7.249.1", "10.8.0.1") == ["10.0.0.1", "10.7.249.1"]
