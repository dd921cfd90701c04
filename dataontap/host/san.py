"""A LUN becomes a block device of this node, is proven to be that LUN, and goes again without a trace.

Knows nothing of how paths come about: iSCSI and FC hand in where the target is seen (``Nexus``). Nothing here
changes anything of other LUNs. Every step that may hang in the kernel is done in a child (``limit``).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

from dataontap import inquiry
from dataontap.deadline import Deadline
from dataontap.errors import DeviceError
from dataontap.host.holders import is_claimed, openers
from dataontap.host.limit import each_within, within
from dataontap.host.multipath import Multipath
from dataontap.host.sysfs import RUNNING, Map, Nexus, ScsiPath, Sysfs
from dataontap.host.udev import Events, Names

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How long each thing may take, in seconds, within the verb's deadline."""

    # A path that is blocked answers within 5 s where multipathd has set its recovery_tmo, then as dead.
    ask: float = 8.0
    # Before a map is taken down: who has not answered by then had better not be waited for.
    ask_last: float = 2.0
    # A scan asks the target once; a dead one is given up by the transport.
    scan: float = 30.0
    # udev and multipathd need about a second for a map; a node that is busy booting guests, many.
    map: float = 40.0
    hint: float = 4.0
    other_paths: float = 5.0
    # udev opens new and failed maps for a moment, which multipath takes for a use.
    release: float = 3.0
    gone: float = 10.0


_WAY_OUT = "end that, then detach"

# SAM-5: from 256 on a LUN needs the flat space method, whose marker the kernel counts as part of the number.
_FLAT_SPACE = 0x4000
_LARGEST_PERIPHERAL = 255


@dataclass(frozen=True)
class Wanted:
    """A LUN that is to be a device: one of these identities, ``size`` bytes, to be found at ``path``.

    There can be two identities: a LUN that came from 7-Mode may have kept its prefix.
    """

    naas: tuple[str, ...]
    size: int
    path: str


@dataclass(frozen=True)
class Answer:
    """What a path's LUN said when it was asked: see ``inquiry``. ``size`` is None where it did not say."""

    kind: str
    told: str
    size: int | None = None

    @property
    def naa(self) -> str | None:
        """The identity, if it told one."""
        return self.told if self.kind == inquiry.NAA else None


def ask(path: str) -> Answer:
    """Ask a SCSI disk who it is and how large, in this very process."""
    kind, told = inquiry.identity(f"/dev/{path}")
    if kind != inquiry.NAA:
        return Answer(kind, told)
    kind_of_size, size = inquiry.capacity(f"/dev/{path}")
    return Answer(kind, told, int(size) if kind_of_size == inquiry.SIZE else None)


class San:
    """This node's side of the SAN. Without ``wants_maps`` disks are used as they are, with a single path each.

    ``ask`` tells what a path's LUN says of itself; ``events`` makes something that waits for udev's events.
    """

    def __init__(
        self,
        sysfs: Sysfs,
        multipath: Multipath,
        names: Names,
        deadline: Deadline,
        *,
        wants_maps: bool = True,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
        ask: Callable[[str], Answer] = ask,
        events: Callable[[Collection[str]], Events] = Events,
    ) -> None:
        self._sysfs = sysfs
        self._multipath = multipath
        self._names = names
        self._deadline = deadline
        self._wants_maps = wants_maps
        self._limits = limits
        self._ask_one = ask
        self._events = events

    # Looking

    def taken(self) -> set[int]:
        """The LUN ids at which this node has something, healthy or not, of whatever target by whatever session."""
        luns = self._sysfs.luns()
        return luns | {lun & ~_FLAT_SPACE for lun in luns}

    def is_known(self, naas: Collection[str]) -> bool:
        """Whether the kernel has a map or a path of one of these LUNs, alive or dead."""
        return bool(self._sysfs.maps_of(naas) or self._sysfs.paths_of(naas))

    def identities(self, device: str) -> tuple[str, ...]:
        """The identity that the kernel remembers of a device, if it is a map or a disk with one."""
        name = _kernel_name(device)
        found = self._sysfs.map(name)
        if found is not None:
            return (found.naa,)
        naa = self._sysfs.identity(name)
        return (naa,) if naa else ()

    def _ask(self, paths: Collection[str], seconds: float | None = None) -> dict[str, Answer]:
        """What each path's LUN says; those that are not running are not asked, for they would keep us waiting."""
        running = [path for path in paths if self._sysfs.state(path) == RUNNING]
        works = {path: partial(_in_words, self._ask_one, path) for path in running}
        said = each_within(
            min(seconds or self._limits.ask, self._deadline.left("asking paths who they are")), works
        )
        silent = Answer(inquiry.DEAD, "no answer in time")
        answers = {path: _from_words(said[path]) if path in said else silent for path in running}
        dead = {
            path: Answer(inquiry.DEAD, self._sysfs.state(path) or "gone") for path in set(paths) - set(running)
        }
        return answers | dead

    # Coming

    def scan(
        self, wanted: Wanted, lun_ids: Sequence[int], nexuses: Sequence[Nexus], known: Sequence[Nexus] = ()
    ) -> None:
        """Let the kernel find the LUN at one of ``lun_ids``, and let udev and multipath know what to make of it.

        What is at these addresses, and in the LUN's map, is asked first: what is not this LUN is a dead LUN's
        remains, and is taken down, or refused if somebody holds it (DeviceError); at ``known``, too, where nothing
        answers now and may again. Call with the lock of scans.
        """
        numbers = [number for lun_id in lun_ids for number in _kernel_luns(lun_id)]
        self._clear(wanted, numbers, {*nexuses, *known})
        self._prepare(wanted.naas[0], wanted.path)
        for number in numbers:
            if not self._wants_maps and self._alive(wanted):
                return  # a single path is wanted
            missing = [nexus for nexus in nexuses if not self._at(nexus, numbers)]
            works = {nexus: partial(_done, self._sysfs.scan, nexus, number) for nexus in missing}
            done = each_within(min(self._limits.scan, self._deadline.left("scanning for the LUN")), works)
            for nexus in sorted(set(missing) - set(done)):
                LOG.warning("the scan for %d at %s failed or is still going on", number, nexus)

    def _alive(self, wanted: Wanted) -> list[str]:
        """The LUN's paths that the kernel takes for running."""
        paths = self._sysfs.paths_of(wanted.naas)
        return [path.name for path in paths if self._sysfs.state(path.name) == RUNNING]

    def _prepare(self, naa: str, path: str) -> None:
        """Tell udev the LUN's name and multipath that it may have a map, before its paths come."""
        if self._names.can_give(path):
            self._names.give(naa, path, multipath=self._wants_maps)
        if self._wants_maps:
            self._multipath.allow(naa)

    def _at(self, nexus: Nexus, numbers: Iterable[int]) -> ScsiPath | None:
        paths = [self._sysfs.path_at(nexus, number) for number in numbers]
        return next((path for path in paths if path), None)

    def _clear(self, wanted: Wanted, numbers: Sequence[int], nexuses: Collection[Nexus]) -> None:
        """Let nothing be in the LUN's way, nor in its map, that is not the LUN."""
        at_addresses = [path.name for path in (self._at(nexus, numbers) for nexus in nexuses) if path]
        in_map = [path for one in self._sysfs.maps_of(wanted.naas) for path in one.paths]
        paths = sorted({*at_addresses, *in_map})
        if not paths:
            return
        answers = self._ask(paths)
        for path in paths:
            if not self._is_in_place(path, answers[path], wanted):
                LOG.warning("%s is a dead LUN's: it says %s %s", path, answers[path].kind, answers[path].told)
                self._drop(path)

    def _is_in_place(self, path: str, answer: Answer, wanted: Wanted) -> bool:
        """Whether a path is the LUN's, as far as it tells, and kernel and multipath take it for that."""
        remembered = {self._sysfs.identity(path), *(one.naa for one in self._sysfs.maps_on(path))}
        if answer.kind == inquiry.DEAD:
            return remembered <= {*wanted.naas}  # one of its paths is down; others may do
        return answer.naa in wanted.naas and remembered == {answer.naa}

    def _drop(self, path: str) -> None:
        """Take down a path that is not what it was: alone if its map has others that are well, or with its map."""
        for above in self._sysfs.maps_on(path):
            others = self._ask([other for other in above.paths if other != path])
            if not any(answer.naa == above.naa for answer in others.values()):
                self._take_down([above.naa])
        with self._events([self._sysfs.identity(path) or path]) as events:
            self._require_free(path, events)
            self._delete([path])

    def settle(self, wanted: Wanted) -> str:
        """The LUN's device, once udev and multipathd have made it and it is proven; by its stable name.

        Raises DeviceError when none comes, or when what came is not the LUN.
        """
        with self._events([*wanted.naas, wanted.path]) as events:
            naa = self._await_paths(wanted, events)
            if not self._wants_maps:
                name = self._await_disk(naa, wanted, events)
            else:
                name = self._await_map(naa, wanted, events)
        self.prove(name, wanted)
        return self.stable_name(name, naa, wanted.path)

    def _await_paths(self, wanted: Wanted, events: Events) -> str:
        """The identity under which the LUN's paths came."""
        seconds = min(self._limits.other_paths, self._deadline.left("the LUN's paths"))
        if not events.until(lambda: bool(self._sysfs.paths_of(wanted.naas)), seconds):
            raise DeviceError("no device came up: the LUN does not answer at its id on any path, see lsscsi")
        naas = {path.naa for path in self._sysfs.paths_of(wanted.naas)}
        naa = next(naa for naa in wanted.naas if naa in naas)
        if naa != wanted.naas[0]:
            self._prepare(naa, wanted.path)
        return naa

    def _await_disk(self, naa: str, wanted: Wanted, events: Events) -> str:
        paths = self._sysfs.paths_of([naa])
        name = next((path.name for path in paths if self._sysfs.state(path.name) == RUNNING), paths[0].name)
        above = self._sysfs.maps_on(name)
        if above:
            raise DeviceError(f"multipath has made {above[0].title} of it: blacklist it, or set MULTIPATH = True")
        self._await_name(name, naa, wanted, events)
        return name

    def _await_map(self, naa: str, wanted: Wanted, events: Events) -> str:
        """The LUN's map, with all paths that are running in it."""

        def complete() -> bool:
            running = {
                path.name for path in self._sysfs.paths_of([naa]) if self._sysfs.state(path.name) == RUNNING
            }
            found = self._sysfs.maps_of([naa])
            return bool(found and running and running <= set(found[0].paths))

        seconds = min(self._limits.map, self._deadline.left("the multipath map"))
        if not events.until(lambda: bool(self._sysfs.maps_of([naa])), min(self._limits.hint, seconds)):
            # Paths that were here before the LUN was allowed to have a map: nobody looks at them again by himself.
            for path in self._sysfs.paths_of([naa]):
                self._sysfs.announce(path.name)
        if not events.until(lambda: bool(self._sysfs.maps_of([naa])), seconds):
            raise DeviceError(f"no multipath map came up for 3{naa}: {self._why_no_map()}")
        if not events.until(complete, min(self._limits.other_paths, self._deadline.left("the map's other paths"))):
            LOG.warning("not every path of 3%s is in its map, see multipath -ll 3%s", naa, naa)
        found = self._sysfs.maps_of([naa])
        if not found:
            raise DeviceError(f"the multipath map of 3{naa} went away again")
        self._await_name(found[0].name, naa, wanted, events)
        return found[0].name

    def _why_no_map(self) -> str:
        return (
            "look at multipath -v3 and its blacklist"
            if self._multipath.is_served()
            else "multipathd does not run; start it"
        )

    def _await_name(self, name: str, naa: str, wanted: Wanted, events: Events) -> None:
        """Wait until udev has given the device its name; one that it had before it has to be asked for."""
        path = self._name_path(naa, wanted.path)
        there = Path(path)
        if there.is_file() and not there.is_symlink():  # made by who wrote to it while no device was here
            raise DeviceError(f"{path} is a file, in whose place udev makes no link; remove it")
        if not events.until(partial(self._leads_to, path, name), 0):
            self._sysfs.announce(name)
        seconds = min(self._limits.map, self._deadline.left("udev to name the device"))
        if not events.until(partial(self._leads_to, path, name), seconds):
            raise DeviceError(f"udev did not make {path}: are our rules installed? see udevadm info /dev/{name}")

    def _leads_to(self, path: str, name: str) -> bool:
        try:
            number = os.stat(path).st_rdev
        except OSError:
            return False
        return (os.major(number), os.minor(number)) == self._sysfs.number(name)

    def _name_path(self, naa: str, path: str) -> str:
        return path if self._names.can_give(path) else self._names.by_id(naa, multipath=self._wants_maps)

    def stable_name(self, name: str, naa: str, path: str) -> str:
        """The name to give away for the block device ``name``; raises DeviceError if it leads elsewhere."""
        stable = self._name_path(naa, path)
        if not self._leads_to(stable, name):
            raise DeviceError(f"{stable} leads to another device than {name}")
        return stable

    # Proof

    def prove(self, device: str, wanted: Wanted) -> None:
        """Ask every path of a device who it is and how large; DeviceError unless it is the LUN, whole.

        A path that does not answer is a warning as long as another one does. A device that the kernel takes for
        smaller than its paths say is told its size first.
        """
        name = _kernel_name(device)
        self._prove_identity(name, wanted.naas, wanted.size)
        if self._sysfs.size(name) != wanted.size:
            self.resize(name, wanted)

    def prove_alive(self, device: str) -> None:
        """Ask every path of a device whether it is what the kernel takes it for; DeviceError unless one is.

        A device without an identity (a loop device, say) has nobody to be asked.
        """
        naas = self.identities(device)
        if naas:
            self._prove_identity(_kernel_name(device), naas, None)

    def _prove_identity(self, name: str, naas: Collection[str], size: int | None) -> None:
        found = self._sysfs.map(name)
        naa = found.naa if found else self._sysfs.identity(name)
        if naa not in naas:
            raise DeviceError(f"{name} is another LUN's (3{naa}), see multipath -ll")
        if self._wants_maps and found is None:
            raise DeviceError(f"{name} is a single path of 3{naa}, and MULTIPATH is True; detach it first")
        paths = found.paths if found else (name,)
        alive = 0
        for path, answer in sorted(self._ask(paths).items()):
            if answer.kind == inquiry.DEAD:
                LOG.warning("%s does not answer: %s", path, answer.told)
            elif answer.naa != naa:
                told = f"LUN 3{answer.naa}" if answer.naa else "no LUN"
                raise DeviceError(f"{path}, a path of 3{naa}, leads to {told} by now: {self._held_by(name)}")
            elif size is not None and answer.size != size:
                raise DeviceError(f"{path} has {answer.size} bytes, its LUN {size} according to the filer")
            else:
                alive += 1
        if not alive:
            raise DeviceError(f"none of the paths of 3{naa} answers, see multipath -ll 3{naa}")

    def _held_by(self, name: str) -> str:
        held = self.holders(name)
        return f"stop {', '.join(held)} and try again" if held else "run detach and attach"

    def resize(self, device: str, wanted: Wanted) -> None:
        """Let this node see the LUN's size on a device that is proven to be its; DeviceError if it does not."""
        name = _kernel_name(device)
        found = self._sysfs.map(name)
        paths = found.paths if found else (name,)
        works = {path: partial(_done, self._sysfs.rescan, path) for path in paths}
        each_within(min(self._limits.scan, self._deadline.left("reading the paths' size anew")), works)
        late = [path for path in paths if self._sysfs.size(path) != wanted.size]
        if late and len(late) < len(paths):
            # A map is as large as its smallest path, and one dead path shall not keep an instance from growing.
            late = [path for path in late if self._sysfs.state(path) == RUNNING]
        if not late and found:
            self._multipath.resize(found.title)
        with self._events(wanted.naas) as events:
            seconds = min(self._limits.gone, self._deadline.left("the device's new size"))
            if not events.until(lambda: self._sysfs.size(name) == wanted.size, seconds):
                small = f" ({', '.join(late)} did not follow)" if late else ""
                raise DeviceError(
                    f"the LUN has {wanted.size} bytes, its device here {self._sysfs.size(name)}{small}"
                )
        self._prove_identity(name, wanted.naas, wanted.size)

    # Going

    def take_down(self, naas: Collection[str]) -> None:
        """Let no map and no path of these LUNs be on this node; refuse (DeviceError) while somebody holds one.

        Idempotent, and never waits for a dead LUN. Call with the node's lock of scans.
        """
        self._take_down(naas)
        for naa in naas:
            self._multipath.forget(naa)
            self._names.take(naa)

    def _take_down(self, naas: Collection[str]) -> None:
        maps = self._sysfs.maps_of(naas)
        paths = {path.name for path in self._sysfs.paths_of(naas)} | {path for one in maps for path in one.paths}
        with self._events([*naas, *(one.naa for one in maps)]) as events:
            for one in maps:
                self._flush(one, events)
            for path in sorted(paths):
                self._require_free(path, events)
            self._delete(paths)
            seconds = min(self._limits.gone, self._deadline.left("the device to go"))
            if not events.until(lambda: not self.is_known(naas), seconds):
                raise DeviceError("its paths came back while they were taken down; something else scans this node")

    def _flush(self, found: Map, events: Events) -> None:
        """Take a map away. Nothing of ours opens it here: its last close would wait for a dead LUN."""
        if not events.until(lambda: not self.holders(found.name), self._patience):
            held = ", ".join(self.holders(found.name))
            raise DeviceError(f"{found.title} is in use by {held}; {_WAY_OUT}")
        stopped = not any(
            answer.naa == found.naa for answer in self._ask(found.paths, self._limits.ask_last).values()
        )
        if stopped:
            self._multipath.stop_queueing(found.title)
        problems: list[str] = []

        def gone() -> bool:
            problem = self._multipath.flush(found.title) if self._sysfs.map(found.name) else None
            problems.append(problem or "")
            return problem is None

        if not events.until(gone, self._patience):
            if stopped:
                self._multipath.restore_queueing(found.title)
            held = ", ".join(self.holders(found.name)) or "the kernel (a mount, swap or the like)"
            raise DeviceError(f"{found.title} is in use by {held}; {_WAY_OUT}: {problems[-1]}")

    def _require_free(self, path: str, events: Events) -> None:
        """DeviceError if something is built upon a path, but for a map, or has it open."""
        above = [holder for holder in self._sysfs.holders(path) if not self._sysfs.map(holder)]
        if above:
            raise DeviceError(f"{path} is in use by {', '.join(above)}")
        if not events.until(lambda: not self._openers(path), self._patience):
            raise DeviceError(f"{path} is in use by {', '.join(self._openers(path))}; {_WAY_OUT}")
        if not self._wants_maps and self._sysfs.state(path) == RUNNING:
            # Of a map multipath says so. Whoever claims a disk in the kernel (a mount, swap) is seen by asking.
            claimed = within(self._limits.ask_last, lambda: str(is_claimed(f"/dev/{path}")))
            if claimed == "True" and not self._sysfs.holders(path):
                raise DeviceError(f"{path} is in use by the kernel (a mount, swap or the like); {_WAY_OUT}")

    def _delete(self, paths: Collection[str]) -> None:
        """Let the kernel forget paths; how that went is for the caller to see."""
        works = {path: partial(_done, self._sysfs.delete, path) for path in paths if self._sysfs.number(path)}
        done = each_within(min(self._limits.gone, self._deadline.left("deleting paths")), works)
        for path in sorted(set(works) - set(done)):
            LOG.warning("deleting %s failed or is still going on", path)

    def queue(self, device: str, wait: bool) -> None:
        """Whether I/O on a map shall ``wait`` when it has no paths; for another device there is nothing to do."""
        found = self._sysfs.map(_kernel_name(device))
        if found is not None:
            (self._multipath.restore_queueing if wait else self._multipath.stop_queueing)(found.title)

    @property
    def _patience(self) -> float:
        return min(self._limits.release, self._deadline.left("the device to be free"))

    def holders(self, device: str) -> list[str]:
        """Who holds a device, for people. Partitions that kpartx made go with their map, unless they are held."""
        name = _kernel_name(device)
        held = self._openers(name)
        for above in self._sysfs.holders(name):
            held += self.holders(above) if self._sysfs.is_partition_map(above) else [above]
        return held

    def _openers(self, name: str) -> list[str]:
        """Who has a block device open, or one of its partitions."""
        return [held for number in self._sysfs.numbers(name) for held in openers(os.makedev(*number))]


def _kernel_name(device: str) -> str:
    """The kernel's name of a block device, given that or any path to it."""
    return Path(os.path.realpath(device)).name if device.startswith("/") else device


def _kernel_luns(lun_id: int) -> tuple[int, ...]:
    """The numbers under which the kernel may know a LUN id: filers use the flat space method where they must.

    LIO takes large ids the way they come, so that is tried, too.
    """
    return (lun_id,) if lun_id <= _LARGEST_PERIPHERAL else (lun_id | _FLAT_SPACE, lun_id)


def _in_words(question: Callable[[str], Answer], path: str) -> str:
    answer = question(path)
    return f"{answer.kind}\n{answer.told}\n{'' if answer.size is None else answer.size}"


def _from_words(words: str) -> Answer:
    kind, told, size = words.split("\n")
    return Answer(kind, told, int(size) if size else None)


def _done(work: Callable[..., None], *arguments: object) -> str:
    work(*arguments)
    return ""
