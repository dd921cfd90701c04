"""What is tried at each call: a fault, and what the admin has to read when the verb does not bear it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.simulator.faults import LISTS, Fault, is_list

ENOUGH = 60  # seconds: a verb that bears a fault needs a few of them even on a busy machine
SHORT = 2  # for verbs that a fault shall keep until their time is up
FOREVER = 600.0

_NO_ANSWER = r"(connection to \S+ failed|did not answer in time|does not answer \(|no time left)"
_NOT_XML = r"the answer is not XML"


@dataclass(frozen=True)
class Trial:
    """``cause`` is what the message has to match if the verb fails, and ``borne`` whether it must not.

    ``timeout`` is the verb's TIMEOUT. ``cut_off``: from this fault on nobody reaches the filer any more.
    ``once``: what becomes of it does not depend on the volume's state, so that one is enough for a verb's call.
    ``each_call_of``: the verbs for which it matters which of several calls of an API it strikes.
    """

    name: str
    fault: Fault
    cause: str
    borne: bool = False
    timeout: int = ENOUGH
    cut_off: bool = False
    once: bool = False
    each_call_of: tuple[str, ...] = ()

    def makes_sense_at(self, api: str) -> bool:
        """Before and after are the same for a call that only asks; and some are faults of lists."""
        if self.fault.kind in LISTS:
            return is_list(api)
        asks = any(part in api for part in ("-get-", "-list-")) or api.endswith("-info")
        return not (
            asks and any(trial.name == self.name.removesuffix(", done") for trial in TRIALS if trial != self)
        )

    def at(self, api: str, nth: int, volume: str) -> Fault:
        """The fault, at the ``nth`` call of ``api``; ``volume`` is the filer's, with the LUN that it is about."""
        return replace(self.fault, api=api, nth=nth, volume=volume)


def _errno(name: str, errno: str, reason: str, *, after: bool = False) -> Trial:
    return Trial(name, Fault("errno", errno=errno, reason=reason, after=after), rf"{reason} \(errno {errno}\)")


# Or that there is a LUN already: create does not need to know beforehand.
_UNLISTED = r"volume vol[12] could not be listed: is offline \(errno 13042\)|errno 9012"


def _unlisted(name: str, *verbs: str, with_rows: bool) -> Trial:
    """A list that passed, and yet says that it lacks the volume in which the LUN is."""
    fault = Fault("volume-errors", errno="13042", reason="is offline", after=with_rows)
    return Trial(name, fault, _UNLISTED, each_call_of=verbs)


def _both(trial: Trial) -> tuple[Trial, Trial]:
    """The fault before the filer acts, and after."""
    fault = replace(trial.fault, after=True)
    return trial, replace(trial, name=f"{trial.name}, done", fault=fault)


TRIALS = (
    _errno("errno 13001", "13001", "Job exists"),
    Trial(
        "errno 13003",
        Fault("errno", errno="13003", reason="Insufficient privileges"),
        "errno 13003|LOGIN may not",
        each_call_of=("verify",),
    ),
    _errno("errno 13005", "13005", "Unable to find API"),
    _errno("errno 13114, done", "13114", "Timeout: Operation timed out", after=True),
    Trial("busy twice", Fault("errno", errno="16", reason="Device busy", times=2), "errno 16", borne=True),
    *_both(Trial("reset", Fault("reset"), _NO_ANSWER, borne=True)),
    Trial("reset thrice", Fault("reset", times=3), _NO_ANSWER, borne=True),
    *_both(Trial("hangup", Fault("hangup"), _NO_ANSWER, borne=True, once=True)),
    *_both(Trial("truncated", Fault("truncated"), _NO_ANSWER, borne=True, once=True)),
    Trial("short, done", Fault("short", after=True), _NOT_XML),
    *_both(Trial("garbage", Fault("garbage"), _NOT_XML, once=True)),
    Trial("page, done", Fault("page", after=True), _NOT_XML, once=True),
    Trial("hollow, done", Fault("hollow", after=True), "announces|no usable|no device came up", timeout=10),
    _unlisted("volume unlisted", "attach", "remove", with_rows=False),  # in the disk's pool, or in all
    _unlisted("volume unlisted, LUN found", "remove", "post-remove", with_rows=True),
    Trial("miscounted", Fault("miscounted"), "announces"),
    Trial("endless", Fault("endless"), "have no end"),
    Trial("another", Fault("another"), "which was not asked for", each_call_of=("create",)),
    Trial("bomb, done", Fault("bomb", after=True), "declares XML entities|not XML", once=True),
    Trial("external, done", Fault("external", after=True), "declares XML entities", once=True),
    Trial("nested, done", Fault("nested", after=True), _NOT_XML, once=True),
    Trial("401", Fault("status", status=401), r"does not accept LOGIN .* \(HTTP status 401\)"),
    Trial("403", Fault("status", status=403), "HTTP status 403", once=True),
    *_both(Trial("500", Fault("status", status=500), "HTTP status 500", borne=True)),
    Trial("503 thrice", Fault("status", status=503, times=3), "HTTP status 503", borne=True),
    *_both(Trial("late", Fault("delay", seconds=0.3), _NO_ANSWER, borne=True, once=True)),
    *_both(Trial("silence", Fault("delay", seconds=FOREVER), _NO_ANSWER, timeout=SHORT)),
    Trial("drip, done", Fault("drip", seconds=0.2, after=True), _NO_ANSWER, timeout=SHORT),
    *_both(Trial("renewed", Fault("certificate", certificate="renewed"), _NO_ANSWER, borne=True)),
    *_both(
        Trial("foreign", Fault("certificate", certificate="foreign"), "from a CA not in CA_FILE", cut_off=True)
    ),
    *_both(Trial("takeover 1 s", Fault("takeover", seconds=1), _NO_ANSWER, borne=True)),
    *_both(Trial("takeover", Fault("takeover", seconds=FOREVER), _NO_ANSWER, timeout=SHORT, cut_off=True)),
)
