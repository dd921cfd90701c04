"""Every error this provider raises on purpose.

    DataOntapError
    |-- ContractError       Ganeti called us with a missing or malformed variable
    |-- ConfigError         the configuration file is wrong (file:line: OPTION: problem)
    |-- DeadlineError       the time for a step, or for the verb, is used up
    |-- VolumeError         the request would harm this volume or another volume
    |   `-- ChecksFailed    verify found a problem that would make a verb fail
    |-- OntapError          the filer could not be understood
    |   |-- TransportError  no usable answer: name, connection, TLS, timeout, HTTP status
    |   |   `-- ApiOff      the filer does not serve this API
    |   `-- Refusal         the filer refused a call
    |       |-- LunExists, NoSuchLun, NoSuchIgroup
    |       |-- LunMapped, LunIdTaken, MapConflict
    |       |-- NotAllowed
    |       `-- ApiSuspended
    `-- HostError           this node could not do its part
        |-- CommandError    a program could not be run, exited non-zero or ran out of time
        `-- DeviceError     a block device did not appear, vanish or resize, or is in use

``str(error)`` is one sentence for the admin. Code decides by an error's class and fields.
"""

from __future__ import annotations

from collections.abc import Sequence


class DataOntapError(Exception):
    """Any failure that has a class here. Any other exception is a bug.

    The sentence ends with ``remark``. If it is too long for a line, the text before the remark is cut.
    """

    remark = ""

    def add(self, remark: str) -> None:
        """End the sentence with ``remark``, which says what the failure leaves behind."""
        self.remark = remark

    def __str__(self) -> str:
        return "; ".join(filter(None, [super().__str__(), self.remark]))


class ContractError(DataOntapError):
    """A variable from Ganeti is missing, malformed or unknown to us."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")


class ConfigError(DataOntapError):
    """The configuration file cannot be used as it is."""


class DeadlineError(DataOntapError):
    """The time was over before ``step`` began or ended. ``limit`` names the limit that was reached."""

    def __init__(self, step: str, seconds: float, *, limit: str = "TIMEOUT") -> None:
        super().__init__(f"no time left for: {step} ({limit} is {seconds:g} s)")


class VolumeError(DataOntapError):
    """The volume's state does not allow the verb to continue."""


class ChecksFailed(VolumeError):
    """Checks failed. ``report`` has the findings of all checks, for standard output."""

    def __init__(self, message: str, report: str) -> None:
        super().__init__(message)
        self.report = report


class OntapError(DataOntapError):
    """The filer's answer could not be understood. ``transient`` is whether a retry may succeed."""

    transient = False


class TransportError(OntapError):
    """No usable answer came back.

    ``sent`` is whether the request may have reached the filer, which then may have carried it out. ``status`` is
    the HTTP status, if there was one. ``is_pending`` is whether the filer may still carry the request out.
    """

    is_pending = False

    def __init__(
        self, message: str, *, sent: bool = True, transient: bool = False, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.transient = transient
        self.status = status

    def during(self, step: str) -> TransportError:
        """This error, with the name of the ``step`` that failed."""
        return TransportError(f"{step}: {self}", sent=self.sent, transient=self.transient, status=self.status)


class ApiOff(TransportError):
    """The filer does not serve this API. Nothing was done."""


class Refusal(OntapError):
    """The filer refused a ``call``. ``code`` is its error number. The policy decides by the subclasses.

    ``transient`` is whether the filer was only busy.
    ``after_lost_answer`` is whether the same request was sent before and its answer was lost. A refusal that says
    "done already" then means that the earlier request did it.
    """

    def __init__(self, message: str, *, call: str = "", code: str = "", transient: bool = False) -> None:
        super().__init__(message)
        self.call = call
        self.code = code
        self.transient = transient
        self.after_lost_answer = False


class LunExists(Refusal):
    """A LUN of this name exists already."""


class NoSuchLun(Refusal):
    """There is no such LUN."""


class NoSuchIgroup(Refusal):
    """There is no such initiator group."""


class LunMapped(Refusal):
    """The LUN cannot be destroyed because it is mapped. The list of its maps may be older than that."""


class LunIdTaken(Refusal):
    """Another LUN has this LUN id in this group."""


class MapConflict(Refusal):
    """An initiator of the group sees this LUN, or another LUN with this id, through another group."""


class NotAllowed(Refusal):
    """The account may not make this call."""


class ApiSuspended(Refusal):
    """The filer serves this API no more, until an admin resumes it. Nothing was done."""


class HostError(DataOntapError):
    """This node could not do its part."""


class CommandError(HostError):
    """A program could not be ``started``, exited with ``status``, or was stopped at its timeout.

    ``output`` is what it printed before it exited.
    """

    def __init__(self, message: str, *, started: bool = True, status: int | None = None, output: str = "") -> None:
        super().__init__(message)
        self.started = started
        self.output = output
        self.status = status


class DeviceError(HostError):
    """A block device is not what it should be, or is still in use."""


class DeviceGone(DeviceError):
    """The device is no longer there. A killed script's commands may take it down until they end."""


class NoPath(DeviceError):
    """No path shows the LUN after a scan."""


def first_of(names: Sequence[str]) -> str:
    """The first two of ``names``, for a message, and how many more there are."""
    more = len(names) - 2
    return ", ".join(names[:2]) + (f" and {more} more" if more > 0 else "")
