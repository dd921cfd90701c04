"""Where log records go and how they look. The only importer of oslo.log.

oslo.log's handlers and formatters give the file its rotation-proof handling (the file is opened again when
logrotate moves it away) and both outputs the form that storage admins know from OpenStack. Modules log to
``logging.getLogger(__name__)`` and know nothing of this.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataontap.config import Settings

LOG = logging.getLogger(__name__)

# Each name after which strutils.mask_password looks for a password has one of these in it. What is logged hardly
# ever has, and importing strutils is a fifth of a script's start.
SUSPICIOUS = (
    *("pass", "pswd", "secret", "token", "key", "kek"),
    *("credential", "cookie", "fsid", "configdrive", "hashsuffix"),
)

_FORMAT = "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s %(message)s"


class Safe(logging.Formatter):
    """Makes what another formatter makes of a record one line without secrets; only a traceback has more."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        text = self._inner.format(record)
        # It stands at the end, and has been kept on the record.
        traceback = record.exc_text or ""
        head = text[: len(text) - len(traceback)].rstrip("\n")
        lines = [printable(mask(head, self._secrets))]
        if traceback:
            lines += printable_lines(mask(traceback, self._secrets))
        return "\n".join(lines)


def printable(text: str) -> str:
    """``text`` as one line that does nothing to a terminal, whoever made it up.

    What comes from a filer, a program or an environment is made so here, where it leaves for a log or a message.
    """
    return "".join(
        character if character.isprintable() else " " if character.isspace() else "?" for character in text
    )


def printable_lines(text: str) -> list[str]:
    """The lines of a text that has more than one, each ``printable``."""
    return [printable(line) for line in text.rstrip("\n").split("\n")]


def mask(text: str, secrets: Iterable[str]) -> str:
    """``text`` without any of ``secrets`` and without what looks like a password."""
    masked = text
    lowered = text.lower()
    if any(word in lowered for word in SUSPICIOUS):
        from oslo_utils import strutils

        masked = str(strutils.mask_password(text))
    for secret in secrets:
        masked = masked.replace(secret, "***")
    return masked


def setup(settings: Settings) -> None:
    """Log to stderr and to LOGFILE: decisions and outcomes, with DEBUG also every call and command.

    A log file that cannot be written is a warning: no disk shall be out of reach for want of a log.
    """
    logging.raiseExceptions = False  # a stream that cannot be written is not worth a traceback a record
    from oslo_config import cfg
    from oslo_log import log
    from oslo_log.handlers import ColorHandler

    problem = _unusable(settings.logfile)
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf([], project="dataontap", default_config_files=[], default_config_dirs=[])
    overrides: dict[str, object] = {
        "debug": settings.debug,
        "use_stderr": True,
        "log_file": None if problem else settings.logfile,
        "logging_default_format_string": _FORMAT,
        "logging_exception_prefix": "",
        "default_log_levels": [],
    }
    for name, value in overrides.items():
        conf.set_override(name, value)
    log.setup(conf, "dataontap")
    root = logging.getLogger()
    for coloured in [handler for handler in root.handlers if isinstance(handler, ColorHandler)]:
        _put_plain_handler(root, coloured)
    for handler in root.handlers:
        if handler.formatter is not None:
            handler.setFormatter(Safe(handler.formatter, settings.secrets))
    if problem is not None:
        LOG.warning("LOGFILE: %s: %s; logging to stderr only", settings.logfile, problem)


def _unusable(logfile: str | None) -> str | None:
    """Why the log file cannot be written, if so. What is no plain file is not even opened: a FIFO would wait."""
    if logfile is None:
        return None
    try:
        with open(os.open(logfile, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600), "ab") as file:
            return None if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else "is no plain file"
    except OSError as error:
        return error.strerror


def _put_plain_handler(root: logging.Logger, coloured: logging.Handler) -> None:
    """A plain handler in the place of oslo.log's for stderr, which ends each line with a terminal's escape code:
    Ganeti keeps our stderr in a file and shows its last lines to the admin.
    """
    plain = logging.StreamHandler()
    plain.setFormatter(coloured.formatter)
    root.removeHandler(coloured)
    root.addHandler(plain)
