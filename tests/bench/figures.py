"""The figures of one verb, as a row for people and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.timing import Pair


@dataclass(frozen=True)
class Counts:
    """What a verb had of the filer; bytes are those of HTTP, head and body."""

    requests: int
    connections: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True)
class Times:
    """What a verb took of the node: wall time as a ratio to a bare interpreter's, CPU time, and peak memory."""

    ratio_median: float
    ratio_min: float
    milliseconds_median: float
    pairs: int
    peak_kib: int
    cpu_milliseconds_min: float

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Times:
        """The figures of these pairs."""
        ratios = [pair.ratio for pair in pairs]
        return cls(
            ratio_median=round(statistics.median(ratios), 2),
            ratio_min=round(min(ratios), 2),
            milliseconds_median=round(1000 * statistics.median(pair.script.seconds for pair in pairs), 1),
            pairs=len(pairs),
            peak_kib=max(pair.script.peak_kib for pair in pairs),
            cpu_milliseconds_min=round(1000 * min(pair.script.cpu for pair in pairs), 1),
        )


@dataclass(frozen=True)
class Figures:
    """A verb's row."""

    counts: Counts
    times: Times


def table(rows: Mapping[str, Figures]) -> str:
    """All rows, for people."""
    lines = [
        f"{'':31}{'requests':>9}{'connec-':>9}{'bytes':>8}{'bytes':>10}{'ratio,':>9}{'ratio,':>9}{'ms,':>9}"
        f"{'pairs':>7}{'peak':>8}{'CPU ms,':>9}",
        f"{'':31}{'':>9}{'tions':>9}{'sent':>8}{'received':>10}{'median':>9}{'least':>9}{'median':>9}{'':>7}"
        f"{'MiB':>8}{'least':>9}",
    ]
    for name, row in rows.items():
        counts, times = row.counts, row.times
        lines.append(
            f"{name:31}{counts.requests:9}{counts.connections:9}{counts.bytes_sent:8}{counts.bytes_received:10}"
            f"{times.ratio_median:9.2f}{times.ratio_min:9.2f}{times.milliseconds_median:9.1f}{times.pairs:7}"
            f"{times.peak_kib / 1024:8.1f}{times.cpu_milliseconds_min:9.1f}"
        )
    return "\n".join(lines)
