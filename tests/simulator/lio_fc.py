"""The same over Fibre Channel: exported by ports of this machine, by LIO's tcm_fc."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.simulator.lio import CONFIG, Exporter
from tests.simulator.model import Vserver
from tests.simulator.provision import FIRST
from tests.simulator.state import State


class FcExporter(Exporter):
    """Exports what ``state`` maps in the first vserver, at this machine's ports ``wwpns``, one an interface.

    A port is one vserver's, so the others have none. An initiator learns at its login what a port is, and LIO lets
    those in that it is told of: initiators should log in after this was made, and be ``guests``.
    """

    modules = ("target_core_mod", "target_core_file", "tcm_fc")

    def __init__(self, state: State, wwpns: Sequence[str], *, guests: Sequence[str] = ()) -> None:
        super().__init__(state, wwpns, guests=guests)

    def _groups(self, vserver: str) -> list[Path]:
        return [port_group(wwpn) for wwpn in self._portals] if vserver == FIRST else []

    def _make_target(self, vserver: Vserver) -> None:
        for group in self._groups(vserver.name):
            group.mkdir(parents=True, exist_ok=True)

    def _is_served(self, initiator: str) -> bool:
        return ":" in initiator and not initiator.startswith("iqn.")


def port_group(wwpn: str) -> Path:
    """The directory of a port's portal group."""
    return CONFIG / "fc" / wwpn / "tpgt_1"
