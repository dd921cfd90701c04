"""API = "auto": which API is spoken, what is noted, and what happens when a filer stops to serve an API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from dataontap import config
from dataontap.client.array import Array
from dataontap.client.auto import Auto
from dataontap.errors import ApiOff, ApiSuspended, NotAllowed, OntapError, TransportError
from dataontap.state.cache import ApiNote

OFF = ApiOff("the filer has no such API", status=404)
SUSPENDED = ApiSuspended("ONTAPI is suspended", code="61253")
LOCKED_OUT = TransportError("the filer does not accept LOGIN", status=401)
FORBIDDEN = NotAllowed("not authorized", code="6")
SILENT = TransportError("the filer does not answer")


class Filer:
    """A filer as its two APIs answer: an error, or nothing for an API that works."""

    def __init__(self, rest: OntapError | None = None, zapi: OntapError | None = None) -> None:
        self.answers = {"rest": rest, "zapi": zapi}
        self.asked: list[str] = []

    def connect(self, api: str) -> Array:
        return cast(Array, Client(self, api))


class Client:
    """What these tests need of an ``Array``."""

    comments_at_creation = True

    def __init__(self, filer: Filer, api: str) -> None:
        self._filer, self._api = filer, api

    def check_connection(self) -> None:
        self._ask("probe")

    def get_lun_list(self) -> str:
        self._ask("list")
        return self._api

    def _ask(self, what: str) -> None:
        self._filer.asked.append(f"{self._api} {what}")
        error = self._filer.answers[self._api]
        if error is not None:
            raise error


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "conf"
    file.write_text("")
    return file


def note(file: Path, **options: object) -> ApiNote:
    text = {"HOSTNAME": "filer", "LOGIN": "admin", "PASSWORD": "secret", **options}
    settings = config.parse("".join(f"{name} = {value!r}\n" for name, value in text.items()), "f")
    return ApiNote(settings, str(file), file=str(file.with_name("api")))


def listed(filer: Filer, found: ApiNote) -> object:
    """What a verb of a new process gets, by which API."""
    filer.asked.clear()
    return Auto(filer.connect, found).get_lun_list()


class TestWithoutANote:
    def test_rest_is_tried_first(self, file: Path) -> None:
        filer = Filer()
        assert listed(filer, note(file)) == "rest"
        assert filer.asked == ["rest probe", "rest list"]
        assert listed(filer, note(file)) == "rest"
        assert filer.asked == ["rest list"], "the next process asks no more than it needs"

    @pytest.mark.parametrize("error", [OFF, LOCKED_OUT, FORBIDDEN])
    def test_zapi_where_rest_does_not_work(self, file: Path, error: OntapError) -> None:
        filer = Filer(rest=error)
        assert listed(filer, note(file)) == "zapi"
        assert listed(filer, note(file)) == "zapi"
        assert filer.asked == ["zapi list"]

    def test_a_filer_that_does_not_answer_is_not_asked_twice(self, file: Path) -> None:
        filer = Filer(rest=SILENT)
        with pytest.raises(TransportError, match="does not answer"):
            listed(filer, note(file))
        assert filer.asked == ["rest probe"]
        assert note(file).get() is None

    def test_a_refused_login_is_tried_once_until_the_configuration_changes(self, file: Path) -> None:
        """A filer locks an account after some refusals."""
        filer = Filer(rest=LOCKED_OUT, zapi=LOCKED_OUT)
        for asked in (["rest probe", "zapi probe"], ["zapi probe"]):
            with pytest.raises(TransportError, match="does not accept LOGIN"):
                listed(filer, note(file))
            assert filer.asked == asked
        os.utime(file, ns=(1, 1))
        filer.answers["rest"] = None
        assert listed(filer, note(file)) == "rest"


class TestWithANote:
    @pytest.mark.parametrize("api", ["rest", "zapi"])
    def test_what_worked_last_goes_on(self, file: Path, api: str) -> None:
        note(file).put(api)
        filer = Filer()
        assert listed(filer, note(file)) == api
        assert filer.asked == [f"{api} list"]

    def test_an_upgrade_notes_zapi_for_any_filer(self, file: Path) -> None:
        file.with_name("api").write_text("zapi\n")
        assert listed(Filer(), note(file)) == "zapi"

    def test_another_filer_is_asked_anew(self, file: Path) -> None:
        note(file).put("zapi")
        assert note(file, HOSTNAME="other").get() is None
        assert note(file, LOGIN="other").get() is None

    @pytest.mark.parametrize("text", ["", "soap", "rest\0", "zapi x\n", "\xff"])
    def test_a_damaged_note_is_none(self, file: Path, text: str) -> None:
        file.with_name("api").write_bytes(text.encode("latin-1"))
        assert note(file).get() is None

    @pytest.mark.parametrize("error", [OFF, SUSPENDED])
    def test_zapi_is_switched_off(self, file: Path, error: OntapError) -> None:
        """No verb is lost."""
        note(file).put("zapi")
        filer = Filer(zapi=error)
        assert listed(filer, note(file)) == "rest"
        assert filer.asked == ["zapi list", "rest probe", "rest list"]
        assert listed(filer, note(file)) == "rest"
        assert filer.asked == ["rest list"]

    def test_and_rest_after_that(self, file: Path) -> None:
        note(file).put("rest")
        assert listed(Filer(rest=OFF), note(file)) == "zapi"
        assert note(file).get() == "zapi"

    def test_neither_works(self, file: Path) -> None:
        note(file).put("zapi")
        filer = Filer(zapi=ApiSuspended("ONTAPI is suspended", code="61253"), rest=LOCKED_OUT)
        for asked in (["zapi list", "rest probe"], ["zapi list"]):
            with pytest.raises(ApiSuspended, match="^ONTAPI is suspended") as caught:
                listed(filer, note(file))
            assert filer.asked == asked
            assert note(file).get() == "zapi"
        filer.answers["zapi"] = ApiSuspended("ONTAPI is suspended", code="61253")
        os.utime(file, ns=(1, 1))
        with pytest.raises(ApiSuspended) as caught:
            listed(filer, note(file))
        assert str(caught.value) == "ONTAPI is suspended; nor does REST work: the filer does not accept LOGIN"

    def test_another_verb_has_noted_the_other_api_meanwhile(self, file: Path) -> None:
        note(file).put("zapi")
        filer = Filer(zapi=ApiSuspended("ONTAPI is suspended", code="61253"))
        first, second = Auto(filer.connect, note(file)), Auto(filer.connect, note(file))
        assert first.comments_at_creation and second.comments_at_creation  # both have chosen ZAPI
        assert first.get_lun_list() == "rest"
        assert second.get_lun_list() == "rest"

    def test_apis_that_come_and_go_do_not_keep_a_verb(self, file: Path) -> None:
        note(file).put("zapi")
        filer = Filer(zapi=ApiSuspended("ONTAPI is suspended", code="61253"))
        array = Auto(filer.connect, note(file))
        assert array.get_lun_list() == "rest"
        filer.answers = {"rest": ApiOff("no REST", status=404), "zapi": None}
        with pytest.raises(ApiOff):
            array.get_lun_list()

    def test_a_note_that_cannot_be_written(self, file: Path, caplog: pytest.LogCaptureFixture) -> None:
        file.with_name("api").mkdir()
        note(file).put("zapi")
        assert "cannot note which API of the filer works" in caplog.text
        assert note(file).get() is None


def test_what_sends_nothing_is_passed_on(file: Path) -> None:
    note(file).put("zapi")
    filer = Filer()
    assert Auto(filer.connect, note(file)).comments_at_creation is True
    assert filer.asked == []
