"""What management software asks a filer before it starts, and by whom it may be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.api import load
from tests.simulator.call import APIS
from tests.simulator.commands import COMMANDS
from tests.simulator.filer import Filer
from tests.simulator.provision import add_account, add_vserver
from tests.unit.zapi import Arguments, Refused, ask, errno_of, texts

GROUP = {"initiator-group-name": "g", "initiator-group-type": "iscsi"}
NODES = ["cluster1-01", "cluster1-02"]


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer as it comes, with an SVM's login."""
    filer = Filer(tmp_path, seed="cluster")
    add_vserver(filer.state, "empty")
    add_account(filer.state, "vsadmin", "x", "svm1")
    return filer


CLUSTER_ONLY: list[tuple[str, Arguments]] = [
    ("system-node-get-iter", {}),
    ("cluster-identity-get", {}),
    ("license-v2-list-info", {}),
    ("aggr-get-iter", {}),
    ("aggr-space-get-iter", {}),
    ("aggr-options-list-info", {"aggregate": "aggr1"}),
    ("storage-disk-get-iter", {}),
    ("cluster-node-get-iter", {}),
    ("vserver-create", {"vserver-name": "svm3"}),
    ("vserver-stop", {"vserver-name": "svm1"}),
    ("vserver-start", {"vserver-name": "svm1"}),
    ("vserver-destroy", {"vserver-name": "empty"}),
]


@pytest.mark.parametrize(("api", "arguments"), CLUSTER_ONLY)
def test_the_clusters_apis_are_not_found_on_a_vserver(filer: Filer, api: str, arguments: Arguments) -> None:
    assert errno_of(filer, api, arguments, vserver=None) == 0
    missing = rf"^13005 Unable to find API: {api} on data vserver svm1$"
    with pytest.raises(Refused, match=missing):
        ask(filer, api, arguments)
    with pytest.raises(Refused, match=missing):
        ask(filer, api, arguments, vserver=None, account="vsadmin")
    listed = ask(filer, "system-user-capability-get-iter", {"max-records": 500}, vserver=None, account="vsadmin")
    assert api not in ",".join(texts(listed, "api-name")).split(",")


def test_every_cluster_api_is_among_these() -> None:
    load()
    assert {name for name, api in APIS.items() if api.cluster_only} == {name for name, _ in CLUSTER_ONLY}


def test_every_api_has_its_command() -> None:
    load()
    assert sorted(APIS) == sorted(COMMANDS)


def test_the_cluster_can_be_tunnelled_to_by_its_name(filer: Filer) -> None:
    """Cinder sends its EMS messages there."""
    assert texts(ask(filer, "aggr-get-iter", vserver="cluster1"), "aggregate-name") == ["aggr1", "aggr2"]
    with pytest.raises(Refused, match="^15698 "):
        ask(filer, "vserver-get-iter", vserver="cluster1", account="vsadmin")


def test_nodes_aggregates_disks(filer: Filer) -> None:
    assert texts(ask(filer, "system-node-get-iter", vserver=None), "node") == NODES
    query = {"aggr-attributes": {"aggregate-name": "aggr2"}}
    found = ask(filer, "aggr-get-iter", {"query": query}, vserver=None)
    assert [texts(found, name) for name in ("aggregate-name", "home-name", "raid-type")] == [
        ["aggr2"],
        [NODES[1]],
        ["raid_dp"],
    ]
    assert errno_of(filer, "aggr-options-list-info", {"aggregate": "none"}, vserver=None) == 14420
    disks = ask(filer, "storage-disk-get-iter", {"max-records": 100}, vserver=None)
    assert set(texts(disks, "effective-disk-type")) == {"SAS"}
    own = ask(filer, "vserver-show-aggr-get-iter", vserver=None, account="vsadmin")
    assert texts(own, "aggregate-name") == ["aggr1", "aggr2"]


def test_vservers_of_every_type(filer: Filer) -> None:
    def of_type(kind: str) -> list[str]:
        query = {"query": {"vserver-info": {"vserver-type": kind}}}
        return texts(ask(filer, "vserver-get-iter", query, vserver=None), "vserver-name")

    assert [of_type(kind) for kind in ("admin", "node", "data")] == [["cluster1"], NODES, ["empty", "svm1"]]
    assert texts(ask(filer, "vserver-get"), "root-volume") == ["svm1_root"]


def test_a_vserver_comes_and_goes(filer: Filer) -> None:
    named = {"vserver-name": "new"}
    root = {"root-volume": "new_root", "root-volume-aggregate": "aggr1", "root-volume-security-style": "unix"}
    assert errno_of(filer, "vserver-create", {**named, "root-volume-aggregate": "none"}, vserver=None) == 14420
    assert errno_of(filer, "vserver-create", {**named, **root}, vserver=None) == 0
    assert errno_of(filer, "vserver-create", named, vserver=None) == 14922
    assert errno_of(filer, "igroup-create", GROUP, vserver="new") == 0
    volume = {"volume": "v", "containing-aggr-name": "aggr1"}
    assert errno_of(filer, "volume-create", volume, vserver="new") == 0
    ask(filer, "vserver-stop", named, vserver=None)
    query = {"query": {"vserver-info": named}}
    shown = ask(filer, "vserver-get-iter", query, vserver=None)
    assert texts(shown, "operational-state") == ["stopped"]
    assert errno_of(filer, "vserver-destroy", named, vserver=None) == 13001
    ask(filer, "volume-destroy", {"name": "v", "unmount-and-offline": "true"}, vserver="new")
    assert errno_of(filer, "vserver-destroy", named, vserver=None) == 0
    assert errno_of(filer, "igroup-get-iter", vserver="new") == 15698
    assert errno_of(filer, "vserver-destroy", named, vserver=None) == 15698
    assert not [key for key in filer.igroups if key[0] == "new"]


def test_deduplication_and_mirrors(filer: Filer) -> None:
    query = {"query": {"sis-status-info": {"path": "/vol/vol1"}}}
    assert texts(ask(filer, "sis-get-iter", query), "state") == ["disabled"]
    assert texts(ask(filer, "clone-split-status", {"volume-name": "vol1"}), "unsplit-size") == ["0"]
    assert errno_of(filer, "clone-split-status", {"volume-name": "none"}) == 13040
    for api in ("snapmirror-get-iter", "snapmirror-get-destination-iter", "vserver-peer-get-iter"):
        assert texts(ask(filer, api), "num-records") == ["0"]


def test_performance_counters(filer: Filer) -> None:
    known = ask(filer, "perf-object-counter-list-info", {"objectname": "processor"}, vserver=None)
    assert texts(known, "name") == ["domain_busy", "processor_elapsed_time"]
    assert errno_of(filer, "perf-object-counter-list-info", {"objectname": "coffee"}, vserver=None) == 13115
    asked = {
        "objectname": "processor",
        "instance-uuids": {"instance-uuid": "cluster1-01:kernel:processor"},
        "counters": {"counter": "domain_busy"},
    }
    data = ask(filer, "perf-object-get-instances", asked, vserver=None)
    assert (texts(data, "uuid"), texts(data, "value")) == (["cluster1-01:kernel:processor"], ["1,1,1,1"])
    listed = ask(filer, "perf-object-instance-list-info-iter", {"objectname": "system"}, vserver=None)
    assert texts(listed, "uuid") == ["cluster1-01:kernel:system", "cluster1-02:kernel:system"]


def test_types_of_which_not_every_field_is_known_may_be_asked_for_any(filer: Filer) -> None:
    wanted = {"desired-attributes": {"node-details-info": {"node": "", "node-colour": ""}}}
    assert texts(ask(filer, "system-node-get-iter", wanted, vserver=None), "node") == NODES


def test_roles_and_logins_are_made_by_programs_too(filer: Filer) -> None:
    right = {"role-name": "r", "command-directory-name": "lun show", "access-level": "readonly"}
    assert errno_of(filer, "security-login-role-create", right) == 0
    assert errno_of(filer, "security-login-role-create", right) == 13130
    login = {
        "user-name": "u",
        "application": "ontapi",
        "authentication-method": "password",
        "role-name": "r",
        "password": "pw",
    }
    assert errno_of(filer, "security-login-create", {**login, "role-name": "none-such"}) == 16031
    assert errno_of(filer, "security-login-create", login) == 0
    assert errno_of(filer, "security-login-create", login) == 13130
    assert filer.authenticate("u", "pw")
    assert texts(ask(filer, "lun-get-iter", vserver=None, account="u"), "num-records") == ["0"]
    with pytest.raises(Refused, match="^13003 "):
        ask(filer, "volume-get-iter", vserver=None, account="u")
    changed = {**right, "access-level": "none"}
    assert errno_of(filer, "security-login-role-modify", changed) == 0
    assert texts(ask(filer, "security-login-role-get-iter"), "access-level") == ["none"]
    with pytest.raises(Refused, match="^13003 "):
        ask(filer, "lun-get-iter", vserver=None, account="u")
    assert errno_of(filer, "security-login-role-delete", {name: right[name] for name in list(right)[:2]}) == 0
    assert errno_of(filer, "security-login-role-modify", changed) == 15661
    shown = ask(filer, "security-login-get-iter")
    assert texts(shown, "user-name") == ["u", "vsadmin"]
    assert errno_of(filer, "security-login-delete", {"user-name": "u"}) == 0
    assert errno_of(filer, "security-login-delete", {"user-name": "u"}) == 15661
