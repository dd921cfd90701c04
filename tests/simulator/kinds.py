"""The kinds of filer that NetApp sells, and what sets them apart here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """``introduced`` is the ONTAPI minor version of the first release that such a filer runs."""

    model: str
    san_optimized: bool = False
    disaggregated: bool = False
    introduced: int = 0

    @property
    def has_zapi(self) -> bool:
        """The disaggregated ones have REST only."""
        return not self.disaggregated

    @property
    def has_san(self) -> bool:
        """AFX is for files."""
        return self.san_optimized or not self.disaggregated

    @property
    def has_pools(self) -> bool:
        """On an ASA r2 each LUN is alone in a volume that is not shown; there are no aggregates either."""
        return not (self.san_optimized and self.disaggregated)


# ASA r2 came with 9.16.0, which is 9.16.1 here; AFX's release is not known for sure.
KINDS = {
    "unified": Kind("FAS2750"),
    "asa": Kind("ASA-A250", san_optimized=True),
    "asa-r2": Kind("ASA-A20", san_optimized=True, disaggregated=True, introduced=260),
    "afx": Kind("AFX-1K", disaggregated=True, introduced=270),
}
