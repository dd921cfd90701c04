"""The fault sweep's default choice: which case stands for which others."""

from __future__ import annotations

from tests.sweep.choice import every_case, overlooked, representatives
from tests.sweep.judge import BORNE, MENDED, Case, Verdict
from tests.sweep.scenarios import SCENARIOS

LIST, CHANGE = "GET /storage/luns", "PATCH /storage/luns/{uuid}"
MAP, UNMAP = "POST /protocols/san/lun-maps", "DELETE /protocols/san/lun-maps/{lun.uuid}/{igroup.uuid}"
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def cases(*names: str, api: str, calls: int = 1) -> list[Case]:
    scenarios = [BY_NAME[name] for name in names]
    return every_case(scenarios, {name: [(api, nth) for nth in range(1, calls + 1)] for name in names})


def names(chosen: list[Case], fault: str) -> list[str]:
    return [f"{case.scenario.name} {case.nth}" for case in chosen if case.trial.name == fault]


def test_one_case_stands_for_a_verbs_calls_of_an_api() -> None:
    every = cases("remove", "n: remove", api=UNMAP, calls=2)
    assert names(every, "reset") == ["remove 1", "remove 2", "n: remove 1", "n: remove 2"]
    assert names(representatives(every), "reset") == ["remove 1"]


def test_each_fault_and_each_api_has_one() -> None:
    every = [case for api in (UNMAP, MAP) for case in cases("remove", "n: remove", api=api)]
    assert {case.trial.name for case in representatives(every)} == {case.trial.name for case in every}
    every = [case for case in every if not (case.trial.alike or case.trial.cut_off)]
    chosen = representatives(every)
    assert {(case.api, case.trial.name) for case in chosen} == {(case.api, case.trial.name) for case in every}
    assert len(chosen) == len({(case.api, case.trial.name) for case in chosen})


def test_a_fault_of_the_connection_needs_a_call_that_asks_and_one_that_changes_over_each_api() -> None:
    calls = ("lun-get-iter", "lun-unmap", "lun-map", "GET /storage/luns", "POST /storage/luns")
    every = [case for api in calls for case in cases("remove", "n: remove", api=api)]
    chosen = [case for case in representatives(every) if case.trial.name == "500"]
    assert [case.api for case in chosen] == [
        "lun-get-iter",
        "lun-unmap",
        "GET /storage/luns",
        "POST /storage/luns",
    ]


def test_a_filer_that_is_out_of_reach_is_tried_at_each_call_where_a_lun_may_be_left_over() -> None:
    calls = ("GET /storage/luns", UNMAP, MAP)
    for names, apis in (
        (("remove", "grow"), calls[:2]),
        (("create", "snapshot"), (calls[0], calls[0], *calls[1:] * 2)),
    ):
        every = [case for api in calls for case in cases(*names, api=api)]
        chosen = [case for case in representatives(every) if case.trial.name == "takeover"]
        assert sorted(case.api for case in chosen) == sorted(apis)


def test_what_the_client_bears_and_what_fails_each_verb_is_tried_once_for_each_call() -> None:
    every = [case for api in (UNMAP, MAP) for case in cases("remove", "n: open", "grow", api=api)]
    chosen = representatives(every)
    assert names(chosen, "reset") == ["remove 1", "remove 1"]
    assert names(chosen, "code 999999") == ["remove 1", "remove 1"]
    assert names(chosen, "job") == [f"{verb} 1" for verb in ("remove", "n: open", "grow")] * 2


def test_verify_is_tried_at_each_call_over_rest() -> None:
    chosen = representatives(cases("verify", api=LIST, calls=2))
    assert names(chosen, "code 3") == ["verify 1", "verify 2"]


def test_each_api_has_faults_of_its_own() -> None:
    over = {
        api: {case.trial.name for case in cases("setinfo", api=api)} for api in ("lun-set-comment", "PATCH /x")
    }
    assert {"errno 13001", "bomb, done"} <= over["lun-set-comment"] - over["PATCH /x"]
    assert {"code 6", "job", "stale"} <= over["PATCH /x"]
    assert "unready" not in over["PATCH /x"]


def test_it_does_not_stand_for_a_refusal_nor_for_a_state_of_its_own_nor_for_a_new_volume() -> None:
    chosen = representatives(cases("attach", "attach (copy)", "attach (here)", api=LIST))
    assert names(chosen, "401") == ["attach 1", "attach (copy) 1", "attach (here) 1"]
    assert names(representatives(cases("setinfo", "setinfo (new)", api=CHANGE)), "foreign") == [
        "setinfo 1",
        "setinfo (new) 1",
    ]


def test_nor_for_another_call_where_that_matters() -> None:
    chosen = representatives(cases("remove", "remove (other pool)", api=LIST, calls=2))
    assert names(chosen, "401") == ["remove 1"]
    over_zapi = representatives(cases("remove", "remove (other pool)", api="lun-get-iter", calls=2))
    assert len(names(over_zapi, "volume unlisted")) == 4


def test_over_zapi_a_verb_stands_for_others_that_make_the_call() -> None:
    """What the verbs make of a fault is tried over REST."""
    chosen = representatives(cases("attach", "grow", "attach (copy)", "create", api="lun-get-iter"))
    assert names(chosen, "401") == ["attach 1", "attach (copy) 1", "create 1"]


def test_what_it_overlooks_is_told() -> None:
    every = cases("remove", "n: remove", api=UNMAP)
    verdicts = [Verdict(case, BORNE, (), 0.0, "") for case in every if case.trial.name == "reset"]
    assert overlooked(verdicts) == []
    other = Verdict(verdicts[1].case, MENDED, (), 0.0, "")
    assert overlooked([verdicts[0], other]) == [
        f"n: remove / {UNMAP} 1 / reset: failed, then done, but remove / {UNMAP} 1 / reset: borne"
    ]
