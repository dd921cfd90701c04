"""How ONTAP turns a wanted LUN size into a real one.

The rule fits the sizes seen from real filers (300 GiB -> 322163441664, 450 GiB -> 483247783936, 10 GiB
unchanged) and is inferred: a cylinder is ceil(size in MiB * 10 / 65536) MiB, at least 1 and at most 256; a
size is rounded up to whole cylinders; a LUN can grow to 65,536 of the cylinders it was made with.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.model import MIB, TIB

SECTOR = 512
CYLINDERS = 65536
# No source says more than "4 MiB" (a 7-Mode stub).
SMALLEST = 4 * MIB
# "128 TB", and "just under 16 TB": so many bytes in the documentation of NVMe namespaces.
LARGEST = 128 * TIB
LARGEST_BEFORE = 17_557_557_870_592


@dataclass(frozen=True)
class Geometry:
    """What lun-get-geometry tells; heads and sectors are a split of the cylinder that old tools accept."""

    cylinder: int
    size: int

    @property
    def sectors_per_track(self) -> int:
        """Fixed, so that the other two follow."""
        return 64

    @property
    def tracks_per_cylinder(self) -> int:
        """Whatever makes the cylinder complete."""
        return self.cylinder // SECTOR // self.sectors_per_track

    @property
    def cylinders(self) -> int:
        """Whole cylinders; an exact size may leave a part of one unused."""
        return self.size // self.cylinder


def cylinder_for(size: int) -> int:
    """The cylinder, in bytes, of a LUN made with that size."""
    mebibytes = -(-size // MIB)
    return min(max(-(-mebibytes * 10 // CYLINDERS), 1), 256) * MIB


def round_up(size: int, unit: int) -> int:
    """``size``, or the next multiple of ``unit`` above it."""
    return -(-size // unit) * unit


def largest(ontapi: int, *, san_optimized: bool) -> int:
    """How large LUNs may be: 128 TB on an ASA from 9.8 on, on others from 9.12.1P2 on, which is 9.13.1 here."""
    return LARGEST if ontapi >= (180 if san_optimized else 230) else LARGEST_BEFORE


def largest_growth(cylinder: int, ontapi: int, most: int) -> int:
    """How far a LUN may grow: by its geometry before 9.5 (ONTAPI 1.150), to the maximum from then on
    (Cinder).
    """
    return most if ontapi >= 150 else min(cylinder * CYLINDERS, most)
