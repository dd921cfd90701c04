"""Every error this provider raises on purpose.

    DataOntapError
    |-- ContractError       Ganeti called us with a missing or malformed variable
    |-- ConfigError         the configuration file is wrong (file:line: OPTION: problem)
    |-- DeadlineError       the time for a step, or the verb's, is used up
    |-- VolumeError         doing what was asked would harm this volume or another one
    |   `-- ChecksFailed    verify found what would fail a verb
    |-- OntapError          the filer could not be understood
    |   |-- TransportError  no usable answer: name, connection, TLS, timeout, HTTP status
    |   `-- Refusal         the filer said no
    |       |-- LunExists, NoSuchLun, NoSuchIgroup
    |       |-- LunIdTaken, MapConflict
    |       `-- NotAllowed
    `-- HostError           this node said no
        |-- CommandError    a program could not be run, exited non-zero or ran out of time
        `-- DeviceError     a block device did not appear, vanish or resize, or is in use

``str(error)`` is one sentence for the admin; what code must decide on are fields.
"""

from __future__ import annotations


class DataOntapError(Exception):
    """Any failure that has a name here; whatever else escapes is a bug.

    ``remark`` ends the sentence, and is told also where that is too long for a line.
    """

    remark = ""

    def add(self, remark: str) -> None:
        """Let the sentence end with ``remark``, of what the failure leaves behind."""
        self.remark = remark

    def __str__(self) -> str:
        return "; ".join(filter(None, [super().__str__(), self.remark]))


class ContractError(DataOntapError):
    """A variable of Ganeti's is missing, malformed or unknown to us."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")


class ConfigError(DataOntapError):
    """The configuration file cannot be used as it is."""


class DeadlineError(DataOntapError):
    """The time was over before ``step`` could begin or end; ``limit`` says which of a verb's limits that was."""

    def __init__(self, step: str, seconds: float, *, limit: str = "TIMEOUT") -> None:
        super().__init__(f"no time left for: {step} ({limit} is {seconds:g} s)")


class VolumeError(DataOntapError):
    """The volume is not in a state in which the verb may go on."""


class ChecksFailed(VolumeError):
    """Checks failed; ``report`` is what all of them found, for standard output."""

    def __init__(self, message: str, report: str) -> None:
        super().__init__(message)
        self.report = report


class OntapError(DataOntapError):
    """The filer's answer makes no sense to us. ``transient`` is whether it may go better next time."""

    transient = False


class TransportError(OntapError):
    """No usable answer came back.

    ``sent`` is whether the request may have reached the filer, and so may have been carried out; ``status`` the
    HTTP status where there was one.
    """

    def __init__(
        self, message: str, *, sent: bool = True, transient: bool = False, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.transient = transient
        self.status = status

    def during(self, step: str) -> TransportError:
        """This error, saying which ``step`` it came in."""
        return TransportError(f"{step}: {self}", sent=self.sent, transient=self.transient, status=self.status)


class Refusal(OntapError):
    """The filer refused a ``call``. ``code`` is its own word for why; classes say what the policy decides by.

    ``transient`` is whether the filer was only busy.
    ``after_lost_answer`` is whether the same request went out before and got no answer: a refusal that says "done
    already" then means that it was.
    """

    def __init__(self, message: str, *, call: str = "", code: str = "", transient: bool = False) -> None:
        super().__init__(message)
        self.call = call
        self.code = code
        self.transient = transient
        self.after_lost_answer = False


class LunExists(Refusal):
    """There is a LUN of this name already."""


class NoSuchLun(Refusal):
    """There is no such LUN."""


class NoSuchIgroup(Refusal):
    """There is no such initiator group."""


class LunIdTaken(Refusal):
    """The LUN id is another LUN's in this group."""


class MapConflict(Refusal):
    """An initiator of the group sees this LUN, or another one under this id, by way of another group."""


class NotAllowed(Refusal):
    """The account may not make this call."""


class HostError(DataOntapError):
    """This node could not do its part."""


class CommandError(HostError):
    """A program could not be ``started``, exited with ``status``, or was stopped at its time limit.

    ``output`` is what it said before it exited.
    """

    def __init__(self, message: str, *, started: bool = True, status: int | None = None, output: str = "") -> None:
        super().__init__(message)
        self.started = started
        self.output = output
        self.status = status


class DeviceError(HostError):
    """A block device is not what it should be, or somebody still uses it."""
