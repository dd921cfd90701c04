"""The simulated filer's state in memory: plain dictionaries of frozen records, and the one way to change
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable, cast

from tests.simulator.contents import Contents
from tests.simulator.journal import Journal
from tests.simulator.model import (
    Account,
    Cluster,
    Igroup,
    Key,
    Lun,
    Qtree,
    Record,
    Role,
    Snapshot,
    Volume,
    Vserver,
)


class State:
    """Everything the filer knows.  Read the tables freely; change them by ``commit`` only.

    ``maps`` is derived from the LUNs: (vserver, igroup) -> LUN id -> path.
    """

    def __init__(self, directory: Path) -> None:
        self._journal = Journal(directory)
        self._tables = self._journal.tables
        self.accounts = cast(dict[Key, Account], self._tables[Account.kind])
        self.roles = cast(dict[Key, Role], self._tables[Role.kind])
        self.vservers = cast(dict[Key, Vserver], self._tables[Vserver.kind])
        self.volumes = cast(dict[Key, Volume], self._tables[Volume.kind])
        self.qtrees = cast(dict[Key, Qtree], self._tables[Qtree.kind])
        self.snapshots = cast(dict[Key, Snapshot], self._tables[Snapshot.kind])
        self.luns = cast(dict[Key, Lun], self._tables[Lun.kind])
        self.igroups = cast(dict[Key, Igroup], self._tables[Igroup.kind])
        self.maps: dict[Key, dict[int, str]] = {}
        self._watchers: list[Callable[[list[Record]], None]] = []
        self.contents = Contents(directory / "luns")
        for lun in self.luns.values():
            self._index(lun)
        self.contents.reconcile({lun.uuid: lun.size for lun in self.luns.values()})

    @property
    def cluster(self) -> Cluster | None:
        """The cluster, or None in a state directory that was never used."""
        return cast("Cluster | None", self._tables[Cluster.kind].get(()))

    def commit(self, *put: Record, gone: Iterable[Record] = ()) -> None:
        """Make these changes, all or none: first on disk, then in memory."""
        dropped = tuple(gone)
        self._journal.append(put, dropped)
        for record in dropped:
            self._unindex(self._tables[record.kind].pop(record.key, None))
        for record in put:
            table: dict[Any, Record] = self._tables[record.kind]
            self._unindex(table.get(record.key))
            table[record.key] = record
            if isinstance(record, Lun):
                self._index(record)
        for watcher in self._watchers:
            watcher([*dropped, *put])

    def watch(self, watcher: Callable[[list[Record]], None]) -> None:
        """Let ``watcher`` know of every change, when it is made and before it is answered."""
        self._watchers.append(watcher)

    def _index(self, lun: Lun) -> None:
        for igroup, lun_id in lun.maps.items():
            self.maps.setdefault((lun.vserver, igroup), {})[lun_id] = lun.path

    def _unindex(self, record: Record | None) -> None:
        if isinstance(record, Lun):
            for igroup, lun_id in record.maps.items():
                del self.maps[record.vserver, igroup][lun_id]

    def close(self) -> None:
        """Let another process have the state directory."""
        self._journal.close()
