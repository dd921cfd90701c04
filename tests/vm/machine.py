"""A node in a guest, to give orders to: this very guest, or one that runs ``python3 -m tests.vm.machine``."""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any, Callable

from tests.testbed.node import CONFIG, GanetiError, Outcome
from tests.testbed.product import PATH, PYTHON, ROOT
from tests.vm.san import ISCSI, San

EXTSTORAGE = "/usr/share/ganeti/extstorage"
LOG = "/var/log/ganeti-extstorage-dataontap.log"
BLOCK = 4096
TIME_IS_UP = 124  # as timeout(1) says it
PORT = 7000
_INQUIRE = "import sys; from dataontap import inquiry; print(*inquiry.identity(sys.argv[1]), sep='\\t')"
POLLING = 20  # seconds: the longest time between two looks of multipathd at a path (max_polling_interval)

Order = dict[str, Any]


class Hands:
    """Does what is ordered, in this guest."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[str]] = []
        self._ganeti: subprocess.Popen[str] | None = None
        self._one_call = threading.Lock()

    def do(self, order: Order) -> Order:
        """The answer to an order, which names one of the methods and its arguments."""
        order = dict(order)
        return getattr(self, f"do_{order.pop('do')}")(**order)  # type: ignore[no-any-return]

    def do_run(self, argv: list[str], environ: dict[str, str], limit: float) -> Order:
        """Run a program to its end. One that does not even die after ``limit`` seconds is left to itself."""
        began = time.monotonic()
        child = subprocess.Popen(
            argv,
            env={"PATH": PATH, "LC_ALL": "C", **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._children.append(child)
        try:
            stdout, stderr = child.communicate(timeout=limit)
            status = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            stdout, stderr, status = "", "", TIME_IS_UP
        seconds = time.monotonic() - began
        return {"status": status, "stdout": stdout, "stderr": stderr, "seconds": seconds}

    def do_spawn(self, argv: list[str], output: str) -> Order:
        """Start a program and do not wait for it."""
        with open(output, "w") as file:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, text=True, start_new_session=True
            )
        self._children.append(child)
        return {"pid": child.pid}

    def do_poll(self, pid: int) -> Order:
        """The exit status of a program that was started, None while it runs."""
        (child,) = [one for one in self._children if one.pid == pid]
        return {"status": child.poll()}

    def do_end_all(self) -> Order:
        """Kill whatever was started here and still runs."""
        for child in self._children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
        return {}

    def do_reboot(self) -> Order:
        """The answer comes before it happens."""
        subprocess.Popen(["sh", "-c", "sync; sleep 1; echo b > /proc/sysrq-trigger"])
        return {}

    def do_ganeti(self, request: Order) -> Order:
        """One of tests/testbed/ganeti_calls.py's calls."""
        with self._one_call:
            if self._ganeti is None:
                self._ganeti = subprocess.Popen(
                    [
                        PYTHON,
                        str(ROOT / "tests/testbed/ganeti_calls.py"),
                        EXTSTORAGE,
                        "/var/log/ganeti/extstorage",
                    ],
                    env={"PATH": PATH},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            assert self._ganeti.stdin is not None
            assert self._ganeti.stdout is not None
            print(json.dumps(request), file=self._ganeti.stdin, flush=True)
            return json.loads(self._ganeti.stdout.readline())  # type: ignore[no-any-return]


class Machine:
    """A node called ``name``; ``do`` carries orders out there. It reaches the filer's LUNs by ``san``."""

    def __init__(self, name: str, do: Callable[[Order], Order], san: San = ISCSI) -> None:
        self.name = name
        self.san = san
        self._do = do
        self._settings: dict[str, object] = {}

    def initiators(self) -> list[str]:
        """Its initiators' names."""
        return self.shell(self.san.initiators).split()

    def run(self, *argv: str, environ: Mapping[str, str] | None = None, limit: float = 120) -> Outcome:
        """Run a program; its status is TIME_IS_UP if it took longer than ``limit`` seconds."""
        return Outcome(**self._do({"do": "run", "argv": argv, "environ": dict(environ or {}), "limit": limit}))

    def shell(self, command: str, *words: str, limit: float = 120) -> str:
        """What a shell command says, ``words`` being its $1, $2 ...; AssertionError if it fails."""
        done = self.run("/bin/bash", "-c", command, "bash", *words, limit=limit)
        assert done.status == 0, f"{command}: {done.status} {done.stderr}"
        return done.stdout.strip()

    def spawn(self, *argv: str, output: str = "/dev/null") -> int:
        """Start a program, and return its process id."""
        return int(self._do({"do": "spawn", "argv": argv, "output": output})["pid"])

    def status(self, pid: int) -> int | None:
        """The exit status of a program that ``spawn`` started; None while it runs."""
        status: int | None = self._do({"do": "poll", "pid": pid})["status"]
        return status

    def configure(self, **options: object) -> None:
        """Write the provider's configuration file; options once given stay, None takes one away."""
        self._settings.update(options)
        text = "".join(f"{name} = {value!r}\n" for name, value in self._settings.items() if value is not None)
        self.write_file(CONFIG, text, mode="600")

    def write_file(self, path: str, text: str, *, mode: str = "644") -> None:
        """A file with this text."""
        self.shell('printf %s "$2" > "$1.new" && chmod "$3" "$1.new" && mv "$1.new" "$1"', path, text, mode)

    def script(self, verb: str, volume: str, *, limit: float = 180, **variables: str) -> Outcome:
        """Run one of the provider's scripts as Ganeti would."""
        environ = {"VOL_NAME": volume, "VOL_UUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, volume)), **variables}
        return self.run(f"{EXTSTORAGE}/dataontap/{verb}", environ=environ, limit=limit)

    def must(self, verb: str, volume: str, **variables: str) -> Outcome:
        """Run a script that has to succeed; AssertionError with what it says, and how things are, if it fails."""
        done = self.script(verb, volume, limit=660, **variables)
        assert done.status == 0, f"{done.stderr}\n{self.run('/bin/bash', '-c', _SYMPTOMS, limit=60).stdout}"
        return done

    def attach(self, volume: str) -> str:
        """The device that attach prints."""
        return self.must("attach", volume).stdout.strip()

    def ganeti(self, call: str, disk: Mapping[str, object], **arguments: object) -> Any:
        """Let Ganeti do ``call`` (see ganeti_calls.Calls) for ``disk``; raises GanetiError when it fails."""
        answer = self._do({"do": "ganeti", "request": {"call": call, "disk": dict(disk), **arguments}})
        if "error" in answer:
            raise GanetiError(answer["error"])
        return answer["result"]

    # Looking at what is there, without opening anything

    def disks(self) -> list[str]:
        """The SCSI disks, by the kernel's names."""
        return self.shell("ls /sys/block | grep ^sd || :").split()

    def maps(self) -> dict[str, str]:
        """All of device mapper's devices: name -> uuid."""
        lines = self.shell(
            'cd /sys/block; for d in dm-*; do [ -e $d ] && echo "$(cat $d/dm/name) $(cat $d/dm/uuid)"; done; :'
        )
        return dict(line.split(" ", 1) for line in lines.splitlines() if " " in line)

    def paths(self, naa: str) -> list[str]:
        """The SCSI disks in the map of a LUN."""
        found = self.shell(
            'd=$(grep -lx "mpath-3$1" /sys/block/dm-*/dm/uuid) && ls "${d%/dm/uuid}/slaves" || :', naa
        )
        return found.split()

    def protected(self, naa: str) -> dict[str, bool]:
        """Whether the kernel takes the map of a LUN, and each path of it, for write-protected."""
        found = self.shell(
            'd=$(grep -lx "mpath-3$1" /sys/block/dm-*/dm/uuid) && cd ${d%/dm/uuid} && grep . ro slaves/*/ro || :',
            naa,
        )
        return {line.partition(":")[0].removesuffix("/ro"): line.endswith(":1") for line in found.splitlines()}

    def names(self) -> list[str]:
        """The names of ours that there are."""
        return sorted(self.shell("find /dev/disk -mindepth 3 -printf '%p\\n'").split())

    def sessions(self) -> list[str]:
        """The states that its sessions to the filer are in, over FC those of the filer's ports."""
        return self.shell(self.san.states).split()

    def lose_sessions(self) -> None:
        """Wait until no session is left that works."""
        self.await_that(lambda: self.san.works not in self.sessions(), "the sessions' end", limit=90)

    def regain_sessions(self) -> None:
        """Wait until all sessions work."""

        def works() -> bool:
            states = self.sessions()
            return len(states) >= self.san.sessions and {*states} <= {self.san.works}

        self.await_that(works, "the sessions' return", limit=180)

    def see_all(self) -> None:
        """Let it see every LUN that the filer shows it, as anybody may who knows nothing of us."""
        self.shell(self.san.see_all)

    def live(self, path: str) -> str:
        """Who a SCSI disk says it is, by INQUIRY."""
        return self.run("/lib/udev/scsi_id", "-g", "-u", "-d", f"/dev/{path}", limit=20).stdout.strip()[1:]

    def inquire(self, path: str) -> tuple[str, str]:
        """What it says when the provider asks it: an answer of ``inquiry.identity``."""
        said = self.run("python3", "-c", _INQUIRE, f"/dev/{path}", limit=20)
        kind, _, told = said.stdout.strip().partition("\t")
        return kind, told

    def cached(self, path: str) -> tuple[str, str]:
        """Who sysfs and udev say that a SCSI disk is."""
        sysfs = self.shell('cat "/sys/block/$1/device/wwid"', path).removeprefix("naa.")
        udev = self.shell("udevadm info -q property -n /dev/$1 | sed -n s/^ID_SERIAL=.//p", path)
        return sysfs, udev

    # Using a device, as an instance would

    def read(self, device: str, block: int = 0, *, limit: float = 10) -> str:
        """The text in a block; "hangs" or "EIO" if it cannot be had."""
        command = (
            f"dd if=$1 bs={BLOCK} skip=$2 count=1 iflag=direct status=none | tr -d '\\0'; exit ${{PIPESTATUS[0]}}"
        )
        done = self.run("/bin/bash", "-c", command, "bash", device, str(block), limit=limit)
        return done.stdout if done.status == 0 else "hangs" if done.status == TIME_IS_UP else "EIO"

    def write(self, device: str, text: str, block: int = 0, *, limit: float = 10) -> str:
        """Write a text into a block: "ok", "hangs" or "EIO"."""
        done = self.run("/bin/bash", "-c", _WRITE, "bash", device, text, str(block), limit=limit)
        return {0: "ok", TIME_IS_UP: "hangs"}.get(done.status, "EIO")

    def start_writing(self, device: str, text: str, block: int = 0) -> int:
        """Write it, however long that takes; ``status`` tells how it went."""
        return self.spawn("/bin/bash", "-c", _WRITE, "bash", device, text, str(block))

    def hold(self, device: str) -> int:
        """A process that has the device open and does nothing."""
        return self.spawn("/bin/sh", "-c", f"exec sleep 100000 <{device}")

    def end(self, pid: int) -> None:
        """Kill what ``spawn`` started here, and its children."""
        self.shell("pkill -9 -s $1", str(pid))

    def is_stuck(self, pid: int) -> bool:
        """Whether it waits in the kernel for a device (state D), out of any signal's reach."""
        return "D" in self.shell("ps -o stat= -s $1 || :", str(pid))

    def pass_polling(self) -> None:
        """Wait until multipathd has looked at each path once more."""
        began = time.monotonic()
        self.await_that(lambda: time.monotonic() - began > POLLING, "time to pass")

    def sweep(self) -> None:
        """End what was started here; take every map and disk away, and what the product remembers."""
        self._do({"do": "end_all"})
        left = self.shell(_SWEEP, limit=300)
        assert left == "", left

    def reboot(self) -> None:
        """Start the kernel anew, without any good-bye but what is on the disk; ends with the machine gone."""
        self._do({"do": "reboot"})

    def await_that(self, condition: Callable[[], bool], what: str, limit: float = 60) -> float:
        """Look until it is so; returns the seconds that it took, AssertionError after ``limit``."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < limit, f"not within {limit} s: {what}"
            select_nothing(0.2)
        return time.monotonic() - began


_SYMPTOMS = """
    ps -e -o pid,stat,wchan:24,args | grep -E '^ *[0-9]+ D|udev|multipath|iscsi'
    multipathd show paths; multipathd show maps; dmsetup table
    for map in /sys/block/dm-*; do [ -e $map ] && udevadm info --query=all --path=$map; done
    head -50 /run/ganeti-extstorage-dataontap/udev/* /etc/multipath/wwids
    dmesg | tail -20
"""
_SWEEP = """
    for try in $(seq 30); do
        multipathd disablequeueing maps >/dev/null
        for map in $(dmsetup ls --target multipath | cut -f1); do dmsetup message $map 0 fail_if_no_path; done
        vgchange -qq -an >/dev/null 2>&1
        mdadm --quiet --stop --scan >/dev/null 2>&1
        multipath -F 2>/dev/null
        dmsetup remove_all >/dev/null 2>&1
        for disk in /sys/block/sd*; do [ -e $disk ] && echo 1 >$disk/device/delete; done
        ls /sys/block | grep -Eq '^(sd|dm-|md)' || break
        sleep 0.5
    done
    rm -rf /run/ganeti-extstorage-dataontap /etc/multipath/wwids /var/lib/ganeti-extstorage-dataontap
    udevadm settle
    ls /sys/block | grep -E '^(sd|dm-|md)' || :
"""
_WRITE = f'printf %s "$2" | dd of="$1" bs={BLOCK} seek="$3" conv=sync,nocreat oflag=direct status=none'


def select_nothing(seconds: float) -> None:
    """The pause between two looks."""
    threading.Event().wait(seconds)


def here(san: San = ISCSI) -> Machine:
    """This guest."""
    return Machine(socket.gethostname(), Hands().do, san)


def there(name: str, address: str, san: San = ISCSI) -> Machine:
    """Another guest, that serves."""

    def do(order: Order) -> Order:
        patience = float(order.get("limit", 570)) + 30
        with (
            socket.create_connection((address, PORT), timeout=patience) as connection,
            connection.makefile("rw") as lines,
        ):
            print(json.dumps(order), file=lines, flush=True)
            return json.loads(lines.readline())  # type: ignore[no-any-return]

    return Machine(name, do, san)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _Order(socketserver.StreamRequestHandler):
    """One order, one answer."""

    hands = Hands()

    def handle(self) -> None:
        order = json.loads(self.rfile.readline())
        if order["do"] == "end":
            threading.Thread(target=self.server.shutdown).start()
            return
        self.wfile.write(json.dumps(self.hands.do(order)).encode() + b"\n")


def main() -> None:
    """Serve until told to end."""
    with _Server(("", PORT), _Order) as server:
        print(f"serving at {PORT}", flush=True)
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
