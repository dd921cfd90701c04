"""Which of the provider's scripts Ganeti runs on which node, when, and with what result.

Ganeti finds providers below /srv before those below /usr: while steps are recorded, there is one of the same name,
each of whose scripts runs the packaged one and writes a line. It can also fail in the packaged one's place.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from dataontap.paths import RUN
from tests.simulator.replay import replay
from tests.testbed.cluster import FILER, Cluster, Node
from tests.testbed.node import LINKS

PACKAGED = "/usr/share/ganeti/extstorage/dataontap"
_PLACE = "/srv/ganeti/extstorage/dataontap"
_STEPS = "/srv/testbed/steps"
_FAIL = "/srv/testbed/fail"
_VERBS = ["create", "attach", "detach", "remove", "grow", "snapshot", "setinfo", "verify", "open", "close"]
_SCRIPT = f"""#!/bin/sh
PATH=/usr/bin:/bin
verb=${{0##*/}}
began=$(date +%s.%N)
if [ -e {_FAIL}-$verb ]; then
    echo "dataontap: $verb $VOL_NAME: made to fail by a test" >&2
    status=1
else
    {PACKAGED}/$verb "$@"
    status=$?
fi
here=none
[ ! -e {LINKS}/{FILER}/vol1/$VOL_NAME ] || here=device
[ ! -e {RUN}/closed/$VOL_NAME ] || here=closed
echo "$began $(date +%s.%N) $verb $VOL_NAME $status ${{VOL_OPEN_EXCLUSIVE:--}} $here" >>{_STEPS}
exit $status
"""


@dataclass(frozen=True, order=True)
class Step:
    """One script's run; ``began`` and ``ended`` are seconds since the epoch.

    ``here`` is what the node has after it: none, device, or closed, which is a device that is marked so.
    """

    began: float
    ended: float
    node: str
    verb: str
    volume: str
    status: int
    exclusive: bool
    here: str

    @property
    def about(self) -> str:
        """The node and the verb."""
        return f"{self.node} {self.verb}{' (exclusive)' if self.exclusive else ''}{' FAILED' * bool(self.status)}"


class Recorder:
    """The steps so far."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def steps(self, verb: str | None = None, node: str | None = None) -> list[Step]:
        """Those of this verb on this node, in the order in which they began."""
        found = []
        for machine in self._cluster.nodes:
            file = machine.path(_STEPS)
            for line in file.read_text(encoding="ascii").splitlines() if file.exists() else []:
                began, ended, did, volume, status, exclusive, here = line.split(" ")
                moments = float(began), float(ended)
                step = Step(*moments, machine.port, did, volume, int(status), exclusive == "True", here)
                if verb in {None, did} and node in {None, machine.port}:
                    found.append(step)
        return sorted(found)

    def asked(self, step: Step) -> list[str]:
        """What the node asked the filer while that step ran."""
        (address,) = (node.address for node in self._cluster.nodes if node.port == step.node)
        return [
            str(request.api)
            for request in self._cluster.simulator.requests()
            if request.peer.startswith(f"{address}:") and step.began <= request.time <= step.ended
        ]

    def mapped(self, volume: str, moment: float) -> set[str]:
        """The groups that the filer had the volume's LUN mapped to at that time, by its journal."""
        luns = replay(self._cluster.state, until=moment).get("lun", {}).values()
        return {group for lun in luns if lun["path"] == f"/vol/vol1/{volume}" for group in lun["maps"]}

    @contextlib.contextmanager
    def failing(self, node: Node, verb: str) -> Iterator[None]:
        """This script fails on this node meanwhile."""
        node.write(f"{_FAIL}-{verb}", "")
        try:
            yield
        finally:
            node.path(f"{_FAIL}-{verb}").unlink()


@contextlib.contextmanager
def recorded(cluster: Cluster) -> Iterator[Recorder]:
    """Record the scripts' runs on all nodes meanwhile."""
    for node in cluster.nodes:
        for verb in _VERBS:
            node.write(f"{_PLACE}/{verb}", _SCRIPT, 0o755)
        node.run("cp", f"{PACKAGED}/parameters.list", _PLACE)
    try:
        yield Recorder(cluster)
    finally:
        for node in cluster.nodes:
            shutil.rmtree(node.path(_PLACE))
            node.path(_STEPS).unlink(missing_ok=True)
