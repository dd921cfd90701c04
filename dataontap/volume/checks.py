"""Runs checks of this node and of the filer, and returns what they found. The caller decides how to show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dataontap.errors import DataOntapError, DeadlineError, TransportError
from dataontap.findings import Check, Finding, failure, fine, unchecked

# The filer refuses every request of the account.
_REFUSED = frozenset({401, 403})


class Checks:
    """The checks ``of_node`` and ``of_filer`` by their names. ``requests.Verification`` has all names."""

    def __init__(self, of_node: Mapping[str, Check], of_filer: Mapping[str, Check]) -> None:
        self._of_filer = frozenset(of_filer)
        self._checks = {**of_node, **of_filer}

    def run(self, names: Sequence[str]) -> Iterator[Finding]:
        """What each of the checks ``names`` found, in this order. A check that found nothing is fine.

        Once the filer does not answer, or refuses the account, it is asked nothing more: each further question
        would wait as long, and filers lock an account after a few refusals. A failure that an earlier check has
        reported is only referred to.
        """
        silence = ""
        told: dict[str, str] = {}
        for name in names:
            if silence and name in self._of_filer:
                yield unchecked(name, silence)
                continue
            found, error = self._found(name)
            if error is not None and name in self._of_filer:
                silence = _silence(name, error)
            for finding in found:
                if finding.is_failure and finding.sentence in told:
                    yield unchecked(name, f"see {told[finding.sentence]}")
                    continue
                told[finding.sentence] = name
                yield finding
            if not found:
                yield fine(name)

    def _found(self, name: str) -> tuple[list[Finding], DataOntapError | None]:
        """What a check found, and the error that ended it, which is a failure."""
        found: list[Finding] = []
        try:
            found.extend(self._checks[name]())
        except DataOntapError as error:
            return [*found, failure(name, str(error))], error
        return found, None


def _silence(name: str, error: DataOntapError) -> str:
    """Why the filer is asked nothing more after an error; "" if it may be asked."""
    if isinstance(error, TransportError):
        return "the filer does not accept LOGIN" if error.status in _REFUSED else "the filer does not answer"
    if isinstance(error, DeadlineError):
        return "no time is left"
    return f"see {name}" if name == "connection" else ""
