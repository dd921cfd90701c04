"""What may not be logged, and where the log may not be."""

from __future__ import annotations

import logging
import sys

import pytest
from oslo_config import cfg
from oslo_log import log as oslo
from oslo_log.formatters import ContextFormatter
from oslo_utils import strutils

from dataontap import log
from dataontap.errors import OntapError


def test_each_name_of_a_password_is_suspicious() -> None:
    """As far as this version of the library knows any."""
    names = strutils._SANITIZE_KEYS
    assert len(names) > 10
    assert [name for name in names if not any(word in name.lower() for word in log.SUSPICIOUS)] == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("chappassword = abc", "chappassword = ***"),
        ("run --Admin_Pass 'abc' now", "run --Admin_Pass '***' now"),
        ("mapping it to ganeti-node1", "mapping it to ganeti-node1"),
        ("the filer said: hunter2", "the filer said: ***"),
    ],
)
def test_mask(text: str, masked: str) -> None:
    assert log.mask(text, ["hunter2"]) == masked


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("vol1, für alle", "vol1, für alle"),
        ("a\nWARNING b", "a WARNING b"),
        ("a\r\n\tb\u2028c\x85d\x0be", "a   b c d e"),
        ("\x1b[2J\x9b31m\x07\x7f", "?[2J?31m??"),
        ("\u202egnirts", "?gnirts"),
        ("a\udcffb", "a?b"),
    ],
)
def test_what_a_terminal_or_a_reader_of_lines_would_obey(text: str, printed: str) -> None:
    assert log.printable(text) == printed


class TestLines:
    """What becomes of a record."""

    @pytest.fixture
    def formatter(self) -> logging.Formatter:
        return log.Safe(logging.Formatter("%(levelname)s %(message)s"), ["hunter2", "a\nb"])

    def test_a_record_is_one_line(self, formatter: logging.Formatter) -> None:
        """A volume's name cannot forge a record."""
        record = self.record("%s is mapped to %s", "/vol/x", "backup\n2026-11-29 CRITICAL \x1b[31m all is lost")
        assert (
            formatter.format(record) == "WARNING /vol/x is mapped to backup 2026-11-29 CRITICAL ?[31m all is lost"
        )

    def test_secrets_are_masked_before_they_are_changed(self, formatter: logging.Formatter) -> None:
        assert formatter.format(self.record("it was %s", "a\nb")) == "WARNING it was ***"

    def test_a_traceback_keeps_its_lines(self, formatter: logging.Formatter) -> None:
        record = self.record("it\nfailed")
        try:
            raise ValueError("hunter2\x1b[2J")
        except ValueError:
            record.exc_info = sys.exc_info()
        head, *lines = formatter.format(record).split("\n")
        assert head == "WARNING it failed"
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1] == "ValueError: ***?[2J"

    @pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
    @pytest.mark.parametrize("told", [True, False])
    def test_an_exception_that_is_being_handled_is_not_told_twice(self, level: int, told: bool) -> None:
        conf = cfg.ConfigOpts()
        oslo.register_options(conf)
        conf([], project="dataontap", default_config_files=[], default_config_dirs=[])
        conf.set_override("logging_default_format_string", "%(levelname)s %(message)s")
        conf.set_override("logging_exception_prefix", "")
        formatter = log.Safe(ContextFormatter(config=conf), [])
        try:
            raise OntapError("the answer is not XML")
        except OntapError as error:
            record = self.record("%s; trying again", error)
            record.levelno = level
            record.exc_info = sys.exc_info() if told else None
            lines = formatter.format(record).split("\n")
        assert lines[0] == "WARNING the answer is not XML; trying again"
        assert lines[-1].endswith("OntapError: the answer is not XML") == told

    @staticmethod
    def record(text: str, *arguments: object) -> logging.LogRecord:
        return logging.LogRecord("dataontap", logging.WARNING, "", 1, text, arguments, None)
