"""What the figures are held to: fixed limits, and the baseline. A rule returns what is wrong, "" if nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from tests.bench.figures import Figures, Times
from tests.bench.lives import APIS, LIFE, PRESENT, named

RATIO_LIMIT = 1.6  # of the present attach, whatever the baseline says
SNAPSHOT_REQUESTS = 4
# REST asks for the LUN's size after PATCH: no source says that the answer tells it.
GROW_REQUESTS = 3
CPU_LIMIT = 1.25  # REST's CPU time to ZAPI's
PEAK_MIB = 60
RATIO_MARGIN = 2.0  # medians of the same code were seen to differ by 1.8 on a machine with other work
# A LUN's serial number may have "<", ">" and "&", each of which is 3 or 4 bytes longer in XML.
MARGINS = {"bytes_received": 24}

STATED = (
    "against the baseline: requests, connections and bytes sent exactly, bytes received within "
    f"{MARGINS['bytes_received']} (serial numbers' characters), median ratio at most x {RATIO_MARGIN}"
)


def limits(rows: Mapping[str, Figures]) -> dict[str, str]:
    """The fixed limits, by what they say."""
    ratio = max(rows[named(api, PRESENT)].times.ratio_median for api in APIS)
    requests = max(rows[named(api, "snapshot")].counts.requests for api in APIS)
    connections = max(row.counts.connections for row in rows.values())
    cpu, slowest = max((_cpu_ratio(rows, step.row), step.row) for step in LIFE)
    peaks = {name: row.times.peak_kib / 1024 for name, row in rows.items()}
    largest = max(peaks, key=lambda name: peaks[name])
    return {
        f"{PRESENT}: at most {RATIO_LIMIT} x a bare interpreter": _above(ratio, RATIO_LIMIT),
        f"snapshot: at most {SNAPSHOT_REQUESTS} requests": _above(requests, SNAPSHOT_REQUESTS),
        "every verb: at most 1 connection": _above(connections, 1),
        f"REST: no more requests than ZAPI, for grow {GROW_REQUESTS}": "; ".join(_more_requests(rows)),
        f"REST: at most {CPU_LIMIT} x the CPU time of ZAPI": _above(cpu, CPU_LIMIT, f" for {slowest}"),
        f"every verb: at most {PEAK_MIB} MiB": _above(peaks[largest], PEAK_MIB, f" for {largest}"),
    }


def _more_requests(rows: Mapping[str, Figures]) -> list[str]:
    """The verbs that make more requests over REST than they may."""
    asked = {step.row: [rows[named(api, step.row)].counts.requests for api in APIS] for step in LIFE}
    return [
        f"{row} makes {rest}"
        for row, (zapi, rest) in asked.items()
        if rest > (GROW_REQUESTS if row == "grow" else zapi)
    ]


def _cpu_ratio(rows: Mapping[str, Figures], row: str) -> float:
    zapi, rest = (rows[named(api, row)].times.cpu_milliseconds_min for api in APIS)
    return rest / zapi


def compare(rows: Mapping[str, Figures], baseline: Mapping[str, Figures]) -> dict[str, str]:
    """Each row against the baseline's; there is a verdict for a row that only one of them has, too."""
    verdicts = {}
    for name in dict.fromkeys([*rows, *baseline]):
        if name in rows and name in baseline:
            differences = [*_counts(rows[name], baseline[name]), *_times(rows[name].times, baseline[name].times)]
            verdicts[name] = "; ".join(differences)
        else:
            verdicts[name] = "not in the baseline" if name in rows else "in the baseline only"
    return verdicts


def slow(rows: Mapping[str, Figures], baseline: Mapping[str, Figures]) -> list[str]:
    """The rows whose time is above what it may be: what another measurement may show to be noise."""
    return [
        name
        for name, row in rows.items()
        if (name in baseline and _times(row.times, baseline[name].times))
        or (name.endswith(PRESENT) and row.times.ratio_median > RATIO_LIMIT)
    ] + [named("rest", step.row) for step in LIFE if _cpu_ratio(rows, step.row) > CPU_LIMIT]


def _counts(row: Figures, baseline: Figures) -> list[str]:
    before = asdict(baseline.counts)
    return [
        f"{name.replace('_', ' ')} {number}, baseline {before[name]}"
        for name, number in asdict(row.counts).items()
        if abs(number - before[name]) > MARGINS.get(name, 0)
    ]


def _times(row: Times, baseline: Times) -> list[str]:
    limit = baseline.ratio_median * RATIO_MARGIN
    return [f"ratio {row.ratio_median}, baseline {baseline.ratio_median}"] if row.ratio_median > limit else []


def _above(value: float, limit: float, where: str = "") -> str:
    return f"it is {value:.4g}{where}" if value > limit else ""
