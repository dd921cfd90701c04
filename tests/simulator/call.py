"""One API call on its way through the filer: its arguments, strictly typed, and whom it concerns.

Stricter than a filer, never laxer: what is missing, unknown, doubled, newer than the declared version or not
of its type is refused.  Which errno ONTAP gives is documented for few cases: a missing value 13001
(recorded), a bad value 13115 (NetApp's own tests); an unknown argument is 13001 here by choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulator.documents import Node, Tree
from tests.simulator.errnos import (
    API_ERROR,
    INVALID_INPUT,
    NO_SUCH_IGROUP,
    NO_SUCH_LUN,
    VOLUME_OFFLINE,
    VOLUME_READ_ONLY,
    VSERVER_NOT_FOUND,
    Refusal,
)
from tests.simulator.model import Account, Igroup, Lun, Volume

if TYPE_CHECKING:
    from tests.simulator.filer import Filer

LARGEST_NUMBER = (1 << 63) - 1


@dataclass(frozen=True)
class Api:
    """What the filer knows of an API before it runs: its handler, its arguments, and the ONTAPI versions that it
    (``introduced``) and they (``since``) came with.

    ``tunnelled`` APIs belong to a vserver; the others also work on the cluster itself, those that are
    ``cluster_only`` nowhere else.
    """

    name: str
    handler: Callable[[Call], Tree]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    since: Mapping[str, int]
    tunnelled: bool
    cluster_only: bool
    introduced: int


APIS: dict[str, Api] = {}


def api(
    name: str,
    *required: str,
    optional: tuple[str, ...] = (),
    since: Mapping[str, int] | None = None,
    tunnelled: bool = True,
    cluster_only: bool = False,
    introduced: int = 0,
) -> Callable[[Callable[[Call], Tree]], Callable[[Call], Tree]]:
    """Register the decorated function as the handler of the API ``name``."""

    def register(handler: Callable[[Call], Tree]) -> Callable[[Call], Tree]:
        of_vserver = tunnelled and not cluster_only
        APIS[name] = Api(name, handler, required, optional, since or {}, of_vserver, cluster_only, introduced)
        return handler

    return register


def require_writable(volume: Volume) -> None:
    """Refuse to change what is in a mirror."""
    if volume.is_read_only:
        raise Refusal(VOLUME_READ_ONLY, f"Volume {volume.name} is read-only")


class Call:
    """A call's arguments and surroundings.

    ``login`` is who calls, ``scope`` the vserver that is called, None on the cluster itself.
    """

    def __init__(self, filer: Filer, node: Node, api: Api, login: Account, scope: str | None) -> None:
        self.filer, self.node, self.api, self.login, self.scope = filer, node, api, login, scope
        self._given: dict[str, Node] = {}
        for child in node.children:
            if child.name in self._given:
                raise Refusal(API_ERROR, f"Extra input: {child.name}")
            self._given[child.name] = child
        self._check()

    def _check(self) -> None:
        known = {*self.api.required, *self.api.optional}
        for name in self._given:
            if name not in known or self.filer.ontapi < self.api.since.get(name, 0):
                raise Refusal(API_ERROR, f"Extra input: {name}")
        for name in self.api.required:
            node = self._given.get(name)
            # An empty comment or attribute value is a value; an empty path is none.
            if node is None or not (node.text or node.children or name in {"comment", "value"}):
                raise Refusal(API_ERROR, f"Missing value for zapi field: {name}")

    @property
    def vserver(self) -> str:
        """The vserver of a tunnelled API."""
        if self.scope is None:
            raise AssertionError(f"{self.api.name} is not declared as tunnelled")
        return self.scope

    def named_vserver(self, argument: str = "vserver") -> str:
        """The vserver of an API that works on the cluster, too, where an argument names it."""
        name = self.text(argument) or self.scope
        if name is None:
            raise Refusal(API_ERROR, "Vserver API missing vserver parameter.")
        if (name,) not in self.filer.vservers or self.scope not in {None, name}:
            raise Refusal(VSERVER_NOT_FOUND, "Specified vserver not found")
        return name

    def container(self, name: str) -> Node | None:
        """A structured argument (``query``, ``desired-attributes``), if given."""
        return self._given.get(name)

    def text(self, name: str, default: str = "") -> str:
        """A string argument."""
        node = self._given.get(name)
        if node is None:
            return default
        if node.children:
            raise Refusal(INVALID_INPUT, f"Invalid value for {name}: a single value was expected")
        return node.text

    def texts(self, *names: str) -> dict[str, str]:
        """Those of these string arguments that say something, by name."""
        return {name: self.text(name) for name in names if self.text(name)}

    def number(self, name: str, default: int = 0) -> int:
        """An integer argument: decimal digits, not negative."""
        if name not in self._given:
            return default
        text = self.text(name)
        if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) > LARGEST_NUMBER:
            raise Refusal(INVALID_INPUT, f"Invalid value for {name}: {text!r} is not an integer")
        return int(text)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean argument; Ansible sends Python's True and False, so case does not count."""
        if name not in self._given:
            return default
        text = self.text(name).lower()
        if text not in {"true", "false"}:
            raise Refusal(INVALID_INPUT, f"Invalid value for {name}: {text!r} is not a boolean")
        return text == "true"

    def choice(self, name: str, allowed: frozenset[str], default: str) -> str:
        """A string argument that is one of a set."""
        value = self.text(name) or default
        if value not in allowed:
            raise Refusal(INVALID_INPUT, f"Invalid value for {name}: {value!r}")
        return value

    def lun(self, errno: int = NO_SUCH_LUN) -> Lun:
        """The LUN that the argument ``path`` names."""
        path = self.text("path")
        lun = self.filer.luns.get((self.vserver, path))
        if lun is None:
            reason = "entry doesn't exist" if errno != NO_SUCH_LUN else f"No such LUN exists: {path}"
            raise Refusal(errno, reason)
        if self.filer.volumes[lun.vserver, lun.volume].state != "online":
            raise Refusal(VOLUME_OFFLINE, f"Volume {lun.volume} is not online")
        return lun

    def lun_to_change(self, errno: int = NO_SUCH_LUN) -> Lun:
        """As ``lun``; refused in a mirror, whose LUNs change by the next transfer only."""
        lun = self.lun(errno)
        require_writable(self.filer.volumes[lun.vserver, lun.volume])
        return lun

    def igroup(self, argument: str = "initiator-group-name") -> Igroup:
        """The igroup that an argument names."""
        name = self.text(argument)
        igroup = self.filer.igroups.get((self.vserver, name))
        if igroup is None:
            raise Refusal(NO_SUCH_IGROUP, f"No such initiator group: {name}")
        return igroup
