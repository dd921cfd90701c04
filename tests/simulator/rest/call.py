"""A REST call on its way through the filer: who calls, for which SVM, and what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulator.model import Account, Igroup, Key, Lun, Vserver
from tests.simulator.rest.bodies import Body
from tests.simulator.rest.codes import SVM_MISMATCH, SVM_MISSING, SVM_NOT_FOUND, Problem
from tests.simulator.rest.jobs import Jobs
from tests.simulator.rest.parameters import Parameters
from tests.simulator.rest.sight import Sight

if TYPE_CHECKING:
    from tests.simulator.filer import Filer


@dataclass(frozen=True)
class Call:
    """``scope`` is the only SVM that the caller sees, or None; ``place`` is what the path names."""

    filer: Filer
    login: Account
    scope: str | None
    sight: Sight
    jobs: Jobs
    method: str = "GET"
    place: Mapping[str, str] = field(default_factory=dict)
    parameters: Parameters = field(default_factory=Parameters)
    body: Body = field(default_factory=lambda: Body({}))

    @property
    def ontapi(self) -> int:
        """The release, as an ONTAPI minor version."""
        return self.filer.ontapi

    @property
    def svms(self) -> dict[str, Vserver]:
        """The SVMs that the caller sees, by name."""
        return {svm.name: svm for svm in self.filer.vservers.values() if self.scope in {None, svm.name}}

    @property
    def luns(self) -> Mapping[Key, Lun]:
        """The LUNs that collections show."""
        return self.sight.luns

    @property
    def igroups(self) -> Mapping[Key, Igroup]:
        """The igroups that collections show."""
        return self.sight.igroups

    def exact(self, name: str) -> tuple[str, ...] | None:
        """The values one of which a field must have, by the path or the query; None if it may be any."""
        return (self.place[name],) if name in self.place else self.parameters.exact(name)

    def forms(self, name: str) -> tuple[str, ...] | None:
        """As ``exact``, and forms with ``*`` among them."""
        found = self.parameters.conditions.get(name)
        return self.exact(name) or (found.forms if found is not None else None)

    def narrowed(self) -> list[str]:
        """The names of the SVMs that the answer can be about."""
        names, uuids = self.exact("svm.name"), self.exact("svm.uuid")
        return [
            svm.name
            for svm in self.svms.values()
            if (names is None or svm.name in names) and (uuids is None or svm.uuid in uuids)
        ]

    def svm(self) -> Vserver:
        """The SVM that the body names; an account of an SVM need not name it."""
        name, uuid = self.body.text("svm.name"), self.body.text("svm.uuid")
        if not name and not uuid:
            if self.scope is None:
                raise Problem(SVM_MISSING, "No SVM was specified. Either svm.name or svm.uuid must be supplied.")
            return self.svms[self.scope]
        found = [svm for svm in self.svms.values() if name in {svm.name, ""} and uuid in {svm.uuid, ""}]
        if found:
            return found[0]
        if name and uuid and any(name == svm.name or uuid == svm.uuid for svm in self.svms.values()):
            raise Problem(SVM_MISMATCH, "The svm.uuid and svm.name do not refer to the same SVM.")
        target = "svm.name" if name else "svm.uuid"
        raise Problem(SVM_NOT_FOUND, f"SVM {name or uuid} does not exist.", target=target)
