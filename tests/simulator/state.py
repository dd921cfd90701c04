"""The simulated filer's state in memory: plain dictionaries of frozen records, and the one way to change
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable, cast

from tests.simulator.contents import Contents
from tests.simulator.indexes import Indexes
from tests.simulator.journal import Journal
from tests.simulator.model import (
    Account,
    Aggregate,
    Cluster,
    Igroup,
    Interface,
    Job,
    Key,
    Lun,
    Mirror,
    PolicyGroup,
    Portset,
    Qtree,
    Record,
    Role,
    Session,
    Snapshot,
    Volume,
    Vserver,
)


class State:
    """Everything the filer knows.  Read the tables freely; change them by ``commit`` only."""

    def __init__(self, directory: Path) -> None:
        self._journal = Journal(directory)
        self._tables = self._journal.tables
        self.accounts = cast(dict[Key, Account], self._tables[Account.kind])
        self.roles = cast(dict[Key, Role], self._tables[Role.kind])
        self.aggregates = cast(dict[Key, Aggregate], self._tables[Aggregate.kind])
        self.vservers = cast(dict[Key, Vserver], self._tables[Vserver.kind])
        self.interfaces = cast(dict[Key, Interface], self._tables[Interface.kind])
        self.volumes = cast(dict[Key, Volume], self._tables[Volume.kind])
        self.mirrors = cast(dict[Key, Mirror], self._tables[Mirror.kind])
        self.qtrees = cast(dict[Key, Qtree], self._tables[Qtree.kind])
        self.snapshots = cast(dict[Key, Snapshot], self._tables[Snapshot.kind])
        self.luns = cast(dict[Key, Lun], self._tables[Lun.kind])
        self.igroups = cast(dict[Key, Igroup], self._tables[Igroup.kind])
        self._watchers: list[Callable[[list[Record]], None]] = []
        self.portsets = cast(dict[Key, Portset], self._tables[Portset.kind])
        self.sessions = cast(dict[Key, Session], self._tables[Session.kind])
        self.policy_groups = cast(dict[Key, PolicyGroup], self._tables[PolicyGroup.kind])
        self.jobs = cast(dict[Key, Job], self._tables[Job.kind])
        self.indexes = Indexes()
        self.contents = Contents(directory / "luns")
        for lun in self.luns.values():
            self.indexes.add(lun)
        self.contents.reconcile(self._sizes())

    def _sizes(self) -> dict[str, int]:
        """Every content file that there should be."""
        sizes = {lun.uuid: lun.size for lun in self.luns.values()}
        for snapshot in self.snapshots.values():
            sizes.update({content: lun["size"] for content, lun in snapshot.luns.items()})
        return sizes

    @property
    def maps(self) -> dict[Key, dict[int, str]]:
        """(vserver, igroup) -> LUN id -> path."""
        return self.indexes.maps

    @property
    def cluster(self) -> Cluster | None:
        """The cluster, or None in a state directory that was never used."""
        return cast("Cluster | None", self._tables[Cluster.kind].get(()))

    @property
    def records(self) -> list[Record]:
        """All there is."""
        return [record for table in self._tables.values() for record in table.values()]

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
                self.indexes.add(record)
        for watcher in self._watchers:
            watcher([*dropped, *put])

    def watch(self, watcher: Callable[[list[Record]], None]) -> None:
        """Let ``watcher`` know of every change, when it is made and before it is answered."""
        self._watchers.append(watcher)

    def _unindex(self, record: Record | None) -> None:
        if isinstance(record, Lun):
            self.indexes.drop(record)

    def close(self) -> None:
        """Let another process have the state directory."""
        self._journal.close()
