"""detach: the LUN is taken out of this node's groups, whether attach has left a record or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dataontap.client.array import Array
from dataontap.errors import ConfigError, DeadlineError, TransportError
from dataontap.volume.verbs import leaving
from tests.simulator import copies
from tests.unit.stage import Stage
from tests.unit.volume import EXCLUSIVE, MIB, NODE1, NODE2, PATH, VOLUME

pytestmark = pytest.mark.usefixtures("group_per_node")

ELSEWHERE = "/vol/vol2/v"


class TestWithoutARecord:
    """DEBUG is on, or a grow by configured commands has removed it, or it is damaged."""

    def test_at_its_own_path(self, made: Stage) -> None:
        made.provider.detach(VOLUME)
        assert (made.groups(PATH), made.host.devices) == ([], {})
        assert made.wire.calls == ["lun-get-iter", "lun-unmap"]

    def test_in_another_pool(self, made: Stage) -> None:
        made.options["POOL"] = "vol2"
        made.provider.detach(VOLUME)
        assert made.groups(PATH) == []

    def test_not_its_copy(self, made: Stage) -> None:
        """Which the storage admin shows to this node."""
        copies.lun_copy(made.ask, PATH, ELSEWHERE)
        made.ask("lun-map", {"path": ELSEWHERE, "initiator-group": NODE1})
        made.options["POOL"] = "vol3"
        made.provider.detach(VOLUME)
        assert (made.groups(PATH), made.groups(ELSEWHERE)) == ([], [NODE1])

    def test_the_lun_that_the_device_showed(self, made: Stage) -> None:
        """Its identity says more than its path: the disk's pool was changed while it was attached."""
        made.ask("lun-create-by-size", {"path": ELSEWHERE, "size": 64 * MIB})
        (shown,) = made.client.get_lun_by_args(path=PATH)
        made.options["POOL"] = "vol2"
        luns = made.site.luns
        assert luns.shown_by("v", {*shown.naas}).path == PATH
        assert luns.shown_by("v", {"600a0980383054723324526c68717746"}).path == ELSEWHERE
        assert luns.shown_by("v", ()).path == ELSEWHERE

    def test_there_is_no_lun(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        made.ask("lun-unmap", {"path": PATH, "initiator-group": NODE1})
        made.ask("lun-destroy", {"path": PATH})
        made.provider.detach(VOLUME)
        assert "its LUN may still be mapped for this node: no LUN of this volume was found" in caplog.text

    def test_there_is_no_client_for_the_filer(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """The device is gone, which is what matters."""

        def refuse() -> Array:
            raise ConfigError("STORAGE_FAMILY: not supported")

        record = Path(made.directory, made.node, "run/attached/v")
        record.parent.mkdir()
        record.touch(mode=0o600)
        record.write_text(f"a record\nlun some-uuid {PATH}\n")
        leaving.detach(replace(made.site, connect=refuse), VOLUME)
        assert made.host.devices == {}
        assert "its LUN may still be mapped for this node: STORAGE_FAMILY" in caplog.text

    def test_the_filer_does_not_answer(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        made.wire.lose("lun-get-iter", after=False, error=TransportError("did not answer"))
        made.provider.detach(VOLUME)
        assert "its LUN may still be mapped for this node: lun-get-iter: did not answer" in caplog.text
        assert made.host.devices == {}

    def test_again(self, made: Stage) -> None:
        made.provider.detach(VOLUME)
        made.provider.detach(VOLUME)
        assert made.groups(PATH) == []

    def test_with_one_group_for_all_nobody_is_asked(self, made: Stage) -> None:
        made.options["IGROUP"] = "ganeti"
        made.provider.detach(VOLUME)
        assert made.wire.calls == []


class TestWithARecord:
    @pytest.fixture
    def recorded(self, made: Stage) -> Stage:
        """Only what it says of the LUN matters here."""
        (lun,) = made.client.get_lun_by_args(path=PATH)
        self.record(made, f"{lun.uuid} {lun.path}")
        return made

    @staticmethod
    def record(stage: Stage, lun: str) -> None:
        record = Path(stage.directory, stage.node, "run/attached/v")
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(f"dataontap attached 2\n/dev/x\nlun {lun}\n")
        record.chmod(0o600)

    def test_nothing_is_looked_for(self, recorded: Stage) -> None:
        recorded.provider.detach(VOLUME)
        assert (recorded.groups(PATH), recorded.wire.calls) == ([], ["lun-unmap"])

    def test_it_was_fenced_meanwhile(self, recorded: Stage) -> None:
        """The usual case, in each migration: one request, and no search."""
        recorded.become("node2.example")
        recorded.provider.open(EXCLUSIVE)
        recorded.become("node1.example")
        recorded.provider.detach(VOLUME)
        assert (recorded.groups(PATH), recorded.wire.calls) == ([NODE2], ["lun-unmap"])

    def test_the_filers_volume_was_renamed(self, recorded: Stage) -> None:
        recorded.ask("volume-rename", {"volume": "vol1", "new-volume-name": "renamed"})
        recorded.provider.detach(VOLUME)
        assert recorded.groups("/vol/renamed/v") == []

    def test_a_damaged_one(self, recorded: Stage) -> None:
        record = Path(recorded.directory, recorded.node, "run/attached/v")
        record.write_text("dataontap attached 2\n/dev/x\n")
        recorded.provider.detach(VOLUME)
        assert recorded.groups(PATH) == []


class TestTheLockOfScans:
    """Another volume's verb has it, and waits for the filer."""

    def test_configured_commands_wait_for_it(self, made: Stage) -> None:
        with (
            made.other_locks.scan(),
            pytest.raises(DeadlineError, match="this node's scan lock"),
        ):
            made.provider.detach(VOLUME)

    def test_our_own_hands_do_not(self, made: Stage) -> None:
        made.options.update(ISCSI_DETACH_COMMANDS=None, ISCSI_ATTACH_COMMANDS=None)
        made.host.devices.clear()
        with made.other_locks.scan():
            made.provider.detach(VOLUME)
        assert made.groups(PATH) == []

    def test_it_is_free_while_the_filer_is_asked(self, made: Stage) -> None:
        """Before and after the one request that maps the LUN; that one is waited for ten seconds at most."""
        made.provider.detach(VOLUME)
        held: dict[str, bool] = {}

        def look(api: str) -> None:
            try:
                with made.other_locks.scan():
                    held[api] = False
            except DeadlineError:
                held[api] = True

        for api in ("lun-get-iter", "lun-set-comment", "igroup-get-iter", "lun-map"):
            made.wire.meanwhile(api, lambda api=api: look(api))  # type: ignore[misc]
        for file in Path(made.directory, "run/igroup").iterdir():
            file.unlink()
        made.ask("lun-set-comment", {"path": PATH, "comment": ""})
        made.provider.attach(VOLUME)
        assert held == {"lun-get-iter": False, "lun-set-comment": False, "igroup-get-iter": False, "lun-map": True}

    def test_it_is_let_go_before_a_refused_map_is_tried_again(self, made: Stage) -> None:
        made.provider.detach(VOLUME)
        waited: list[bool] = []

        def again(error: Exception, tries: int) -> None:
            with made.other_locks.scan():
                waited.append(True)

        made.again = again
        made.wire.lose("lun-map", after=False, error=TransportError("503", status=503, transient=True), times=2)
        made.provider.attach(VOLUME)
        assert (waited, made.groups(PATH)) == ([True, True], [NODE1])

    @pytest.mark.parametrize("after", [False, True])
    def test_a_lost_map_is_looked_for(self, made: Stage, after: bool) -> None:
        made.provider.detach(VOLUME)
        made.wire.lose("lun-map", after=after, error=TransportError("reset by peer", transient=True))
        made.provider.attach(VOLUME)
        assert made.groups(PATH) == [NODE1]
        assert made.wire.calls.count("lun-map") == (1 if after else 2)
