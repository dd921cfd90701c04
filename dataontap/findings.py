"""What a check found: a fact about this node or the filer, its severity, and the remedy. Prints nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Callable

from dataontap.errors import VolumeError

# Most characters of ``summary``. After "dataontap: verify: " it is the last line of stderr, of 200 characters.
_SUMMARY = 180


class Severity(Enum):
    """How bad a finding is. The values are the words in the report."""

    FINE = "fine"
    UNCHECKED = "not checked"
    WARNING = "warning"
    FAILURE = "FAILED"  # it would make a verb fail


@dataclass(frozen=True)
class Finding:
    """What ``check`` found. ``what`` is one sentence without a full stop; ``remedy`` is what to do about it."""

    check: str
    severity: Severity
    what: str = ""
    remedy: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether it would make a verb fail."""
        return self.severity is Severity.FAILURE

    @property
    def sentence(self) -> str:
        """What was found, and what to do."""
        return "; ".join(filter(None, (self.what, self.remedy)))

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.check, self.severity.value, self.sentence)))


Check = Callable[[], Iterable[Finding]]


def fine(check: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, Severity.FINE)


def unchecked(check: str, why: str) -> Finding:
    """It was not checked, or cannot be checked."""
    return Finding(check, Severity.UNCHECKED, why)


def warning(check: str, what: str, remedy: str = "") -> Finding:
    """A problem that does not make a verb fail."""
    return Finding(check, Severity.WARNING, what, remedy)


def failure(check: str, what: str, remedy: str = "") -> Finding:
    """A problem that would make a verb fail."""
    return Finding(check, Severity.FAILURE, what, remedy)


def problem(check: str, what: str, remedy: str = "", *, fails: bool) -> Finding:
    """A failure if it makes a verb fail (``fails``), otherwise a warning."""
    return (failure if fails else warning)(check, what, remedy)


def enforce(findings: Iterable[Finding], log: logging.Logger) -> None:
    """Treat findings as a verb does: raise VolumeError for a failure, log a warning."""
    for finding in findings:
        if finding.is_failure:
            raise VolumeError(finding.sentence)
        log.warning("%s", finding.sentence)


def summary(findings: Sequence[Finding]) -> str:
    """The first failure in ``findings``, its reason first, and the number of further failures; "" without any."""
    failures = [finding for finding in findings if finding.is_failure]
    if not failures:
        return ""
    first = failures[0]
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    reason = f"{first.check}: {first.what}"
    whole = f"{reason}{more}; {first.remedy}" if first.remedy else f"{reason}{more}"
    if len(whole) <= _SUMMARY:
        return whole
    room = _SUMMARY - len(more)
    return (reason if len(reason) <= room else f"{reason[: room - 3]}...") + more
