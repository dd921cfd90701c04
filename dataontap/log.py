"""Sets up the destinations and the format of log records. The only importer of oslo.log.

oslo.log's formatter gives stderr and the log file (see ``logfile``) the form that storage admins know from
OpenStack.
Other modules only use ``logging.getLogger(__name__)``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataontap.config import Settings

LOG = logging.getLogger(__name__)

# strutils.mask_password looks for a password after certain names, and each of these names contains one of these
# words. Log lines rarely do, and the import of strutils takes a fifth of a script's start.
SUSPICIOUS = (
    *("pass", "pswd", "secret", "token", "key", "kek"),
    *("credential", "cookie", "fsid", "configdrive", "hashsuffix"),
)

_FORMAT = "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s %(message)s"


class Safe(logging.Formatter):
    """Turns another formatter's output into one line without secrets. Only a traceback has more lines."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        text = self._inner.format(record)
        # The traceback is at the end of the text. The formatter has stored it in the record.
        traceback = record.exc_text or ""
        head = text[: len(text) - len(traceback)].rstrip("\n")
        # oslo.log adds the exception that is being handled. Our messages already have it where it matters.
        summary = getattr(record, "error_summary", "")
        head = head.removesuffix(f": {summary}") if summary else head
        lines = [printable(mask(head, self._secrets))]
        if traceback:
            lines += printable_lines(mask(traceback, self._secrets))
        return "\n".join(lines)


def printable(text: str) -> str:
    """``text`` as one line without control characters, which is safe on a terminal.

    Logs and messages pass through it, because they contain texts from a filer, a program or the environment.
    """
    return "".join(
        character if character.isprintable() else " " if character.isspace() else "?" for character in text
    )


def printable_lines(text: str) -> list[str]:
    """The lines of ``text``, each of them ``printable``."""
    return [printable(line) for line in text.rstrip("\n").split("\n")]


def mask(text: str, secrets: Iterable[str]) -> str:
    """``text`` without ``secrets`` and without text that looks like a password."""
    masked = text
    lowered = text.lower()
    if any(word in lowered for word in SUSPICIOUS):
        from oslo_utils import strutils

        masked = str(strutils.mask_password(text))
    for secret in secrets:
        masked = masked.replace(secret, "***")
    return masked


def setup(settings: Settings) -> None:
    """Log to stderr and to LOGFILE: decisions and outcomes, and with DEBUG every call and command.

    A log file that cannot be written is only a warning, so that disks can be used without a log.
    """
    logging.raiseExceptions = False  # no traceback for each record when a stream cannot be written
    from oslo_config import cfg
    from oslo_log import log
    from oslo_log.handlers import ColorHandler

    from dataontap.logfile import LogFile

    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf([], project="dataontap", default_config_files=[], default_config_dirs=[])
    overrides: dict[str, object] = {
        "debug": settings.debug,
        "use_stderr": True,
        "logging_default_format_string": _FORMAT,
        "logging_exception_prefix": "",
        "default_log_levels": [],
    }
    for name, value in overrides.items():
        conf.set_override(name, value)
    log.setup(conf, "dataontap")
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    problem = None
    if settings.logfile is not None:
        try:
            handlers.append(LogFile(settings.logfile))
        except OSError as error:
            problem = error.strerror
    root = logging.getLogger()
    for coloured in [handler for handler in root.handlers if isinstance(handler, ColorHandler)]:
        _replace(root, coloured, handlers, settings.secrets)
    if problem is not None:
        LOG.warning("LOGFILE: %s: %s; logging to stderr only", settings.logfile, problem)


def _replace(
    root: logging.Logger, coloured: logging.Handler, handlers: Iterable[logging.Handler], secrets: Iterable[str]
) -> None:
    """Replace oslo.log's stderr handler with ``handlers``, which use oslo.log's formatter.

    oslo.log's handler ends each line with a terminal's escape code. Ganeti writes our stderr to a file and shows
    its last lines to the admin.
    """
    root.removeHandler(coloured)
    for handler in handlers:
        handler.setFormatter(Safe(coloured.formatter or logging.Formatter(), secrets))
        root.addHandler(handler)
