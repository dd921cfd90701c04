#!/usr/bin/python3
"""The SAN of one node: loop devices over the contents of the LUNs that the simulator has mapped for it.

    fabric.py attach --links DIR --hostname NAME --state DIR --igroup NAME
    fabric.py attach --links DIR --hostname NAME --state DIR --initiator NAME
    fabric.py detach --links DIR --hostname NAME --volume NAME
    fabric.py clear --links DIR

``attach`` makes this node see what is mapped to its igroup, or to any igroup that its initiator is in, as a rescan
would: a loop device and a link DIR/HOSTNAME/POOL/NAME for each LUN, grown ones followed, unmapped ones dropped.
``detach`` drops one volume here, the last component of its LUN's path; ``clear`` everything.  Each node has its
own links and so its own loop devices.  Runs from any directory.  Without argparse, which would cost more
than what is done.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # Not this directory, whose modules are no top-level ones, but the repository.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tests.simulator.links import Node
from tests.simulator.replay import replay

FORMS = {
    "attach": (
        {"--links", "--hostname", "--state", "--igroup"},
        {"--links", "--hostname", "--state", "--initiator"},
    ),
    "detach": ({"--links", "--hostname", "--volume"},),
    "clear": ({"--links"},),
}


def _visible(options: dict[str, str]) -> dict[str, str]:
    """POOL/NAME -> content of the LUNs that are online and mapped to the igroup, or to one with the initiator."""
    tables = replay(options["--state"])
    groups = {
        key
        for key, group in tables.get("igroup", {}).items()
        if group["name"] == options.get("--igroup") or options.get("--initiator") in group["initiators"]
    }
    contents = os.path.join(os.path.realpath(options["--state"]), "luns")
    return {
        lun["path"][len("/vol/") :]: os.path.join(contents, lun["uuid"])
        for lun in tables.get("lun", {}).values()
        if lun["online"] and any((lun["vserver"], name) in groups for name in lun["maps"])
    }


def _read(arguments: list[str]) -> tuple[str, dict[str, str]]:
    """The verb and its options, each given once and with a value."""
    verb, *words = arguments or [""]
    options = dict(zip(words[::2], words[1::2]))
    if len(words) != 2 * len(options) or set(options) not in FORMS.get(verb, ()):
        raise SystemExit(f"fabric: {' '.join(arguments)}: unknown arguments\n{__doc__}")
    return verb, options


def main(arguments: list[str]) -> None:
    """Do one verb; a failure is one line and exit status 1."""
    verb, options = _read(arguments)
    try:
        with Node(os.path.normpath(options["--links"])).locked() as node:
            if verb == "attach":
                node.attach(options["--hostname"], _visible(options))
            elif verb == "detach":
                node.detach(options["--hostname"], options["--volume"])
            else:
                node.clear()
    except OSError as error:
        raise SystemExit(f"fabric: {verb}: {error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
