"""The simulated filer as an object: a ZAPI document in, an answer out, no sockets. ``rest`` is its REST side."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.simulator import api as handlers
from tests.simulator import documents, metrocluster, rights
from tests.simulator.call import APIS, Call
from tests.simulator.errnos import (
    API_AUTHENTICATION,
    API_ERROR,
    API_NOT_FOUND,
    API_SUSPENDED,
    LUN_MAPPING_CONFLICT,
    VSERVER_NOT_FOUND,
    Refusal,
)
from tests.simulator.geometry import largest
from tests.simulator.identity import object_uuid, serial
from tests.simulator.kinds import KINDS, Kind
from tests.simulator.model import Account, Cluster, Igroup, Key, Lun, Volume, Vserver
from tests.simulator.nodes import NODES
from tests.simulator.provision import add_session, provision, remove_session
from tests.simulator.rest.service import Rest
from tests.simulator.state import State

NEWEST = 180
# What a filer with SAN is licensed for.
LICENCES = frozenset({"base", "iscsi", "fcp", "flexclone", "snaprestore", "snapmirror"})
# Real ones take some hundreds, by model; programs that keep thousands in a volume shall be tried, too.
LUNS_PER_VOLUME = 100_000
ARGUMENTS_SHOWN = 200
ZAPI = ("on", "off", "suspended")
# The status of a call that a fault kept from the filer.
NOT_CARRIED_OUT = "not carried out"


@dataclass(frozen=True)
class Serving:
    """What the filer serves, and how REST does.

    ``zapi`` is "on", "off" or "suspended", which every call is refused by. Changes of LUNs over REST are jobs of
    ``job_seconds``, if there are any; a page has at most ``records`` records. The partner of the node
    ``taken_over``, if there is one, does its work.
    """

    rest: bool = True
    zapi: str = "on"
    job_seconds: float = 0.0
    records: int = 10_000
    taken_over: str = ""

    def __post_init__(self) -> None:
        if self.zapi not in ZAPI:
            raise ValueError(f"zapi {self.zapi!r}: there are {', '.join(ZAPI)}")
        if self.taken_over not in {"", *NODES}:
            raise ValueError(f"taken_over {self.taken_over!r}: there are {', '.join(NODES)}")
        if not isinstance(self.rest, bool) or not self.job_seconds >= 0 or self.records < 1:
            raise ValueError("rest is true or false, job_seconds are not negative, a page has records")


@dataclass(frozen=True)
class Answer:
    """An answer with what the request log tells about it."""

    document: bytes
    api: str | None = None
    vserver: str | None = None
    arguments: str = ""
    status: str = "passed"
    errno: str | None = None


class Filer:
    """A clustered ONTAP filer whose state lives in a directory and survives any kill.

    ``ontapi`` is the minor ONTAPI version it claims (180 is release 9.8); arguments newer than that are
    unknown to it.  ``seed`` makes all identities the same again.  Whether a clone inherits its source's
    comment is not known of real filers: ``clones_keep_comment`` chooses.  Nor is the errno of mapping a LUN
    to an initiator that has it by another igroup: ``map_conflict`` is one of the two that it may be, 9009 and
    9039.  Without the licence ``flexclone`` nothing is cloned.  A ``strict`` one refuses fields of a query that
    do not exist; real ones pass over them, or Ansible's na_ontap_volume would not work.  What lists say of LUNs in
    a volume that is not online is not known: ``lists_offline`` is that they are shown as not online; otherwise the
    list has the volume in its volume-errors.  ``portals`` are the
    addresses of each vserver's iSCSI interfaces, ``wwpns`` the names of the first one's FC interfaces, if LUNs are
    exported there.
    """

    def __init__(
        self,
        state: Path,
        *,
        ontapi: int = NEWEST,
        seed: str | None = None,
        clones_keep_comment: bool = True,
        portals: Sequence[str] = (),
        wwpns: Sequence[str] = (),
        map_conflict: int = LUN_MAPPING_CONFLICT,
        licences: frozenset[str] = LICENCES,
        luns_per_volume: int = LUNS_PER_VOLUME,
        strict: bool = False,
        lists_offline: bool = True,
        serving: Serving | None = None,
        kind: Kind = KINDS["unified"],
    ) -> None:
        if ontapi < kind.introduced:
            raise ValueError(
                f"ONTAPI 1.{ontapi} is too old for this kind of filer: it began with 1.{kind.introduced}"
            )
        handlers.load()
        self.kind = kind
        self.ontapi = ontapi
        self.clones_keep_comment = clones_keep_comment
        self.portals = portals
        self.wwpns = wwpns
        self.map_conflict = map_conflict
        self.licences = licences
        self.luns_per_volume = luns_per_volume
        self.strict = strict
        self.lists_offline = lists_offline
        self.serving = serving or Serving()
        self.state = State(state)
        self.begun: set[int] = set()  # consistency groups that are not committed
        self._one_at_a_time = threading.Lock()
        metrocluster.rename(self.state, back=True)
        provision(self.state, seed)
        self.rest = Rest(self)

    @property
    def zapi(self) -> str:
        """Whether there is ZAPI: "on", "off" or "suspended"."""
        return self.serving.zapi if self.kind.has_zapi else "off"

    @property
    def largest_lun(self) -> int:
        """In bytes."""
        return largest(self.ontapi, san_optimized=self.kind.san_optimized)

    @property
    def vservers(self) -> Mapping[Key, Vserver]:
        """(name,) -> vserver."""
        return self.state.vservers

    @property
    def volumes(self) -> Mapping[Key, Volume]:
        """(vserver, name) -> volume."""
        return self.state.volumes

    @property
    def luns(self) -> Mapping[Key, Lun]:
        """(vserver, path) -> LUN."""
        return self.state.luns

    @property
    def igroups(self) -> Mapping[Key, Igroup]:
        """(vserver, name) -> igroup."""
        return self.state.igroups

    @property
    def maps(self) -> Mapping[Key, Mapping[int, str]]:
        """(vserver, igroup) -> LUN id -> path."""
        return self.state.maps

    @property
    def cluster(self) -> Cluster:
        """The cluster's own record."""
        cluster = self.state.cluster
        if cluster is None:
            raise AssertionError("provision() made no cluster")
        return cluster

    def __call__(self, document: bytes, account: str | None = "admin") -> bytes:
        """The answer to a request that this account sent."""
        return self.answer(document, account).document

    def answer(self, document: bytes, account: str | None) -> Answer:
        """Like calling the filer, with the particulars that are logged."""
        api = vfiler = None
        arguments = ""
        try:
            request = documents.parse(document)
            api, vfiler, arguments = request.call.name, request.vfiler, _shown(request.call)
            with self._one_at_a_time:
                self.rest.settle()
                content = self._carry_out(request, account)
        except Refusal as refusal:
            answer = documents.failed(refusal.errno, refusal.reason, self.ontapi)
            return Answer(answer, api, vfiler, arguments, "failed", str(refusal.errno))
        return Answer(documents.passed(content, self.ontapi), api, vfiler, arguments)

    def authenticate(self, name: str, password: str, application: str = "ontapi") -> bool:
        """Whether that is a login of this filer, for ZAPI or for "http", which is REST."""
        account = self.state.accounts.get((name,))
        return account is not None and account.password == password and application in account.applications

    def knows(self, name: str, application: str) -> bool:
        """Whether a login by certificate has an account for this API."""
        account = self.state.accounts.get((name,))
        return application in account.applications if account is not None else application == "ontapi"

    def identity(self, ahead: int = 0) -> tuple[str, str, Cluster]:
        """A new UUID and serial number, and the cluster record to commit with what bears them.

        For several in one commit, ``ahead`` counts from 0, and the last one's cluster record is committed.
        """
        cluster = self.cluster
        number = cluster.made + 1 + ahead
        counted = Cluster(cluster.name, cluster.uuid, number)
        return object_uuid(cluster.uuid, number), serial(cluster.uuid, number), counted

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other request is carried out meanwhile."""
        with self._one_at_a_time:
            yield

    def serve(self, **changes: Any) -> None:
        """Serve otherwise from the next request on; a ValueError says what cannot be."""
        try:
            self.serving = replace(self.serving, **changes)
        except TypeError as error:
            raise ValueError(str(error)) from None

    def switch_over(self, *, back: bool = False) -> None:
        """MetroCluster's switchover or switchback: jobs and what collections lag behind with are forgotten."""
        with self._one_at_a_time:
            metrocluster.rename(self.state, back=back)
            self.rest = Rest(self)

    def log_in(self, vserver: str, initiator: str) -> None:
        """An initiator logs in to a vserver, also while requests are answered."""
        with self._one_at_a_time:
            add_session(self.state, vserver, initiator)

    def log_out(self, vserver: str, initiator: str) -> None:
        """It logs out again."""
        with self._one_at_a_time:
            remove_session(self.state, vserver, initiator)

    def close(self) -> None:
        """Let another process have the state directory."""
        self.state.close()

    def _carry_out(self, request: documents.Request, account: str | None) -> documents.Tree:
        login = self.state.accounts.get((account,)) if account is not None else None
        if login is None:
            raise Refusal(API_AUTHENTICATION, "Authorization failed")
        if self.zapi == "suspended":
            raise Refusal(API_SUSPENDED, "ONTAPI is suspended")
        scope = self._scope(request.vfiler, login)
        api = APIS.get(request.call.name)
        if api is None or self.ontapi < api.introduced or (api.cluster_only and scope is not None):
            where = f" on data vserver {scope}" if scope else ""
            raise Refusal(API_NOT_FOUND, f"Unable to find API: {request.call.name}{where}")
        if api.tunnelled and scope is None:
            # The text is Ansible's; its errno is not known.
            raise Refusal(API_ERROR, "Vserver API missing vserver parameter.")
        rights.require(login, self.state.roles, api.name)
        return api.handler(Call(self, request.call, api, login, scope))

    def _scope(self, vfiler: str | None, login: Account) -> str | None:
        """The vserver that a request is for, None for the cluster's own; a vserver's login can reach no other."""
        if vfiler is None:
            return login.vserver
        if vfiler == self.cluster.name and login.vserver is None:
            return None
        if (vfiler,) not in self.vservers or login.vserver not in {None, vfiler}:
            raise Refusal(VSERVER_NOT_FOUND, "Specified vserver not found")
        return vfiler


def _shown(call: documents.Node) -> str:
    """The arguments as one short line for the log."""
    shown = " ".join(f"{way[-1]}={text}" for way, text in call.leaves() if text)
    return shown if len(shown) <= ARGUMENTS_SHOWN else shown[: ARGUMENTS_SHOWN - 1] + "…"
