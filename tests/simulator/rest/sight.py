"""What collections show: the filer's LUNs and igroups, or for some seconds their earlier records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tests.simulator.model import Igroup, Key, Lun

if TYPE_CHECKING:
    from tests.simulator.filer import Filer

Shown = TypeVar("Shown", Lun, Igroup)


@dataclass(frozen=True)
class Old(Generic[Shown]):
    """Records as they were; None for one that was not there."""

    until: float
    records: Mapping[Key, Shown | None]


class Sight:
    """Keeps earlier records for some seconds. Without any, collections show the filer's own tables."""

    def __init__(self, filer: Filer, clock: Callable[[], float]) -> None:
        self._filer, self._clock = filer, clock
        self._luns: list[Old[Lun]] = []
        self._igroups: list[Old[Igroup]] = []

    def around(self, change: Callable[[], None], seconds: float) -> None:
        """Make a change that collections do not show for some seconds."""
        luns, igroups = dict(self._filer.luns), dict(self._filer.igroups)
        change()
        until = self._clock() + seconds
        self._luns.append(Old(until, _changed(luns, self._filer.luns)))
        self._igroups.append(Old(until, _changed(igroups, self._filer.igroups)))

    def clear(self) -> None:
        """Forget all earlier records."""
        self._luns, self._igroups = [], []

    @property
    def is_clear(self) -> bool:
        """Whether what is shown is what there is."""
        now = self._clock()
        self._luns = [old for old in self._luns if old.until > now]
        self._igroups = [old for old in self._igroups if old.until > now]
        return not self._luns and not self._igroups

    @property
    def luns(self) -> Mapping[Key, Lun]:
        """(vserver, path) -> LUN."""
        return self._filer.luns if self.is_clear else _overlaid(self._filer.luns, self._luns)

    @property
    def igroups(self) -> Mapping[Key, Igroup]:
        """(vserver, name) -> igroup."""
        return self._filer.igroups if self.is_clear else _overlaid(self._filer.igroups, self._igroups)


def _changed(before: Mapping[Key, Shown], after: Mapping[Key, Shown]) -> dict[Key, Shown | None]:
    return {key: before.get(key) for key in {*before, *after} if before.get(key) is not after.get(key)}


def _overlaid(table: Mapping[Key, Shown], layers: list[Old[Shown]]) -> dict[Key, Shown]:
    """The oldest layer counts most."""
    shown: dict[Key, Shown | None] = dict(table)
    for layer in reversed(layers):
        shown.update(layer.records)
    return {key: record for key, record in shown.items() if record is not None}
