"""verify: what it says of the filer and of the account."""

from __future__ import annotations

import pytest

from dataontap.errors import DataOntapError, TransportError, VolumeError
from dataontap.volume.requests import Verification
from tests.unit.stage import Stage


class TestVerify:
    def test_all_is_well(self, stage: Stage) -> None:
        stage.provider.verify(Verification({}, Verification.usual))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"POOL": "nowhere"}, "pool: POOL: the SVM has no volume 'nowhere'; see volume show"),
            (
                {"IGROUP": "nobody"},
                "igroup: IGROUP: the SVM has no igroup 'nobody'; "
                "lun igroup create -igroup nobody -protocol iscsi -ostype linux",
            ),
        ],
    )
    def test_something_is_not(self, stage: Stage, options: dict[str, str], message: str) -> None:
        stage.options.update(options)
        with pytest.raises(VolumeError) as caught:
            stage.provider.verify(Verification({}, Verification.usual))
        assert str(caught.value) == message

    def test_a_cluster_account_needs_a_vserver(self, stage: Stage) -> None:
        stage.tunnel = None
        stage.options["CLUSTER_MODE_VSERVER"] = None
        with pytest.raises(VolumeError, match="^credentials: LOGIN is an account of the whole cluster"):
            stage.provider.verify(Verification({}, ("credentials",)))

    def test_a_refused_account_is_an_answer(self, stage: Stage) -> None:
        refused = TransportError("does not accept LOGIN", status=401)
        stage.wire.lose("system-get-ontapi-version", after=False, error=refused)
        stage.provider.verify(Verification({}, ("connection",)))

    def test_a_filer_that_is_not_there(self, stage: Stage) -> None:
        stage.wire.lose("system-get-ontapi-version", after=False)
        with pytest.raises(DataOntapError, match="^connection: system-get-ontapi-version: the connection to"):
            stage.provider.verify(Verification({}, ("connection",)))
