"""Several addresses of one filer: in which order they are tried, what is noted, and when no more are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataontap import config
from dataontap.client import status
from dataontap.client.addresses import Addresses, Unanswered
from dataontap.client.transport import Filer
from dataontap.deadline import Deadline
from dataontap.errors import ConfigError, OntapError, TransportError
from dataontap.state.addresses import LONGEST_PAUSE, SHORTEST_PAUSE, AddressNotes, _pause
from dataontap.state.cache import Cache

NAMES = ("a", "b", "c")


class Clock:
    """Time that passes only while an address is tried."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Caches:
    """The caches of one filer, in a directory of the test's."""

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)

    def address(self) -> Cache:
        return Cache("address", directory=self._directory)

    def silence(self, address: str) -> Cache:
        return Cache("silent", address, directory=self._directory)

    def svm_uuid(self, address: str) -> Cache:
        return Cache("svm", address, directory=self._directory)


class Scene:
    """A filer with several addresses, each of which answers or fails as the test says."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.notes = AddressNotes(Caches(directory), clock=self.clock, pause=lambda: SHORTEST_PAUSE)
        self.failures: dict[str, Unanswered] = {}
        self.costs: dict[str, float] = {}
        self.tried: list[str] = []
        self.uuids = dict.fromkeys(NAMES, "uuid-1")
        self.asked: list[str] = []

    def dial(self, filer: Filer) -> str:
        name = filer.hostname
        self.tried.append(name)
        self.clock.now += self.costs.get(name, 0)
        if name in self.failures:
            raise self.failures[name]
        return name

    def verb(self, names: tuple[str, ...] = NAMES, seconds: float = 15) -> str:
        """What a new process does: connect, and compare. Returns the address that is used."""
        addresses = Addresses([Filer(name, is_one_of_several=True) for name in names], self.notes)
        filer, found = addresses.connect(self.dial, Deadline(seconds, clock=self.clock))
        addresses.identify = lambda: self._uuid(found)
        addresses.arrived(filer)
        return found

    def _uuid(self, name: str) -> str:
        self.asked.append(name)
        return self.uuids[name]

    def order(self, names: tuple[str, ...] = NAMES) -> str:
        return "".join(filer.hostname for filer in Addresses([Filer(name) for name in names], self.notes).order())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def silent(*, timed_out: bool = False) -> Unanswered:
    return Unanswered("it refused the connection", transient=False, is_silent=True, timed_out=timed_out)


def distrusted() -> Unanswered:
    return Unanswered("its certificate is from a CA", transient=False, is_silent=False, timed_out=False)


class TestOrder:
    def test_as_it_is_written(self, scene: Scene) -> None:
        assert scene.order() == "abc"
        assert scene.order(("c", "a")) == "ca"

    def test_the_last_good_one_comes_first(self, scene: Scene) -> None:
        scene.notes.works("b")
        assert scene.order() == "bac"
        scene.notes.works("gone from HOSTNAME")
        assert scene.order() == "abc"

    def test_silent_ones_come_last_for_a_while(self, scene: Scene) -> None:
        scene.notes.note_silent("a")
        assert scene.order() == "bca"
        scene.clock.now += SHORTEST_PAUSE - 1
        assert scene.order() == "bca"
        scene.clock.now += 2
        assert scene.order() == "abc"

    def test_one_that_works_again_is_not_silent(self, scene: Scene) -> None:
        scene.notes.note_silent("a")
        scene.notes.works("a")
        scene.notes.works("b")
        assert scene.order() == "bac"

    def test_a_note_that_makes_no_sense_counts_for_nothing(self, scene: Scene, tmp_path: Path) -> None:
        for text in ("soon", str(scene.clock.now + 1e6)):  # of another boot, whose clock had run longer
            Caches(tmp_path).silence("a").put(text)
            assert scene.order() == "abc"

    def test_nodes_do_not_come_back_together(self) -> None:
        pauses = [_pause() for _ in range(100)]
        assert SHORTEST_PAUSE <= min(pauses) < max(pauses) <= LONGEST_PAUSE
        assert max(pauses) - min(pauses) > (LONGEST_PAUSE - SHORTEST_PAUSE) / 2


class TestConnect:
    def test_one_that_is_down_costs_its_time_once(self, scene: Scene) -> None:
        scene.failures["a"], scene.costs["a"] = silent(timed_out=True), 5
        for _ in range(3):
            assert scene.verb() == "b"
        assert scene.tried == ["a", "b", "b", "b"]

    def test_others_leave_their_share_of_the_time(self, scene: Scene) -> None:
        shares = []

        def dial(filer: Filer) -> str:
            shares.append(round(deadline.rest, 1))
            scene.clock.now += deadline.rest
            raise silent(timed_out=True)

        deadline = Deadline(15, clock=scene.clock)
        with pytest.raises(TransportError):
            Addresses([Filer(name) for name in NAMES], scene.notes).connect(dial, deadline)
        assert shares == [5, 5, 5]

    def test_after_timeouts_all_are_tried_again(self, scene: Scene) -> None:
        """As a single address is: during a takeover none answers for a while."""
        for name in NAMES:
            scene.failures[name], scene.costs[name] = silent(timed_out=True), 3
        with pytest.raises(TransportError, match="^it refused the connection; HOSTNAME's others fail, too$"):
            scene.verb()
        assert "".join(scene.tried) == "abcab"

    def test_refusals_are_not_waited_for(self, scene: Scene) -> None:
        for name in NAMES:
            scene.failures[name] = silent()
        with pytest.raises(TransportError) as caught:
            scene.verb()
        assert scene.tried == ["a", "b", "c"]
        assert not caught.value.sent

    def test_a_verb_without_time_says_nothing_of_an_address(self, scene: Scene) -> None:
        scene.failures["a"], scene.costs["a"] = silent(timed_out=True), 0.4
        with pytest.raises(TransportError):
            scene.verb(("a",), seconds=0.3)
        assert not scene.notes.is_silent("a")

    def test_a_wrong_certificate_is_passed_over_and_not_noted(
        self, scene: Scene, caplog: pytest.LogCaptureFixture
    ) -> None:
        scene.failures["a"] = distrusted()
        assert scene.verb() == "b"
        assert "its certificate is from a CA; trying HOSTNAME's other addresses" in caplog.text
        assert scene.order() == "bac"

    def test_a_wrong_certificate_is_told_first(self, scene: Scene) -> None:
        scene.failures.update(a=silent(), b=distrusted(), c=silent())
        with pytest.raises(TransportError, match="^its certificate is from a CA; HOSTNAME's others"):
            scene.verb()


class TestOneFiler:
    def test_each_address_is_asked_once(self, scene: Scene) -> None:
        for name in (*NAMES, *NAMES):
            scene.notes.works(name)
            assert scene.verb() == name
        assert scene.asked == ["a", "b", "c"]

    def test_two_filers(self, scene: Scene) -> None:
        scene.uuids["b"] = "uuid-2"
        scene.verb()
        scene.failures["a"] = silent()
        for _ in range(2):
            with pytest.raises(OntapError, match="^HOSTNAME: a and b are two filers"):
                scene.verb()
        assert scene.asked == ["a", "b", "b"], "b is not believed the second time, either"
        del scene.failures["a"]
        assert scene.verb() == "a"

    def test_a_filer_that_cannot_be_asked_is_not_good(self, scene: Scene) -> None:
        def refuse() -> str:
            raise TransportError("does not accept LOGIN", status=status.UNAUTHORIZED)

        addresses = Addresses([Filer(name) for name in NAMES], scene.notes)
        addresses.identify = refuse
        with pytest.raises(TransportError) as caught:
            addresses.arrived(Filer("c"))
        assert not caught.value.sent
        assert scene.order() == "abc"


def parsed(hostname: object) -> config.Settings:
    return config.parse(f"HOSTNAME = {hostname!r}\nLOGIN = 'l'\nPASSWORD = 'p'", "f")


class TestOption:
    @pytest.mark.parametrize(
        ("value", "first", "others"),
        [
            ("filer", "filer", ()),
            (("filer",), "filer", ()),
            (["Filer.Example", "192.0.2.1", "2001:DB8::1"], "Filer.Example", ("192.0.2.1", "2001:db8::1")),
        ],
    )
    def test_the_first_one_names_the_filer(self, value: object, first: str, others: tuple[str, ...]) -> None:
        settings = parsed(value)
        assert (settings.hostname, settings.other_addresses) == (first, others)

    @pytest.mark.parametrize("value", [(), ("a", "A"), ("a", ("b",)), ("a", None), tuple("abcdefghi")])
    def test_what_is_refused(self, value: object) -> None:
        with pytest.raises(ConfigError, match="f:1: HOSTNAME: "):
            parsed(value)


@pytest.mark.parametrize("several", [False, True])
def test_a_refused_password(several: bool) -> None:
    filer = Filer("a", login="v", is_one_of_several=several)
    assert ("SVM's interfaces only" in str(status.refusal(status.UNAUTHORIZED, filer))) == several
