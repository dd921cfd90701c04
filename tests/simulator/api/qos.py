"""QoS policy groups: names that LUNs and volumes can bear.  Nobody is held back here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypedDict

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import DUPLICATE_ENTRY, OBJECT_IN_USE, OBJECT_NOT_FOUND, Refusal
from tests.simulator.filer import Filer
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import PolicyGroup

SHARED = ("vserver", "is-shared", "return-record")
DELETE_ITER = (
    "max-records",
    "tag",
    "continue-on-failure",
    "force",
    "max-failure-count",
    "return-failure-list",
    "return-success-list",
)


class Registration(TypedDict):
    """How an API is registered, beyond its arguments."""

    introduced: int
    tunnelled: bool


@dataclass(frozen=True)
class Family:
    """Plain policy groups, or adaptive ones, whose limits go with the size: the same APIs by other names."""

    prefix: str
    limits: tuple[str, ...]
    introduced: int

    @property
    def adaptive(self) -> bool:
        """Whether it is the one that goes with the size."""
        return bool(self.prefix)

    def name(self, action: str) -> str:
        """The name of one of its APIs."""
        return f"qos-{self.prefix}policy-group-{action}"


FAMILIES = (
    Family("", ("max-throughput", "min-throughput"), 20),
    Family(
        "adaptive-",
        (
            "absolute-min-iops",
            "block-size",
            "expected-iops",
            "expected-iops-allocation",
            "peak-iops",
            "peak-iops-allocation",
        ),
        140,
    ),
)


def require(call: Call, argument: str) -> str:
    """The policy group that an argument names, "" for none; one that is not there is refused."""
    name = call.text(argument)
    return "" if name in {"", "none"} else _find(call, call.named_vserver(), name).name


def _find(call: Call, vserver: str, name: str) -> PolicyGroup:
    group = call.filer.state.policy_groups.get((vserver, name))
    if group is None:
        raise Refusal(OBJECT_NOT_FOUND, "entry doesn't exist")
    return group


def _named(call: Call, argument: str) -> PolicyGroup:
    """The policy group that an argument names; asked on the cluster, the first vserver's that has it."""
    name = call.text(argument)
    if call.scope is not None:
        return _find(call, call.scope, name)
    owners = sorted(each.vserver for each in call.filer.state.policy_groups.values() if each.name == name)
    return _find(call, owners[0] if owners else "", name)


def _require_free(call: Call, vserver: str, name: str) -> None:
    if (vserver, name) in call.filer.state.policy_groups:
        raise Refusal(DUPLICATE_ENTRY, "duplicate entry")


def _users(filer: Filer, group: PolicyGroup) -> int:
    luns = filer.luns.values()
    return sum(
        lun.vserver == group.vserver and group.name in {lun.qos_policy_group, lun.qos_adaptive_policy_group}
        for lun in luns
    )


def _creating(family: Family) -> Callable[[Call], Tree]:
    def create(call: Call) -> Tree:
        vserver, name = call.named_vserver(), call.text("policy-group")
        _require_free(call, vserver, name)
        uuid, _, counted = call.filer.identity()
        group = PolicyGroup(vserver, name, uuid, family.adaptive, call.texts(*family.limits))
        call.filer.state.commit(group, counted)
        return {}

    return create


def _modifying(family: Family) -> Callable[[Call], Tree]:
    def modify(call: Call) -> Tree:
        group = _named(call, "policy-group")
        call.filer.state.commit(replace(group, limits={**group.limits, **call.texts(*family.limits)}))
        return {}

    return modify


def _rename(call: Call) -> Tree:
    group, name = _named(call, "policy-group-name"), call.text("new-name")
    _require_free(call, group.vserver, name)
    luns = [
        replace(lun, qos_adaptive_policy_group=name) if group.adaptive else replace(lun, qos_policy_group=name)
        for lun in call.filer.luns.values()
        if (lun.vserver, lun.qos_adaptive_policy_group if group.adaptive else lun.qos_policy_group) == group.key
    ]
    call.filer.state.commit(replace(group, name=name), *luns, gone=[group])
    return {}


def _delete(call: Call) -> Tree:
    group = _named(call, "policy-group")
    if _users(call.filer, group) and not call.flag("force"):
        raise Refusal(OBJECT_IN_USE, "The policy group is in use")
    call.filer.state.commit(gone=[group])
    return {}


def _of(call: Call, family: Family) -> dict[tuple[str, ...], PolicyGroup]:
    groups = call.filer.state.policy_groups.items()
    return {
        key: group
        for key, group in groups
        if group.adaptive == family.adaptive and call.scope in {None, group.vserver}
    }


def _describe(filer: Filer, group: PolicyGroup) -> Tree:
    return {
        **group.limits,
        "num-workloads": _users(filer, group),
        "pgid": 1,
        "policy-group": group.name,
        "policy-group-class": "user_defined",
        "uuid": group.uuid,
        "vserver": group.vserver,
    }


def _iterating(family: Family) -> tuple[Callable[[Call], Tree], Callable[[Call], Tree]]:
    listing = trees(f"qos-{family.prefix}policy-group-info", ("vserver", "policy-group"))

    def get_iter(call: Call) -> Tree:
        found = _of(call, family).items()
        return listing.answer(call, {key: _describe(call.filer, group) for key, group in found})

    def delete_iter(call: Call) -> Tree:
        """Delete what matches and is not in use (Cinder: those it has marked by their names)."""
        query = listing.query(call)
        found = [group for group in _of(call, family).values() if query.matches(_describe(call.filer, group))]
        idle = [group for group in found if not _users(call.filer, group)]
        call.filer.state.commit(gone=idle)
        return {"num-failed": len(found) - len(idle), "num-succeeded": len(idle)}

    return get_iter, delete_iter


def _register(family: Family) -> None:
    name = family.name
    anywhere: Registration = {"introduced": family.introduced, "tunnelled": False}
    made = (*family.limits, *SHARED)
    api(name("create"), "policy-group", optional=made, **anywhere)(_creating(family))
    api(name("modify"), "policy-group", optional=(*family.limits, "vserver"), **anywhere)(_modifying(family))
    api(name("rename"), "policy-group-name", "new-name", **anywhere)(_rename)
    api(name("delete"), "policy-group", optional=("force",), **anywhere)(_delete)
    get_iter, delete_iter = _iterating(family)
    api(name("get-iter"), optional=ITERATOR, **anywhere)(get_iter)
    api(name("delete-iter"), "query", optional=DELETE_ITER, **anywhere)(delete_iter)


for each in FAMILIES:
    _register(each)
