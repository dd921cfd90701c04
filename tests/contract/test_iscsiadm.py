"""The database of this machine's iscsiadm, with the product at work on it. tests/package has other releases'."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any, Callable

import pytest

from tests.sweep.run import numbered
from tests.testbed.crash import AFTER, BEFORE, DURING, END
from tests.testbed.product import PATH, PYTHON, ROOT, Product

STEPS = ROOT / "tests/testbed/iscsi_steps"
TARGET = "iqn.1992-08.com.netapp:sn.c0ffee00:vs.3"
FIRST, SECOND = ["192.0.2.1", 3260, 1028], ["2001:db8::2", 3260, 1029]
NODES = f"/etc/iscsi/nodes/{TARGET}"  # Debian 12
OURS = "node.session.scan = manual\n"
NEW = f"iscsiadm -m node -T {TARGET} -o new -p"
NO_DAEMON = "no iSCSI session: iscsid does not answer, see systemctl status iscsid"

Do = Callable[..., list[Any]]


@pytest.fixture
def do(installed: Product) -> Do:
    """Carries steps out in namespaces of their own; returns their results."""

    def steps(*steps: list[Any]) -> list[Any]:
        done = subprocess.run(
            ["unshare", "--mount", "--net", "--propagation", "private"] + [f"{STEPS}.sh", PYTHON, f"{STEPS}.py"],
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(installed.library)},
            input=json.dumps(steps),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    return steps


def test_a_record_is_made_and_amended(do: Do) -> None:
    said, first, second, files = do(
        ["connect", TARGET, [FIRST, SECOND], None],
        ["read", f"{NODES}/192.0.2.1,3260,1028/default"],
        ["shell", f"iscsiadm -m node -T {TARGET} -p [2001:db8::2]:3260"],
        ["files"],
    )
    assert said == f"{NO_DAEMON} (192.0.2.1:3260, [2001:db8::2]:3260)"
    assert OURS in first
    assert OURS in second
    assert "node.session.initial_login_retry_max = 1\n" in second
    assert not [file for file in files if "dataontap" in file]


def test_the_dead_database_of_another_release_is_left_alone(do: Do) -> None:
    _, dead, live = do(
        ["shell", f"{NEW} 192.0.2.1:3260,1028; mv /etc/iscsi/nodes /var/lib/iscsi/"],
        ["read", f"/var/lib/iscsi/nodes/{TARGET}/192.0.2.1,3260,1028/default"],
        ["shell", "iscsiadm -m node"],
    )
    assert "No records found" in live
    _, said, same, made = do(
        ["write", f"/var/lib/iscsi/nodes/{TARGET}/192.0.2.1,3260,1028/default", dead],
        ["connect", TARGET, [FIRST], None],
        ["read", f"/var/lib/iscsi/nodes/{TARGET}/192.0.2.1,3260,1028/default"],
        ["read", f"{NODES}/192.0.2.1,3260,1028/default"],
    )
    assert said.startswith(NO_DAEMON)
    assert same == dead
    assert OURS in made


def test_all_interfaces_of_a_portal(do: Do) -> None:
    """No other record comes to them, and each is logged in by."""
    ifaces = [f"iscsiadm -m iface -I {name} -o new; {NEW} 192.0.2.1:3260,1028 -I {name}" for name in ("a", "b")]
    *_, said, files, one, other = do(
        *(["shell", command] for command in ifaces),
        ["connect", TARGET, [FIRST], None],
        ["files"],
        ["read", f"{NODES}/192.0.2.1,3260,1028/a"],
        ["read", f"{NODES}/192.0.2.1,3260,1028/b"],
    )
    assert said == f"{NO_DAEMON} (192.0.2.1:3260 by a, 192.0.2.1:3260 by b)"
    assert [file.rpartition("/")[2] for file in files if "/nodes/" in file] == ["a", "b"]
    assert OURS in one
    assert OURS in other


def test_interfaces_that_are_named(do: Do) -> None:
    """A record is made for each that there is, beside those of others, which are not logged in by."""
    *_, said, files, made, other = do(
        ["shell", f"iscsiadm -m iface -I a -o new; {NEW} 192.0.2.1:3260,1028"],
        ["connect", TARGET, [FIRST], None, ["a", "b", "iser"]],
        ["files"],
        ["read", f"{NODES}/192.0.2.1,3260,1028/a"],
        ["read", f"{NODES}/192.0.2.1,3260,1028/default"],
    )
    assert (
        "open-iscsi has no interface b, see ISCSI_INTERFACES and iscsiadm -m iface (192.0.2.1:3260 by b)" in said
    )
    assert f"{NO_DAEMON} (192.0.2.1:3260 by a, 192.0.2.1:3260 by iser)".partition(": ")[2] in said
    assert [file.rpartition("/")[2] for file in files if "/nodes/" in file] == ["a", "default", "iser"]
    assert "node.session.initial_login_retry_max = 1\n" in made
    assert "node.session.initial_login_retry_max = 1\n" not in other
    assert OURS in other


def test_interfaces_and_a_portal_without_a_tag(do: Do) -> None:
    """As over REST. iscsiadm has a single record for it then, so each interface is tried by itself."""
    *_, said, files, left = do(
        ["shell", "for name in a b; do iscsiadm -m iface -I $name -o new; done"],
        ["connect", TARGET, [["192.0.2.1", 3260, None]], None, ["a", "b"]],
        ["files"],
        ["shell", f"iscsiadm -m node -T {TARGET} -p 192.0.2.1:3260"],
    )
    assert said == f"{NO_DAEMON} (192.0.2.1:3260 by a, 192.0.2.1:3260 by b)"
    assert [file for file in files if "/nodes/" in file] == [f"{NODES}/192.0.2.1,3260"]
    assert "iface.iscsi_ifacename = b\n" in left
    assert OURS in left


@pytest.mark.parametrize("at", ["192.0.2.1:3260", "192.0.2.1:3260,7"])
def test_a_record_without_a_tag_or_with_another_one(do: Do, at: str) -> None:
    """What the admin set in it stays, and iscsiadm reads ours."""
    setting = f"iscsiadm -m node -T {TARGET} -p 192.0.2.1:3260 -o update -n node.startup -v automatic"
    *_, said, files, shown = do(
        ["shell", f"{NEW} {at}; {setting}"],
        ["connect", TARGET, [FIRST], None],
        ["files"],
        ["shell", f"iscsiadm -m node -T {TARGET} -p 192.0.2.1:3260"],
    )
    assert said == f"{NO_DAEMON} (192.0.2.1:3260)"
    assert len([file for file in files if "/nodes/" in file]) == 1
    assert "node.startup = automatic\n" in shown
    assert OURS in shown


@pytest.mark.parametrize("secret", ["with  blanks # inside = all", "x" * 255, "é" * 127])
def test_iscsiadm_reads_the_secrets_that_are_configured(do: Do, secret: str) -> None:
    """And none when it is configured no more; our mark of it is nothing to iscsiadm."""
    show = f"iscsiadm -m node -T {TARGET} -p 192.0.2.1:3260 -S"
    _, shown, _, then = do(
        ["connect", TARGET, [FIRST], ["node", secret, ["filer", f"{secret[1:]}b"]]],
        ["shell", show],
        ["connect", TARGET, [FIRST], None],
        ["shell", show],
    )
    assert f"node.session.auth.password = {secret}\n" in shown
    assert f"node.session.auth.password_in = {secret[1:]}b\n" in shown
    assert "node.session.auth.username_in = filer\n" in shown
    assert "node.session.auth.password_in = <empty>\n" in then
    assert "node.session.auth.username_in = <empty>\n" in then
    assert "node.session.auth.authmethod = CHAP\n" in shown
    assert "node.session.auth.password = <empty>\n" in then
    assert "node.session.auth.username = <empty>\n" in then
    assert "node.session.auth.authmethod = None\n" in then


def test_a_record_that_iscsiadm_wrote_since_is_the_admins(do: Do) -> None:
    show = f"iscsiadm -m node -T {TARGET} -p 192.0.2.1:3260"
    *_, then = do(
        ["connect", TARGET, [FIRST], ["node", "right-secret"]],
        ["shell", f"{show} -o update -n node.session.auth.password -v the-admins-12"],
        ["connect", TARGET, [FIRST], None],
        ["shell", f"{show} -S"],
    )
    assert "node.session.auth.password = the-admins-12\n" in then
    assert "node.session.auth.authmethod = CHAP\n" in then


def test_a_database_that_is_a_mount(do: Do) -> None:
    """A rename leads nowhere from beside it."""
    _, said, record, listed = do(
        ["shell", "mkdir /etc/iscsi/nodes && mount -t tmpfs nodes /etc/iscsi/nodes"],
        ["connect", TARGET, [FIRST], None],
        ["read", f"{NODES}/192.0.2.1,3260,1028/default"],
        ["shell", "iscsiadm -m node"],
    )
    assert said.startswith(NO_DAEMON)
    assert OURS in record
    assert listed == f"192.0.2.1:3260,1028 {TARGET}\n"


def test_a_left_over_goes(do: Do) -> None:
    """With it iscsiadm lists nothing."""
    left = "/etc/iscsi/nodes/.dataontap.77"
    _, _, before, _, after = do(
        ["shell", f"{NEW} 192.0.2.1:3260,1028"],
        ["shell", f"touch -d '1 hour ago' {left}"],
        ["shell", "iscsiadm -m node"],
        ["connect", TARGET, [FIRST], None],
        ["shell", "iscsiadm -m node"],
    )
    assert f"error when scandir {left}" in before
    assert after == f"192.0.2.1:3260,1028 {TARGET}\n"


def test_an_attach_is_killed_at_each_point_of_its_logins(do: Do) -> None:
    """The next attach finds every record whole, or mends it; a temporary file stays for a minute at most."""
    connect = [TARGET, [FIRST, SECOND], ["node", "right-secret"]]
    clear = ["shell", "rm -rf /etc/iscsi/* /var/lib/iscsi/* /run/cache /run/records /run/failures"]
    (status, points), _, _, *whole = do(["killed", None, *connect], *after_a_crash(connect))
    assert status == 0
    assert {"run iscsiadm", "open /etc/iscsi/.*", "rename /etc/iscsi/nodes/*", "fork"} <= {*points}
    crashes = [
        (label, nth, moment)
        for label, nth in numbered(points)
        for moment in ((BEFORE, DURING, AFTER) if label.startswith("run ") else (BEFORE, AFTER))
        if (label, moment) != (END, AFTER)
    ]
    steps = [[clear, ["killed", crash, *connect], *after_a_crash(connect)] for crash in crashes]
    results = iter(do(*(step for crash in steps for step in crash)))
    for crash in crashes:
        _, (status, _), _, said, *after = (next(results) for _ in steps[0])
        assert status == -signal.SIGKILL, crash
        assert said == f"{NO_DAEMON} (192.0.2.1:3260, [2001:db8::2]:3260)", crash
        assert after == whole, crash


def after_a_crash(connect: list[Any]) -> list[list[Any]]:
    """A minute later the next attach comes; then the records, and all files."""
    shown = "for at in 192.0.2.1 [2001:db8::2]; do iscsiadm -m node -S -p $at:3260; done"
    aged = "find /etc/iscsi /var/lib/iscsi -name '.dataontap.*' -exec touch -d '2 minutes ago' {} +"
    return [["shell", aged], ["connect", *connect], ["shell", "iscsiadm -m node"], ["shell", shown], ["files"]]
