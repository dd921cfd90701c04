"""The verbs and hooks, each in the states of a volume that make it ask the filer other things."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Callable

from tests.simulator.filer import NEWEST
from tests.sweep.lab import FOREIGN_GROUP, GROUP, OTHER_GROUP, OWN_GROUP, Lab
from tests.testbed.hook_calls import CALLS, NAME, UUID
from tests.testbed.inventory import SERIAL, Lun, View
from tests.testbed.node import Outcome

TAG = f"dataontap:2:cluster.example:{UUID}:disk:{SERIAL}"
# What create knows, which does not know the serial number; what earlier versions wrote; what a copy has.
NEW_TAG = TAG.replace(SERIAL, "-")
OLD_TAG = f"dataontap:1:cluster.example:{UUID}:disk"
COPYS_TAG = TAG.replace(SERIAL, "0" * 24)
SNAP_TAG = f"dataontap:2:cluster.example:{UUID}:snap:-"
PATH = f"/vol/vol1/{NAME}"
SNAP = f"{PATH}.snap"
ELSEWHERE = f"/vol/vol2/{NAME}"
DATA = b"what the guest has written"
WHOLE = Lun(16, TAG, (GROUP,), DATA)
UNMAPPED = WHOLE._replace(groups=())
COMMON = {"VOL_NAME": NAME, "VOL_UUID": UUID, "EXTP_PROVIDER": "dataontap", "EXTP_ACCESS": "kernelspace"}
_SIZES = {"VOL_SIZE": "16", "VOL_NEW_SIZE": "24"}
_SNAPSHOT = {"VOL_SNAPSHOT_NAME": f"{NAME}.snap", "VOL_SNAPSHOT_SIZE": "16"}
_OLD = b"of an export that broke off"
# The older one does not take a comment at creation, nor an exact size.
OLD_ONTAPI = 100

Run = Callable[[Lab], Outcome]


@dataclass(frozen=True)
class Scenario:
    """``run`` in the state ``before`` gives the state ``after``; ``again`` is what Ganeti does when it failed.

    A failed run may leave the state before, the one after, or any of ``between``. ``refusal``, where there is one,
    is how the verb's message ends up even when nothing goes wrong. ``attached``: the device is here before.
    ``shown``: whose device must be here after success, None for no such demand; ``hidden``: whose must not.
    ``makes``: the LUN that it makes.
    ``per_node``: the node has a group of its own; ``has_group``: it is there. ``first``: scripts that ran before.
    ``enough``: a state that success under a fault may leave instead of the one after.
    ``apart``: faults come to another outcome here than in the verb's other scenarios.
    ``each_call``: it matters which of several calls of an API a fault strikes.
    """

    name: str
    run: Run
    before: View = field(default_factory=dict)
    after: View = field(default_factory=dict)
    between: tuple[View, ...] = ()
    again: Run | None = None
    refusal: str | None = None
    ontapi: int = NEWEST
    attached: bool = False
    shown: str | None = None
    hidden: str | None = None
    makes: str | None = None
    answers: bool = False
    per_node: bool = False
    has_group: bool = False
    enough: View | None = None
    first: tuple[Run, ...] = ()
    apart: bool = False
    each_call: bool = False

    @property
    def kind(self) -> tuple[bool, bool, str]:
        """What its faults' outcomes depend on, beside the verb; see choice.py."""
        return (self.refusal is not None, self.makes is not None, self.name if self.apart else "")

    def is_over(self, api: str) -> bool:
        """Whether it is one of this API's: only ZAPI's calls are others on an older filer."""
        return api == "zapi" or self.ontapi == NEWEST

    @property
    def verb(self) -> str:
        """Which verb or hook it is, in whatever state of the volume."""
        return self.name.removeprefix("n: ").partition(" (")[0]

    @property
    def volume(self) -> str:
        """The filer's volume that the LUN is in, or would be."""
        return next(iter({**self.before, **self.after}), PATH).split("/")[2]

    def prepare(self, lab: Lab) -> None:
        """Make the state before."""
        if self.has_group:
            lab.add_own_group()
        for path, lun in self.before.items():
            lab.inventory.add(path, lun)
        if self.attached:
            lab.quick.fabric("attach")
        for step in self.first:
            outcome = step(lab)
            assert outcome.status == 0, outcome.stderr


def script(verb: str, **variables: str) -> Run:
    """Run a script as Ganeti does."""
    return lambda lab: lab.quick.script(verb, **{**COMMON, **variables})


def hook(name: str, **variables: str) -> Run:
    """Run a hook as Ganeti does."""
    return lambda lab: lab.quick.hook(name, {**CALLS[name], **variables})


def removal(lab: Lab, name: str = NAME, verbs: tuple[str, ...] = ("attach", "detach", "remove")) -> Outcome:
    """Each of Ganeti's attempts is a cycle; it takes a volume that it cannot attach for removed."""
    for verb in verbs:
        outcome = lab.quick.script(verb, **{**COMMON, "VOL_NAME": name, "VOL_OPEN_EXCLUSIVE": "True"})
        if outcome.status != 0:
            gone = verb == "attach" and "there is no LUN" in outcome.message
            return Outcome(0, "", outcome.stderr, outcome.seconds) if gone else outcome
    return outcome


def _in_turn(*steps: Run) -> Run:
    """Run these until one fails."""

    def run(lab: Lab) -> Outcome:
        for step in steps:
            outcome = step(lab)
            if outcome.status != 0:
                break
        return outcome

    return run


_CREATE = script("create", **_SIZES)
_CREATE_NOWHERE = script("create", **_SIZES, EXTP_IGROUP="none")
_NEW = WHOLE._replace(comment=NEW_TAG, data=b"")
_OLD_ONE = WHOLE._replace(comment=OLD_TAG)
_COPY = WHOLE._replace(comment=COPYS_TAG)
_MADE = {PATH: _NEW}
_REMOVE = script("remove")
_HERE: View = {PATH: WHOLE}
_REMOVAL = {"GANETI_MASTER": "node2.example", "GANETI_INSTANCE_DISK_COUNT": "1"}
# In another pool than its own an unmapped LUN is not taken for the volume, unless its removal was begun.
_BEGUN = WHOLE._replace(comment=f"being removed {NEW_TAG}")
_OWN = WHOLE._replace(groups=(OWN_GROUP,))
_OTHERS = WHOLE._replace(groups=(OTHER_GROUP,))
_SHARED = WHOLE._replace(groups=(OTHER_GROUP, OWN_GROUP))
_OWN_MADE = {PATH: _NEW._replace(groups=(OWN_GROUP,))}
_ATTACH = script("attach")
_OPEN = script("open", VOL_OPEN_EXCLUSIVE="True")
_SETINFO = script("setinfo", VOL_METADATA="originstname+inst1.example")
_NAMED = f"originstname+inst1.example {TAG}"
_CLONE = WHOLE._replace(comment=SNAP_TAG)
_LEFTOVER = {PATH: WHOLE, SNAP: _CLONE._replace(data=_OLD)}


def _of(path: str, *states: Lun) -> tuple[View, ...]:
    return tuple({path: state} for state in states)


# On a node that has a group of its own.
_per_node = partial(Scenario, per_node=True, has_group=True)

SCENARIOS = (
    Scenario("create", _CREATE, after=_MADE, shown=PATH, makes=PATH),
    Scenario("create (old)", _CREATE, after=_MADE, shown=PATH, makes=PATH, ontapi=OLD_ONTAPI),
    Scenario("create (no group)", _CREATE_NOWHERE, makes=PATH, refusal="not among ALLOWED_IGROUPS"),
    Scenario("create (exists)", _CREATE, before=_HERE, after=_HERE, refusal="there is a LUN .* already"),
    Scenario("attach", script("attach"), before=_HERE, after=_HERE, shown=PATH, answers=True),
    # A device that is here is enough, whatever the filer says.
    Scenario(
        "attach (here)",
        _ATTACH,
        before=_HERE,
        after=_HERE,
        attached=True,
        shown=PATH,
        answers=True,
        apart=True,
    ),
    Scenario(
        "attach (unmapped)",
        script("attach"),
        before={PATH: UNMAPPED},
        after={PATH: WHOLE},
        shown=PATH,
        answers=True,
    ),
    Scenario("attach (absent)", script("attach"), refusal="there is no LUN"),
    Scenario(
        "attach (other pool)",
        script("attach"),
        before={ELSEWHERE: WHOLE},
        after={ELSEWHERE: WHOLE},
        shown=ELSEWHERE,
        answers=True,
    ),
    # Those of earlier versions get their tag, if the filer lets us; one in another pool has to have it.
    Scenario(
        "attach (old tag)",
        _ATTACH,
        before={PATH: _OLD_ONE},
        after=_HERE,
        enough={PATH: _OLD_ONE},
        shown=PATH,
        answers=True,
        apart=True,
    ),
    Scenario(
        "attach (old tag elsewhere)",
        _ATTACH,
        before={ELSEWHERE: _OLD_ONE},
        after={ELSEWHERE: WHOLE},
        shown=ELSEWHERE,
        answers=True,
    ),
    Scenario("attach (copy)", _ATTACH, before={ELSEWHERE: _COPY}, after={ELSEWHERE: _COPY}, refusal="is a copy"),
    Scenario("detach", script("detach"), before=_HERE, after=_HERE, attached=True, hidden=PATH),
    Scenario("open", _OPEN, before=_HERE, after=_HERE, attached=True),
    Scenario(
        "open (shared)", script("open", VOL_OPEN_EXCLUSIVE="False"), before=_HERE, after=_HERE, attached=True
    ),
    Scenario("close", script("close"), before=_HERE, after=_HERE, attached=True),
    Scenario("setinfo", _SETINFO, before=_HERE, after={PATH: WHOLE._replace(comment=_NAMED)}),
    # Of a volume that Ganeti is making, and forgets when this fails.
    Scenario(
        "setinfo (new)",
        _SETINFO,
        after={PATH: WHOLE._replace(comment=_NAMED, data=b"")},
        shown=PATH,
        makes=PATH,
        first=(_CREATE,),
        again=_in_turn(_CREATE, _SETINFO),
    ),
    Scenario(
        "grow",
        script("grow", **_SIZES),
        before=_HERE,
        after={PATH: WHOLE._replace(size=24)},
        attached=True,
        shown=PATH,
    ),
    Scenario(
        "snapshot",
        script("snapshot", **_SNAPSHOT),
        before=_HERE,
        after={PATH: WHOLE, SNAP: _CLONE},
        makes=SNAP,
    ),
    Scenario(
        "snapshot (larger)",
        script("snapshot", **{**_SNAPSHOT, "VOL_SNAPSHOT_SIZE": "24"}),
        before=_HERE,
        after={PATH: WHOLE, SNAP: _CLONE._replace(size=24)},
        makes=SNAP,
    ),
    Scenario(
        "snapshot (left-over)",
        script("snapshot", **_SNAPSHOT),
        before=_LEFTOVER,
        after={PATH: WHOLE, SNAP: _CLONE},
        between=({PATH: WHOLE}, {PATH: WHOLE, SNAP: _CLONE._replace(groups=(), data=_OLD)}),
        makes=SNAP,
    ),
    Scenario(
        "remove",
        _REMOVE,
        before=_HERE,
        hidden=PATH,
        between=_of(PATH, UNMAPPED),
        again=removal,
        attached=True,
    ),
    Scenario("remove (absent)", _REMOVE, again=removal),
    Scenario(
        "remove (other pool)",
        _REMOVE,
        before={ELSEWHERE: WHOLE},
        between=_of(ELSEWHERE, UNMAPPED),
        again=removal,
    ),
    Scenario(
        "remove (old tag elsewhere)",
        _REMOVE,
        before={ELSEWHERE: _OLD_ONE},
        between=_of(ELSEWHERE, _BEGUN, _BEGUN._replace(groups=())),
        again=removal,
    ),
    Scenario(
        "remove (copy)",
        _REMOVE,
        before={PATH: WHOLE, ELSEWHERE: _COPY},
        after={ELSEWHERE: _COPY},
        between=({PATH: UNMAPPED, ELSEWHERE: _COPY},),
        again=_REMOVE,
    ),
    Scenario(
        "remove (foreign map)",
        _REMOVE,
        before={PATH: WHOLE._replace(groups=(FOREIGN_GROUP, GROUP))},
        after={PATH: WHOLE._replace(groups=(FOREIGN_GROUP, GROUP))},
        refusal=f"also mapped to {FOREIGN_GROUP}",
    ),
    Scenario("verify", script("verify"), answers=True, each_call=True),
    Scenario("pre-migrate", hook("pre-migrate"), before=_HERE, after=_HERE, shown=PATH),
    Scenario("pre-failover", hook("pre-failover"), before=_HERE, after=_HERE, shown=PATH),
    Scenario("post-remove", hook("post-remove", **_REMOVAL), before=_HERE, between=_of(PATH, UNMAPPED)),
    Scenario("post-remove (gone)", hook("post-remove", **_REMOVAL)),
    Scenario(
        "cleanup",
        lambda lab: lab.quick.module("dataontap.cleanup", NAME),
        hidden=PATH,
        attached=True,
        before=_HERE,
        after=_HERE,
    ),
    # With an initiator group per node. What this node has mapped, and what it shares with the other one:
    Scenario("n: create (first)", _CREATE, after=_OWN_MADE, shown=PATH, makes=PATH, per_node=True),
    _per_node("n: create", _CREATE, after=_OWN_MADE, shown=PATH, makes=PATH),
    _per_node(
        "n: attach",
        _ATTACH,
        before={PATH: _OTHERS},
        after={PATH: _SHARED},
        shown=PATH,
        answers=True,
    ),
    _per_node(
        "n: open",
        _OPEN,
        before={PATH: _SHARED},
        after={PATH: _OWN},
        shown=PATH,
        first=(_ATTACH,),
    ),
    _per_node(
        "n: open (new)",
        _OPEN,
        after=_OWN_MADE,
        shown=PATH,
        makes=PATH,
        first=(_CREATE,),
        again=_in_turn(_CREATE, _OPEN),
    ),
    _per_node(
        "n: open (closed)",
        _OPEN,
        before={PATH: _SHARED},
        after={PATH: _OWN},
        shown=PATH,
        first=(_ATTACH, script("close")),
    ),
    _per_node(
        "n: open (cut off)",
        _OPEN,
        before={PATH: _OTHERS},
        after={PATH: _OWN},
        between=_of(PATH, _SHARED),
        shown=PATH,
    ),
    _per_node(
        "n: close",
        script("close"),
        before={PATH: _SHARED},
        after={PATH: _SHARED},
        first=(_ATTACH,),
    ),
    _per_node(
        "n: detach",
        script("detach"),
        hidden=PATH,
        before={PATH: _SHARED},
        after={PATH: _OTHERS},
        enough={PATH: _SHARED},
        first=(_ATTACH,),
        apart=True,  # a filer that does not unmap is no failure
    ),
    _per_node(
        "n: remove",
        _REMOVE,
        hidden=PATH,
        before={PATH: _SHARED},
        between=_of(PATH, _OWN, _OTHERS, UNMAPPED),
        again=removal,
        first=(_ATTACH,),
    ),
    _per_node(
        "n: snapshot",
        script("snapshot", **_SNAPSHOT),
        before={PATH: _OWN},
        after={PATH: _OWN, SNAP: _OWN._replace(comment=SNAP_TAG)},
        makes=SNAP,
    ),
    _per_node(
        "n: pre-migrate",
        hook("pre-migrate"),
        before={PATH: _OTHERS},
        after={PATH: _SHARED},
        shown=PATH,
    ),
    _per_node(
        "n: post-remove",
        hook("post-remove", **_REMOVAL),
        before={PATH: _SHARED},
        between=_of(PATH, _OWN, _OTHERS, UNMAPPED),
    ),
)
