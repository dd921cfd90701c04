"""The orders in which Ganeti calls the scripts, as measured on real clusters; some in noded's process context.

Each word is a script on a node, P the primary and source, T the target: a attach, d detach, c close, o open
(exclusive), s open (shared), i setinfo, g grow, n snapshot, + create, r remove; a prime: of the snapshot's clone.
"""

from __future__ import annotations

from functools import partial

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from tests.contract.conftest import MakeNode
from tests.testbed.node import Node

DEVICE = "/run/disk/127.0.0.1/vol1/v"
VERBS = {
    "a": ("attach", {}),
    "d": ("detach", {}),
    "c": ("close", {}),
    "o": ("open", {"VOL_OPEN_EXCLUSIVE": "True"}),
    "s": ("open", {"VOL_OPEN_EXCLUSIVE": "False"}),
    "i": ("setinfo", {"VOL_METADATA": "originstname+inst1.example"}),
    "g": ("grow", {"VOL_SIZE": "16", "VOL_NEW_SIZE": "24"}),
    "n": ("snapshot", {"VOL_SNAPSHOT_NAME": "v.snap", "VOL_SNAPSHOT_SIZE": "16"}),
    "+": ("create", {"VOL_SIZE": "16"}),
    "r": ("remove", {}),
}
# What noded's starter had in its shell, and no PATH at all; noded ignores SIGPIPE, has umask 077, and stdin ends.
CONTEXT = 'trap "" PIPE XFSZ; umask 077; unset PATH; cd /; exec "$0"'
STRAY = {
    "LC_ALL": "C",
    "LANG": "xx_YY.KOI8",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "https_proxy": "http://127.0.0.1:1",
    "SSL_CERT_FILE": "/nonexistent",
    "TMPDIR": "/nonexistent",
    "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22",
    "MAIL": "/var/mail/root",
    "VOL_UUID": "u-1",
    "VOL_CNAME": "root",
    "EXTP_PROVIDER": "dataontap",
    "EXTP_ACCESS": "kernelspace",
}

# Operation: the calls, and on which nodes the device is afterwards.
SEQUENCES = {
    "add and start": ("P+ Pa Po Pi Pa Po Pa Po", "P"),
    "add and wipe, do not start": ("P+ Pa Po Pi Pa Po Pa Pa Pa Pa Pa Pa", "P"),
    "activate, again and again": ("P+ Pa Pd Pa Po Pa Po Pa Po", "P"),
    "deactivate what is not active": ("P+ Pa Pd Pa Pd", ""),
    "start": ("P+ Pa Pd Pa Po Pa Po", "P"),
    "shutdown": ("P+ Pa Po Pa Pd", ""),
    "hard reboot, info, verify": ("P+ Pa Po Pa Po Pa Pa", "P"),
    "grow a running one": ("P+ Pa Po Pa Po Pa Pa Pa Pa Pg Pa", "P"),
    "grow a stopped one": ("P+ Pa Pd Pa Po Pa Pa Pa Pa Pg Pa Pa Pd", ""),
    "reinstall": ("P+ Pa Pd Pa Po Pa Po Pa Pd", ""),
    "rename": ("P+ Pa Pd Pa Po Pa Pi Pa Po Pa Pd", ""),
    "add a disk": ("P+ Pa Po Pi", "P"),
    "detach a disk": ("P+ Pa Po Pa Pd", ""),
    "export": ("P+ Pa Po Pa Pn Pa Po Pa' Po' Pa' Pd' Pr'", "P"),
    "migrate": ("P+ Pa Po Ta Tc Pa Ps Ta Ts Pa Pc Ta To Pa Pd", "T"),
    "migrate, aborted": ("P+ Pa Po Ta Tc Pa Ps Ta Ts Ta Tc Ta Td Pa Po", "P"),
    "migrate --cleanup": ("P+ Pa Po Ta Tc Pa Po", "PT"),
    "failover": ("P+ Pa Po Pa Pc Pa Pd Ta To Ta To", "T"),
    "failover from an offline node": ("P+ Pa Po Ta To Ta To", "PT"),
    "convert to a file": ("P+ Pa Pa Pd Pa Pa Pd Pr", ""),
    "remove": ("P+ Pa Po Pa Pd Pr", ""),
    "remove, tried again": ("P+ Pa Pd Pr Pd Pr", ""),
    "remove with minor number 0": ("P+ Pa Pa Pa Pd Pr", ""),
    "recreate a disk": ("P+ Pa Pd Pr P+ Pa Po Pi", "P"),
}
# They have each script, so what it makes of noded's context is seen; Python's start at each call takes its time.
IN_CONTEXT = {"rename", "grow a stopped one", "export", "migrate"}


def call(node: Node, letter: str, volume: str, *, in_context: bool) -> str:
    """Run one script as noded does; it must succeed. Its standard output, without the line's end."""
    verb, variables = VERBS[letter]
    run = partial(node.shell, CONTEXT, verb) if in_context else partial(node.script, verb)
    outcome = run(**{**STRAY, **variables, "VOL_NAME": volume})
    assert outcome.status == 0, f"{verb} {volume} on {node.name}: {outcome.stderr}"
    assert outcome.stdout == (f"{DEVICE[:-1]}{volume}\n" if verb == "attach" else "")
    return outcome.stdout.rstrip("\n")


def test_all_scripts_are_seen_in_context() -> None:
    called = {word[1] for operation in IN_CONTEXT for word in SEQUENCES[operation][0].split()}
    assert called == {*VERBS}


@pytest.mark.parametrize("operation", SEQUENCES)
def test_operation(make_node: MakeNode, admin: CmodeClient, operation: str) -> None:
    calls, seen_on = SEQUENCES[operation]
    nodes = {"P": make_node("primary")}
    if "T" in calls:
        nodes["T"] = make_node("target")
    written = b""
    for number, word in enumerate(calls.split()):
        node = nodes[word[0]]
        volume = "v.snap" if word.endswith("'") else "v"
        device = call(node, word[1], volume, in_context=operation in IN_CONTEXT)
        if device == DEVICE:
            with open(node.device(device), "r+b", buffering=0) as disk:
                assert disk.read(len(written)) == written, "what was written last, on whichever node"
                disk.seek(0)
                written = b"%08d" % number
                disk.write(written)
        elif word[1] == "r" and not word.endswith("'"):
            written = b""
    assert {name for name, node in nodes.items() if node.path(DEVICE).exists()} == set(seen_on)
    luns = {lun.path for lun in admin.get_lun_by_args(path="/vol/*")}
    assert luns == (set() if calls.split()[-1] == "Pr" else {"/vol/vol1/v"})
