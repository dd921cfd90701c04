"""The SVM's FC interfaces: asked once a day, and looked for among the ports that this node sees."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from dataontap.client.array import FcPort, Svm
from dataontap.deadline import Deadline
from dataontap.errors import DeviceError, OntapError
from dataontap.host.fc import FibreChannel
from dataontap.host.sysfs import Nexus
from dataontap.state.cache import Cache
from dataontap.volume.fc_target import FcTarget

FIRST, SECOND = "50:0a:09:82:80:00:00:01", "50:0a:09:82:80:00:00:02"
PORTS = [FcPort(FIRST, enabled=True, node="n1"), FcPort(SECOND, enabled=True, node="n2")]


@dataclass
class Teller:
    """A filer that says this of its FC service. ``asked`` counts."""

    ports: Sequence[FcPort] = ()
    enabled: bool | None = True
    asked: int = 0

    def is_fcp_enabled(self) -> bool | None:
        self.asked += 1
        return self.enabled

    def get_fc_target_ports(self) -> list[FcPort]:
        return [*self.ports]

    @property
    def svm(self) -> Svm:
        return cast(Svm, self)


@dataclass
class Sees(FibreChannel):
    """A node that sees everything."""

    told: list[list[str]] = field(default_factory=list)

    def connect(self, wwpns: Collection[str]) -> list[Nexus]:
        self.told.append(sorted(wwpns))
        return [Nexus(2, 0, 0)]

    def known(self, wwpns: Collection[str]) -> list[Nexus]:
        return [Nexus(int(wwpn[-1]), 0, 0) for wwpn in wwpns]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache("fc", "filer", directory=str(tmp_path))


def test_they_are_cached_for_the_next_verb(cache: Cache) -> None:
    first, node = FcTarget(Sees(), cache), Sees()
    assert (first.is_cached, first.known()) == (False, [])
    assert first.learn(Teller(PORTS).svm) is False
    second = FcTarget(node, cache)
    assert second.is_cached
    assert second.interfaces() == {FIRST: "n1", SECOND: "n2"}
    second.connect()
    assert node.told == [[FIRST, SECOND]]
    assert second.known() == [Nexus(1, 0, 0), Nexus(2, 0, 0)]


def test_other_interfaces_than_were_cached(cache: Cache) -> None:
    FcTarget(Sees(), cache).learn(Teller(PORTS[:1]).svm)
    ours = FcTarget(Sees(), cache)
    assert ours.learn(Teller(PORTS).svm) is True
    assert ours.learn(Teller(PORTS).svm) is False


@pytest.mark.parametrize(
    ("nodes", "told"), [(["n2"], [SECOND]), (["n1", "n2"], [FIRST, SECOND]), (["n3"], [FIRST, SECOND])]
)
def test_at_some_nodes_of_the_filer(cache: Cache, nodes: list[str], told: list[str]) -> None:
    """Where no interface is at these nodes, all are looked for."""
    node = Sees()
    ours = FcTarget(node, cache)
    ours.learn(Teller(PORTS).svm)
    ours.connect(nodes)
    assert node.told == [told]


@pytest.mark.parametrize(
    ("filer", "problem"),
    [
        (Teller(PORTS, enabled=None), "^the SVM has no FC service; see vserver fcp create$"),
        (Teller(PORTS, enabled=False), "^the SVM's FC service is off; see vserver fcp start$"),
        (Teller(), "^the SVM has no usable FC interface; see network interface show"),
        (Teller([FcPort(FIRST, enabled=False)]), f"no usable FC interface: '{FIRST}' is disabled;"),
        (Teller([FcPort("ff:" * 7 + "ff", enabled=True)]), "no usable FC interface: 'ff:.*' is no WWPN;"),
        (
            Teller([FcPort("iqn.1992-08.com", enabled=True)]),
            "no usable FC interface: 'iqn.1992-08.com' is no WWPN;",
        ),
    ],
)
def test_a_filer_that_serves_nothing_over_fc(cache: Cache, filer: Teller, problem: str) -> None:
    ours = FcTarget(Sees(), cache)
    with pytest.raises(OntapError, match=problem):
        ours.learn(filer.svm)
    assert not ours.is_cached


def test_a_disabled_one_does_not_stop_the_others(cache: Cache) -> None:
    ours = FcTarget(Sees(), cache)
    ours.learn(Teller([FcPort(FIRST, enabled=False), *PORTS[1:]]).svm)
    assert [*ours.interfaces()] == [SECOND]


@pytest.mark.parametrize("cached", ['["50:0a"]', '{"50:0a": ""}', "{}", "[" * 4000, "5"])
def test_a_damaged_cache_is_none(cache: Cache, cached: str) -> None:
    cache.put(cached)
    assert not FcTarget(Sees(), cache).is_cached


def test_no_port_is_seen(cache: Cache, tmp_path: Path) -> None:
    ours = FcTarget(FibreChannel(Deadline(5), str(tmp_path / "sys")), cache)
    ours.learn(Teller(PORTS).svm)
    with pytest.raises(DeviceError, match="no FC port"):
        ours.connect()
    assert ours.unreached(1) == dict.fromkeys((FIRST, SECOND), "not seen here")
