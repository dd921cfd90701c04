"""Each release's own iscsiadm and its database; tests/contract/test_iscsiadm.py has the cases."""

from __future__ import annotations

import json
from typing import Any

from tests.package.root import Root
from tests.testbed.product import ROOT

TARGET = "iqn.1992-08.com.netapp:sn.c0ffee00:vs.3"
PORTAL = ["192.0.2.1", 3260, 1028]
DATABASES = {"bookworm": ("/etc/iscsi", "/var/lib/iscsi"), "trixie": ("/var/lib/iscsi", "/etc/iscsi")}


def do(root: Root, *steps: list[Any]) -> list[Any]:
    """Carry steps out in the root; returns their results."""
    for kind in ("sh", "py"):
        root.bring(ROOT / f"tests/testbed/iscsi_steps.{kind}", "/root")
    # What iscsiadm's attempts to start its daemon say is of no interest.
    said = root.run(
        "unshare --mount --net /root/iscsi_steps.sh python3 /root/iscsi_steps.py 2>/dev/null",
        stdin=json.dumps(steps),
    )
    return json.loads(said)  # type: ignore[no-any-return]


def test_the_database_is_the_releases(root: Root, release: str) -> None:
    """Its records are amended, with and without a tag; what another release left is not."""
    live, dead = DATABASES[release]
    new = f"iscsiadm -m node -T {TARGET} -o new -p"
    record = f"nodes/{TARGET}/192.0.2.1,3260,1028"
    *_, before, said, after, untagged, bound, files = do(
        root,
        ["shell", f"{new} 192.0.2.1:3260,1028; mkdir -p {dead}; mv {live}/nodes {dead}/nodes"],
        ["shell", f"{new} 192.0.2.1:3260; iscsiadm -m iface -I a -o new; {new} 192.0.2.2:3260,1029 -I a"],
        ["read", f"{dead}/{record}/default"],
        ["connect", TARGET, [PORTAL, ["192.0.2.2", 3260, 1029]], ["node", "s3cr3t-s3cr3t"]],
        ["read", f"{dead}/{record}/default"],
        ["shell", f"iscsiadm -m node -T {TARGET} -p 192.0.2.1:3260 -S"],
        ["read", f"{live}/nodes/{TARGET}/192.0.2.2,3260,1029/a"],
        ["files"],
    )
    assert "iscsid does not answer" in said
    assert said.endswith(" (192.0.2.1:3260, 192.0.2.2:3260 by a)")
    assert before == after is not None
    assert "node.session.scan = manual\n" in untagged
    assert "node.session.auth.password = s3cr3t-s3cr3t\n" in untagged
    assert "node.session.scan = manual\n" in bound
    assert [file for file in files if file.startswith(f"{live}/nodes")] == [
        f"{live}/nodes/{TARGET}/192.0.2.1,3260",
        f"{live}/nodes/{TARGET}/192.0.2.2,3260,1029/a",
    ]
