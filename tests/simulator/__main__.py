"""``python3 -m tests.simulator --listen 127.0.0.1:PORT --state DIR``: run the simulated filer until told to
stop.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.simulator import certificates, lio, lio_fc, provision, typed
from tests.simulator.api.system import RELEASES
from tests.simulator.control import ControlServer
from tests.simulator.filer import LICENCES, LUNS_PER_VOLUME, NEWEST, Filer, Serving
from tests.simulator.kinds import KINDS, Kind
from tests.simulator.limits import Limit
from tests.simulator.requestlog import RequestLog
from tests.simulator.server import Place, Server


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not ADDRESS:PORT")
    return host.strip("[]"), int(port)


def _svm_address(text: str) -> tuple[str, tuple[str, int]]:
    svm, equals, place = text.partition("=")
    if not (svm and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not SVM=ADDRESS:PORT")
    return svm, _address(place)


def _version(text: str) -> int:
    major, dot, minor = text.partition(".")
    if (major, dot) != ("1", ".") or not minor.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an ONTAPI version such as 1.180")
    return int(minor)


def _release(text: str) -> int:
    """The ONTAPI version of a release: the patch number does not count where no release has another one."""
    found = [ontapi for ontapi, release in RELEASES.items() if text in {release, release.rpartition(".1")[0]}]
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(RELEASES.values())}")
    return found[0]


def _kind(text: str) -> Kind:
    if text not in KINDS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(KINDS)}")
    return KINDS[text]


def _names(form: str) -> Callable[[str], tuple[str, ...]]:
    """A reader of ``form``, which is names with slashes between them."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(text.split("/"))
        if len(names) != form.count("/") + 1 or not all(names):
            raise argparse.ArgumentTypeError(f"{text!r} is not {form}")
        return names

    return read


def _volume(text: str) -> tuple[str, str, int]:
    place, equals, size = text.partition("=")
    vserver, name = _names("VSERVER/VOLUME")(place)
    if equals and not size.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} has no size in bytes")
    return vserver, name, int(size) if equals else provision.VOLUME_SIZE


def _pair(form: str, separator: str) -> Callable[[str], tuple[str, str]]:
    """A reader of ``form``, which is two words with the separator between them."""

    def read(text: str) -> tuple[str, str]:
        first, found, second = text.partition(separator)
        if not (first and found and second):
            raise argparse.ArgumentTypeError(f"{text!r} is not {form}")
        return first, second

    return read


def _account(text: str) -> tuple[str, str, str | None]:
    login, colon, password = text.partition(":")
    vserver, _, name = login.rpartition("/")
    if not (colon and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not [VSERVER/]NAME:PASSWORD")
    return name, password, vserver or None


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tests.simulator", description="A simulated NetApp filer.")
    parser.add_argument(
        "--listen", type=_address, default=("127.0.0.1", 0), metavar="ADDRESS:PORT", help="port 0: any"
    )
    parser.add_argument(
        "--svm-listen",
        action="append",
        default=[],
        type=_svm_address,
        metavar="SVM=ADDRESS:PORT",
        help="an SVM's own address, too; then its accounts log in there only, and the cluster's at --listen only."
        " May come several times for an SVM",
    )
    parser.add_argument(
        "--connections-per-address", type=int, metavar="N", help="more connections of one client's address wait"
    )
    parser.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="made when missing; survives a kill"
    )
    parser.add_argument("--http", action="store_true", help="no TLS")
    parser.add_argument(
        "--ontapi", type=_version, default=NEWEST, metavar="1.N", help=f"default 1.{NEWEST}, release 9.8"
    )
    parser.add_argument(
        "--release",
        type=_release,
        dest="ontapi",
        default=argparse.SUPPRESS,
        metavar="9.N",
        help="the release instead, such as 9.14.1",
    )
    parser.add_argument(
        "--kind", type=_kind, default=KINDS["unified"], metavar="KIND", help=f"the filer is {', '.join(KINDS)}"
    )
    parser.add_argument("--no-rest", action="store_true", help="serve ZAPI only")
    parser.add_argument(
        "--zapi", choices=("on", "off", "suspended"), default="on", help="what ZAPI's clients meet"
    )
    parser.add_argument(
        "--job-seconds",
        type=float,
        default=0.0,
        metavar="S",
        help="REST: changes of LUNs are jobs that take so long",
    )
    parser.add_argument(
        "--records-per-page", type=int, default=10_000, metavar="N", help="REST: the most records of a page"
    )
    parser.add_argument("--seed", help="make the same identities again, in a new state directory")
    parser.add_argument("--clones-without-comment", action="store_true", help="a clone starts without a comment")
    parser.add_argument(
        "--iscsi",
        type=_pair("ADDRESS,ADDRESS", ","),
        metavar="ADDRESS,ADDRESS",
        help="export the LUNs by this kernel's own iSCSI target (LIO), with these as every vserver's portals",
    )
    parser.add_argument(
        "--fc",
        type=_pair("WWPN,WWPN", ","),
        metavar="WWPN,WWPN",
        help="export svm1's LUNs by these Fibre Channel ports of this machine (LIO) instead",
    )
    parser.add_argument(
        "--admit",
        action="append",
        default=[],
        metavar="INITIATOR",
        help="may log in there before any igroup has it",
    )
    parser.add_argument(
        "--chap", type=_pair("USER:SECRET", ":"), metavar="USER:SECRET", help="what initiators have to log in with"
    )
    parser.add_argument(
        "--chap-target",
        type=_pair("USER:SECRET", ":"),
        metavar="USER:SECRET",
        help="what it proves itself with to initiators that ask for that; needs --chap",
    )
    parser.add_argument("--strict", action="store_true", help="refuse unknown fields in queries, as none does")
    parser.add_argument(
        "--offline-volumes-unlisted", action="store_true", help="lists lack their LUNs and have volume-errors"
    )
    parser.add_argument(
        "--map-conflict", type=int, choices=(9009, 9039), default=9009, help="a LUN mapped twice to an initiator"
    )
    parser.add_argument(
        "--without", action="append", default=[], choices=sorted(LICENCES), help="a licence that the filer lacks"
    )
    parser.add_argument("--luns-per-volume", type=int, default=LUNS_PER_VOLUME, metavar="N")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input ends")
    more = parser.add_argument_group("made unless they are there already")
    for name, read, form in (
        ("--vserver", _names("VSERVER"), "VSERVER"),
        ("--volume", _volume, "VSERVER/VOLUME[=BYTES]"),
        ("--qtree", _names("VSERVER/VOLUME/QTREE"), "VSERVER/VOLUME/QTREE"),
        ("--account", _account, "[VSERVER/]NAME:PASSWORD"),
        ("--initiator", _names("VSERVER/INITIATOR"), "VSERVER/INITIATOR"),
    ):
        more.add_argument(name, action="append", default=[], type=read, metavar=form)
    more.add_argument(
        "--commands",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help=f"ONTAP commands that make roles and accounts; the accounts' password is {typed.PASSWORD!r}",
    )
    return parser.parse_args(arguments)


def _provision(filer: Filer, options: argparse.Namespace) -> None:
    for names in options.vserver:
        provision.add_vserver(filer.state, *names)
    for vserver, volume, size in options.volume:
        provision.add_volume(filer.state, vserver, volume, size)
    for names in options.qtree:
        provision.add_qtree(filer.state, *names)
    for name, password, owner in options.account:
        provision.add_account(filer.state, name, password, owner)
    for names in options.initiator:
        provision.add_session(filer.state, *names)
    for file in options.commands:
        typed.run(filer.state, file.read_text(encoding="utf-8").splitlines())


def _other_certificate(state: Path, name: str) -> ssl.SSLContext:
    return certificates.context(state, certificates.OTHERS[name])


def _stop_on_signals(server: Server) -> None:
    def stop(*_: object) -> None:
        # shutdown() waits for serve_forever(), which runs in this thread: another one must wait.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _stop_with_stdin(server: Server) -> None:
    def hold() -> None:
        # The descriptor itself: a thread inside sys.stdin would keep the interpreter from ending in good
        # order.
        while os.read(0, 4096):
            continue
        server.shutdown()

    threading.Thread(target=hold, daemon=True).start()


def main(arguments: list[str]) -> None:
    """Start, say so in one line, serve until stopped."""
    options = _arguments(arguments)
    filer = Filer(
        options.state,
        ontapi=options.ontapi,
        seed=options.seed,
        clones_keep_comment=not options.clones_without_comment,
        portals=options.iscsi or (),
        wwpns=options.fc or (),
        map_conflict=options.map_conflict,
        licences=LICENCES - set(options.without),
        luns_per_volume=options.luns_per_volume,
        strict=options.strict,
        lists_offline=not options.offline_volumes_unlisted,
        serving=Serving(not options.no_rest, options.zapi, options.job_seconds, options.records_per_page),
        kind=options.kind,
    )
    _provision(filer, options)
    if options.iscsi:
        mutual = lio.Chap(*options.chap_target) if options.chap_target else None
        chap = replace(lio.Chap(*options.chap), mutual=mutual) if options.chap else None
        lio.Exporter(filer.state, options.iscsi, guests=options.admit, chap=chap)
    if options.fc:
        lio_fc.FcExporter(filer.state, options.fc, guests=options.admit)
    if not options.http:
        certificates.ensure(options.state)
    tls = None if options.http else certificates.context(options.state)
    certify = None if options.http else partial(_other_certificate, options.state)
    log, limit = RequestLog(options.state), Limit(options.connections_per_address)
    own = Place("" if options.svm_listen else None, limit)
    server = Server(options.listen, filer, log, tls, certify, place=own)
    svms = [
        (svm, Server(address, filer, log, tls, certify, place=Place(svm, limit), beside=server))
        for svm, address in options.svm_listen
    ]
    with server, ControlServer(options.state, server), contextlib.ExitStack() as beside:
        for _, each in svms:
            beside.enter_context(each)
            threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        _stop_on_signals(server)
        if options.lifeline:
            _stop_with_stdin(server)
        host = f"[{options.listen[0]}]" if ":" in options.listen[0] else options.listen[0]
        where = f"{'http' if options.http else 'https'}://{host}:{server.server_port}"
        certificate = "" if options.http else f" ca={options.state.resolve() / certificates.CA}"
        others = "".join(f" {svm}={each.server_address[0]!s}:{each.server_port}" for svm, each in svms)
        print(f"simulator: {where}{certificate}{others}", flush=True)
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main(sys.argv[1:])
