"""ZAPI on the wire: what goes out, what is made of what comes back."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataontap.client.transport import ANSWER_LIMIT
from dataontap.client.zapi.api import MARKUP_LIMIT, NaElement, NaServer
from dataontap.errors import OntapError, Refusal

# As clustered ONTAP frames it.
ANSWER = (
    b"<?xml version='1.0' encoding='UTF-8' ?>\n<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_gx.dtd'>\n"
    b"<netapp version='1.180' xmlns='http://www.netapp.com/filer/admin'>%b</netapp>"
)
PASSED = ANSWER % b'<results status="passed"><major-version>1</major-version></results>'


class Peer:
    """A filer that says one thing and keeps what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    def __call__(self, document: bytes) -> bytes:
        self.asked.append(document)
        return self.answer


def test_a_call_goes_out_as_the_filer_wants_it() -> None:
    peer = Peer(PASSED)
    NaServer(peer, tunnel="svm1").send_request("lun-map", {"path": "/vol/a&b/c", "force": True, "lun-id": None})
    assert peer.asked == [
        b"<?xml version='1.0' encoding='utf-8'?>\n"
        b'<netapp version="1.15" xmlns="http://www.netapp.com/filer/admin" vfiler="svm1">'
        b"<lun-map><path>/vol/a&amp;b/c</path><force>true</force></lun-map></netapp>"
    ]


def test_a_cluster_call_is_not_tunnelled() -> None:
    peer = Peer(PASSED)
    server = NaServer(peer, tunnel="svm1", version=(1, 110))
    server.send_request("system-get-ontapi-version", enable_tunneling=False)
    assert b"vfiler" not in peer.asked[0]
    assert b'version="1.110"' in peer.asked[0]


def test_results_of_a_passed_call() -> None:
    results = NaServer(Peer(PASSED)).send_request("system-get-ontapi-version")
    assert results.get_int("major-version") == 1
    with pytest.raises(OntapError, match="has no usable minor-version: ''"):
        results.get_int("minor-version")


@pytest.mark.parametrize(
    ("results", "message", "code"),
    [
        (
            b'<results reason="No such LUN" status="failed" errno="9017"></results>',
            "lun-map failed: No such LUN (errno 9017)",
            "9017",
        ),
        (
            b'<results reason="Specified vserver not found" status="failed" errno="15698"/>',
            "lun-map failed: Specified vserver not found (errno 15698); CLUSTER_MODE_VSERVER is 'svm1'",
            "15698",
        ),
        (
            b'<results status="failed"><errorno>13001</errorno><reason>Job\n  exists</reason></results>',
            "lun-map failed: Job exists (errno 13001)",
            "13001",
        ),
        (b'<results status="failed"/>', "lun-map failed: no reason given (errno unknown)", "unknown"),
        (
            b'<results reason="LUN already mapped" status="failed" errno="9009"/>',
            "lun-map failed: LUN already mapped (errno 9009); "
            "initiator in two igroups? see lun igroup show -initiator",
            "9009",
        ),
        (
            b'<results reason="Initiator has it" status="failed" errno="9039"/>',
            "lun-map failed: Initiator has it (errno 9039); "
            "initiator in two igroups? see lun igroup show -initiator",
            "9039",
        ),
    ],
)
def test_a_failed_call(results: bytes, message: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        NaServer(Peer(ANSWER % results), tunnel="svm1").send_request("lun-map")
    assert str(caught.value) == message
    assert caught.value.code == code


@pytest.mark.parametrize("code", ["9009", "9039", "9036", "28", "13003", "15698", "61253"])
def test_a_long_reason_does_not_push_the_hint_out_of_the_message(code: str) -> None:
    """The message begins with "dataontap: snapshot NAME: ", NAME being a UUID and ".ext.disk0"; 200 are shown."""
    answer = b'<results reason="%b" status="failed" errno="%b"/>' % (b"so it is " * 40, code.encode())
    with pytest.raises(Refusal) as caught:
        NaServer(Peer(ANSWER % answer), tunnel="svm1").send_request("lun-create-by-size")
    assert "(errno " in str(caught.value)
    assert "); " in str(caught.value)
    assert len(str(caught.value)) + len("dataontap: snapshot : ") + 36 + len(".ext.disk0") <= 200
    assert "so it is so it is so it is" in str(caught.value)


@pytest.mark.parametrize("reason", ["Vserver API missing vserver parameter.", "Job exists"])
@pytest.mark.parametrize("tunnel", [None, "svm1"])
def test_an_account_of_the_cluster_without_an_svm(reason: str, tunnel: str | None) -> None:
    answer = b'<results reason="%b" status="failed" errno="13001"/>' % reason.encode()
    with pytest.raises(Refusal) as caught:
        NaServer(Peer(ANSWER % answer), tunnel=tunnel).send_request("lun-map")
    is_hinted = str(caught.value).endswith("; is CLUSTER_MODE_VSERVER missing?")
    assert is_hinted == ("Vserver" in reason and tunnel is None)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE netapp [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><netapp><results status="passed"><path>&c;</path></results></netapp>"""
THIEF = b"""<?xml version="1.0"?><!DOCTYPE netapp [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<netapp><results status="passed"><path>&x;</path></results></netapp>"""


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "the answer is not XML"),
        (b"<html><body>It works!</body></html>", "not ONTAP's; is HOSTNAME an ONTAP filer?"),
        (b"<html><body><p>It works!", "the answer is not XML: .*; is HOSTNAME an ONTAP filer?"),
        (PASSED[:-20], "the answer is not XML"),
        (b"<netapp/>", "not ONTAP's"),
        (b"<netapp><results/></netapp>", "not ONTAP's"),
        (BOMB, "entit"),
        (THIEF, "declares XML entities"),
        (b"<a>" * 5000 + b"</a>" * 5000, "the answer is not XML"),
    ],
)
def test_what_no_filer_says(answer: bytes, message: str) -> None:
    with pytest.raises(OntapError, match=message):
        NaServer(Peer(answer)).send_request("lun-map")


@pytest.mark.parametrize("shape", ["<a/>", "<a>x</a>", "<a b='' c=''/>", "<a xmlns:a='u'/>", "<!---->", "<?a?>"])
def test_an_answer_of_too_many_elements(shape: str) -> None:
    """What they take of memory is many times their length."""
    marks = shape.count("<") + shape.count("=")
    most = (MARKUP_LIMIT - ANSWER.count(b"<") - ANSWER.count(b"=") - 10) // marks
    for number in (most, most + 10):
        server = NaServer(Peer(ANSWER % b'<results status="passed">%b</results>' % (shape.encode() * number)))
        if number == most:
            assert server.send_request("lun-map").name == "results"
        else:
            with pytest.raises(
                OntapError, match="^the answer has more than 250000 elements; is HOSTNAME an ONTAP"
            ):
                server.send_request("lun-map")


def test_the_largest_answers_there_are_can_be_read() -> None:
    """A page of igroups whose initiators have the longest names, and one of LUNs with the longest comments."""
    initiator = b"<initiator-info><initiator-name>%b</initiator-name></initiator-info>" % (b"i" * 223)
    groups = b"<g><initiators>%b</initiators></g>" % (initiator * 256) * 100
    luns = b"<lun-info>%b<comment>%b</comment></lun-info>" % (b"<size>1</size>" * 40, b"&quot;" * 254) * 100
    for rows in (groups, luns):
        answer = ANSWER % (b'<results status="passed"><attributes-list>%b</attributes-list></results>' % rows)
        assert len(answer) < ANSWER_LIMIT
        found = NaServer(Peer(answer)).send_request("igroup-get-iter").get_child_by_name("attributes-list")
        assert found is not None
        assert len(list(found.get_children())) == 100


def test_control_characters_that_ontap_lets_slip() -> None:
    answer = ANSWER % b'<results status="passed"><comment>a\x07b\x08c</comment></results>'
    assert NaServer(Peer(answer)).send_request("lun-get-comment").get_child_content("comment") == "abc"


XML_TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"))
XML_NAME = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
ARGUMENTS = st.recursive(
    st.dictionaries(XML_NAME, XML_TEXT | st.integers() | st.booleans(), max_size=4),
    lambda inner: st.dictionaries(XML_NAME, inner, max_size=4),
    max_leaves=12,
)


def as_read(value: Any) -> Any:
    """What ``value`` is after the wire: all text, without the white space around it."""
    if isinstance(value, dict):
        return {name: as_read(child) for name, child in value.items()} or ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip()


def content(element: NaElement) -> Any:
    return {child.name: content(child) for child in element.get_children()} or element.get_content()


@given(XML_NAME, ARGUMENTS)
def test_round_trip(name: str, arguments: dict[str, Any]) -> None:
    element = NaElement.from_string(NaElement.build(name, arguments).to_string())
    assert element.name == name
    assert content(element) == as_read(arguments)


@given(st.binary())
def test_any_bytes_are_results_or_a_named_error(answer: bytes) -> None:
    call: Callable[[], NaElement] = lambda: NaServer(Peer(answer)).send_request("lun-map")  # noqa: E731
    with pytest.raises(OntapError):
        call()
