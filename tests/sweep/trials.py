"""What is tried at each call: a fault, and what the admin has to read when the verb does not bear it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.simulator.faults import Fault, is_rest

ENOUGH = 60  # seconds: a verb that bears a fault needs a few of them even on a busy machine
SHORT = 2  # for verbs that a fault shall keep until their time is up
FOREVER = 600.0

_NO_ANSWER = r"(connection to \S+ failed|did not answer in time|does not answer \(|no time left)"
# A refusal over REST that cannot be read has only its HTTP status: verify's probes are refused.
_REFUSED = "HTTP status 40[04]"
_NOT_ONTAPS = rf"the answer is not XML|is not ONTAP's JSON|{_REFUSED}"


@dataclass(frozen=True)
class Trial:
    """``cause`` is what the message has to match if the verb fails, and ``borne`` whether it must not.

    ``timeout`` is the verb's TIMEOUT. ``cut_off``: from this fault on nobody reaches the filer any more.
    ``once``: what becomes of it does not depend on the volume's state, so that one is enough for a verb's call.
    ``each_call_of``: the verbs for which it matters which of several calls of an API it strikes.
    ``alike``: what becomes of it depends on whether the call only asks, and not on which call it is.
    ``any_verb``: what becomes of it depends on the call, and not on the verb that makes it.
    ``over``: the APIs that have it.
    """

    name: str
    fault: Fault
    cause: str
    borne: bool = False
    timeout: int = ENOUGH
    cut_off: bool = False
    once: bool = False
    each_call_of: tuple[str, ...] = ()
    alike: bool = False
    any_verb: bool = False
    over: tuple[str, ...] = ("rest", "zapi")

    def makes_sense_at(self, api: str) -> bool:
        """Before and after are the same for a call that only asks; and some are faults of lists, or of one API."""
        if not self.fault.may_befall(api) or ("rest" if is_rest(api) else "zapi") not in self.over:
            return False
        return not (
            only_asks(api)
            and any(trial.name == self.name.removesuffix(", done") for trial in TRIALS if trial != self)
        )

    def at(self, api: str, nth: int, volume: str) -> Fault:
        """The fault, at the ``nth`` call of ``api``; ``volume`` is the filer's, with the LUN that it is about."""
        return replace(self.fault, api=api, nth=nth, volume=volume)


def only_asks(api: str) -> bool:
    """Whether a call changes nothing."""
    return api.startswith("GET ") or any(part in api for part in ("-get-", "-list-")) or api.endswith("-info")


def _errno(name: str, errno: str, reason: str, *, after: bool = False) -> Trial:
    """A refusal of ZAPI's."""
    fault = Fault("errno", errno=errno, reason=reason, after=after)
    return Trial(name, fault, rf"{reason} \(errno {errno}\)", over=("zapi",))


def _code(name: str, code: str, *, kind: str = "errno", seconds: float = 0.0) -> Trial:
    """A refusal of REST's."""
    fault = Fault(kind, errno=code, reason="injected", seconds=seconds)
    return Trial(name, fault, rf"injected \(code {code}\)", any_verb=kind == "errno", over=("rest",))


def _lags(name: str, fault: Fault) -> Trial:
    """REST says less than is so, for a while."""
    return Trial(name, fault, "never", borne=True, over=("rest",))


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
        over=("zapi",),
    ),
    _errno("errno 13005", "13005", "Unable to find API"),
    _errno("errno 13114, done", "13114", "Timeout: Operation timed out", after=True),
    *_both(_code("code 999999", "999999")),
    Trial(
        "code 6",
        Fault("errno", errno="6", reason="not authorized"),
        "code 6|LOGIN may not",
        any_verb=True,
        over=("rest",),
    ),
    _code("code 3", "3"),
    _code("job failed", "999999", kind="job", seconds=0.1),
    _lags("job", Fault("job", seconds=0.3, after=True)),
    _lags("stale", Fault("stale", seconds=1)),
    _lags("unready", Fault("unready")),
    Trial(
        "errno 16 twice",
        Fault("errno", errno="16", reason="Device busy", times=2),
        "errno 16",
        borne=True,
        any_verb=True,
        over=("zapi",),
    ),
    Trial(
        "code 8 twice",
        Fault("errno", errno="8", reason="in use", times=2),
        "code 8",
        borne=True,
        any_verb=True,
        over=("rest",),
    ),
    *_both(Trial("reset", Fault("reset"), _NO_ANSWER, borne=True, any_verb=True)),
    Trial("reset thrice", Fault("reset", times=3), _NO_ANSWER, borne=True, alike=True),
    *_both(Trial("hangup", Fault("hangup"), _NO_ANSWER, borne=True, once=True, alike=True)),
    *_both(Trial("truncated", Fault("truncated"), _NO_ANSWER, borne=True, once=True, alike=True)),
    Trial("short, done", Fault("short", after=True), _NOT_ONTAPS, alike=True),
    *_both(Trial("garbage", Fault("garbage"), _NOT_ONTAPS, once=True, alike=True)),
    Trial("page, done", Fault("page", after=True), _NOT_ONTAPS, once=True, alike=True),
    Trial(
        "hollow, done",
        Fault("hollow", after=True),
        f"announces|no usable|no device came up|{_REFUSED}",
        timeout=10,
    ),
    _unlisted("volume unlisted", "attach", "remove", with_rows=False),  # in the disk's pool, or in all
    _unlisted("volume unlisted, LUN found", "remove", "post-remove", with_rows=True),
    Trial("miscounted", Fault("miscounted"), "announces"),
    Trial("endless", Fault("endless"), "have no end"),
    Trial("another", Fault("another"), "not asked for", each_call_of=("create",)),
    Trial("bomb, done", Fault("bomb", after=True), "declares XML entities|not XML", once=True, alike=True),
    Trial("external, done", Fault("external", after=True), "declares XML entities", once=True, alike=True),
    Trial("nested, done", Fault("nested", after=True), _NOT_ONTAPS, once=True, alike=True),
    Trial("401", Fault("status", status=401), r"does not accept LOGIN .* \(HTTP status 401\)", any_verb=True),
    Trial("403", Fault("status", status=403), "HTTP status 403", once=True, alike=True),
    *_both(Trial("500", Fault("status", status=500), "HTTP status 500", borne=True, alike=True)),
    Trial("503 thrice", Fault("status", status=503, times=3), "HTTP status 503", borne=True, alike=True),
    Trial("429 thrice", Fault("status", status=429, times=3), "HTTP status 429", borne=True, alike=True),
    *_both(Trial("late", Fault("delay", seconds=0.3), _NO_ANSWER, borne=True, once=True, alike=True)),
    *_both(Trial("silence", Fault("delay", seconds=FOREVER), _NO_ANSWER, timeout=SHORT, alike=True)),
    Trial("drip, done", Fault("drip", seconds=0.2, after=True), _NO_ANSWER, timeout=SHORT, alike=True),
    *_both(Trial("renewed", Fault("certificate", certificate="renewed"), _NO_ANSWER, borne=True, alike=True)),
    *_both(
        Trial("foreign", Fault("certificate", certificate="foreign"), "from a CA not in CA_FILE", cut_off=True)
    ),
    *_both(Trial("takeover 1 s", Fault("takeover", seconds=1), _NO_ANSWER, borne=True, alike=True)),
    *_both(Trial("takeover", Fault("takeover", seconds=FOREVER), _NO_ANSWER, timeout=SHORT, cut_off=True)),
)
