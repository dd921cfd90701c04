"""Ganeti's variables become typed requests, or an error that names the variable."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataontap.errors import ContractError
from dataontap.ganeti.environ import REQUESTS, read
from dataontap.volume.requests import (
    PARAMETERS,
    Creation,
    Disk,
    Growth,
    Metadata,
    Opening,
    Snapshot,
    Verification,
    Volume,
)

MIB = 1024 * 1024
VOLUME = {
    "VOL_NAME": "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0",
    "VOL_UUID": "e5d84ccc-11b6-4f5d-8702-af659b341813",
    "VOL_CNAME": "root",
    "EXTP_PROVIDER": "dataontap",
    "EXTP_ACCESS": "kernelspace",
}


def test_a_volume() -> None:
    volume = read(Volume, VOLUME)
    assert (volume.name, volume.uuid, volume.params) == (VOLUME["VOL_NAME"], VOLUME["VOL_UUID"], {})


def test_a_snapshot_gets_no_uuid() -> None:
    variables = {"VOL_NAME": "v", "VOL_SNAPSHOT_NAME": "v.snap", "VOL_SNAPSHOT_SIZE": "5"}
    assert read(Snapshot, variables) == Snapshot({}, "v", None, "v.snap", 5 * MIB)


@pytest.mark.parametrize(
    ("request_type", "variables", "expected"),
    [
        (Creation, {"VOL_SIZE": "10"}, {"size": 10 * MIB}),
        (Growth, {"VOL_SIZE": "10", "VOL_NEW_SIZE": "20"}, {"size": 10 * MIB, "new_size": 20 * MIB}),
        (Metadata, {"VOL_METADATA": "originstname+a"}, {"metadata": "originstname+a"}),
        (Opening, {"VOL_OPEN_EXCLUSIVE": "True"}, {"exclusive": True}),
        (Opening, {"VOL_OPEN_EXCLUSIVE": "False"}, {"exclusive": False}),
    ],
)
def test_what_else_a_verb_is_told(request_type: type[Disk], variables: dict[str, str], expected: Any) -> None:
    request = read(request_type, {**VOLUME, **variables})
    assert {name: getattr(request, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("request_type", "variables", "message"),
    [
        (Volume, {}, "VOL_NAME: is not set; this script must be run by Ganeti"),
        (Volume, {"VOL_NAME": ""}, "VOL_NAME: is not set; this script must be run by Ganeti"),
        (
            Volume,
            {"VOL_NAME": "../x"},
            "VOL_NAME: '../x' is not a volume name; use letters, digits, '.', '_' and '-'",
        ),
        (Volume, {"VOL_NAME": "v", "VOL_UUID": "a b"}, "VOL_UUID: 'a b' is not a UUID"),
        (Creation, {"VOL_NAME": "v"}, "VOL_SIZE: is not set; this script must be run by Ganeti"),
        (Creation, {"VOL_NAME": "v", "VOL_SIZE": "-5"}, "VOL_SIZE: '-5' is not a whole number of MiB"),
        (Creation, {"VOL_NAME": "v", "VOL_SIZE": "٣"}, "VOL_SIZE: '٣' is not a whole number of MiB"),
        (Creation, {"VOL_NAME": "v", "VOL_SIZE": "0"}, "VOL_SIZE: must be more than 0 MiB"),
        (
            Creation,
            {"VOL_NAME": "v", "VOL_SIZE": "1", "EXTP_HOSTNAME": "evil"},
            "EXTP_HOSTNAME: no such parameter; known: pool, igroup, lun_ostype, lun_space_reservation",
        ),
        (Metadata, {"VOL_NAME": "v", "VOL_METADATA": "a\nb"}, "VOL_METADATA: has a control character"),
        (
            Opening,
            {"VOL_NAME": "v", "VOL_OPEN_EXCLUSIVE": "maybe"},
            "VOL_OPEN_EXCLUSIVE: expected True or False, not 'maybe'",
        ),
        (
            Snapshot,
            {"VOL_NAME": "v", "VOL_SNAPSHOT_NAME": "v", "VOL_SNAPSHOT_SIZE": "1"},
            "VOL_SNAPSHOT_NAME: is the name of the volume itself",
        ),
    ],
)
def test_errors_name_the_variable(request_type: type[Disk], variables: dict[str, str], message: str) -> None:
    with pytest.raises(ContractError) as caught:
        read(request_type, variables)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "name", ["a..b", "-rf", ".hidden", "a/b", "a*b", "a|b", "a b", "a\n", "ä", "{x}", "a" * 256]
)
def test_names_that_mean_something_elsewhere(name: str) -> None:
    with pytest.raises(ContractError):
        read(Volume, {"VOL_NAME": name})


def test_unknown_parameters_reach_no_verb() -> None:
    evil = {**VOLUME, "EXTP_HOSTNAME": "evil", "EXTP_PASSWORD": "evil", "EXTP_POOL": "vol2"}
    volume = read(Volume, evil)
    assert volume.params == {"pool": "vol2"}


def test_an_unknown_parameter_without_a_value_is_one() -> None:
    with pytest.raises(ContractError, match="EXTP_HOSTNAME"):
        read(Creation, {**VOLUME, "VOL_SIZE": "1", "EXTP_HOSTNAME": ""})


def test_parameters_of_creation_alone_are_heeded_there_alone() -> None:
    variables = {**VOLUME, "EXTP_LUN_OSTYPE": "nonsense", "EXTP_IGROUP": "g", "VOL_SIZE": "1", "EXTP_POOL": ""}
    assert read(Volume, variables).params == {"igroup": "g"}
    assert read(Creation, variables).params == {"igroup": "g", "lun_ostype": "nonsense"}


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_null_from_the_remote_api_is_no_value(parameter: str) -> None:
    """Ganeti makes "None" of it. That was a pool called None, a group called None, ..."""
    variables = {**VOLUME, "VOL_SIZE": "1", f"EXTP_{parameter.upper()}": "None"}
    assert {read(request, variables).params == {} for request in (Creation, Volume, Verification)} == {True}


def test_only_ganetis_way_of_writing_null_is_none() -> None:
    variables = {**VOLUME, "EXTP_POOL": "none", "EXTP_IGROUP": "None1"}
    assert read(Volume, variables).params == {"pool": "none", "igroup": "None1"}


def test_an_unknown_parameter_is_one_even_if_it_is_null() -> None:
    with pytest.raises(ContractError, match="EXTP_HOSTNAME"):
        read(Creation, {**VOLUME, "VOL_SIZE": "1", "EXTP_HOSTNAME": "None"})


def test_verify_needs_no_volume() -> None:
    assert read(Verification, {}).checks == Verification.usual
    with pytest.raises(ContractError, match="EXTP_BOGUS"):
        read(Verification, {"EXTP_BOGUS": "1"})


def test_the_list_that_ganeti_is_given_is_the_list_we_take(repository: Any) -> None:
    listed = [line.split(" ", 1)[0] for line in (repository / "scripts/parameters.list").read_text().splitlines()]
    assert tuple(listed) == PARAMETERS


NAMES = st.text("abcXYZ019._-", min_size=1, max_size=40)


@given(
    st.dictionaries(st.sampled_from(["VOL_NAME", "VOL_UUID", "VOL_SIZE", "VOL_NEW_SIZE"]) | st.text(), st.text())
)
def test_any_environment_is_a_request_or_a_named_error(variables: dict[str, str]) -> None:
    for request_type in REQUESTS.values():
        try:
            read(request_type, variables)
        except ContractError as error:
            assert re.match(r"[A-Z][A-Z_]+: .", str(error))


@given(NAMES, st.integers(1, 10**9))
def test_what_is_taken_is_what_was_said(name: str, size: int) -> None:
    try:
        creation = read(Creation, {"VOL_NAME": name, "VOL_SIZE": str(size)})
    except ContractError as error:
        assert str(error).startswith("VOL_NAME: ")
        assert ".." in name or name[0] in ".-"
    else:
        assert (creation.name, creation.size) == (name, size * MIB)
