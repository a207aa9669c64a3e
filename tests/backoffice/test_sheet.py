"""The plan editor's sheet: whatever terms accept can be written and read back, and each fault finds its input."""

from random import Random
from typing import Any

import pytest
from django.http import QueryDict
from django.utils.http import urlencode
from hypothesis import given, settings
from hypothesis import strategies as st

from backoffice.sheet import errors_by_input, read_sheet, sheet_of, typed_of, write_terms
from backoffice.sheet.boxes import LABELS, boxes_of
from backoffice.sheet.changes import changed
from backoffice.sheet.types import SINGLE
from commissions.terms import canonical_json, parse_terms, terms_as_dict, terms_hash
from crm.scenarios.documents import read_documents
from crm.scenarios.world import terms_of
from tests.commissions.random_documents import random_document
from tests.commissions.test_terms import WHOLE

pytestmark = pytest.mark.unit

RATE = {"any": True, "base": "per_lot", "rate": "4", "currency": "USD"}


def versions() -> list[Any]:
    """Return the terms of all plan versions of all scenarios that are accepted."""
    found = []
    for document in read_documents(["tests/scenarios", "tests/examples"]):
        for code, rows in (document.plain.get("plans") or {}).items():
            for place, row in enumerate(rows):
                terms, faults = parse_terms(terms_of(row))
                if not faults:
                    found.append(pytest.param(terms, id=f"{document.name}-{code}-{place}"))
    return found


def posted(typed: dict[str, str]) -> dict[str, str]:
    """Return the inputs after a way through a browser: only texts, encoded and read again."""
    return QueryDict(urlencode(typed)).dict()


def again(plain: dict[str, Any]) -> Any:
    written = write_terms(read_sheet(posted(typed_of(sheet_of(plain)))))
    assert written.problems == {}
    terms, faults = parse_terms(written.terms)
    assert faults == ()
    return terms


@pytest.mark.parametrize("terms", versions())
def test_the_terms_of_every_scenario_come_back_with_the_same_hash(terms: Any) -> None:
    assert terms_hash(again(terms_as_dict(terms))) == terms_hash(terms)


def test_everything_that_terms_can_say_comes_back() -> None:
    terms, faults = parse_terms(WHOLE)
    assert terms is not None, faults

    assert canonical_json(again(terms_as_dict(terms))) == canonical_json(terms)


@pytest.mark.parametrize(
    "more",
    [
        {"chain_budget": {"per_lot": "12", "currency": "EUR"}},
        {"chain_budget": {"percent_of": "spread", "percent": "0"}},
        {"upline": {"mode": "none", "max_level": 3}},
        {"upline": {"mode": "percent_of_direct", "percents": {"2": "20", "9": "5"}}},
        {"upline": {"mode": "percent_of_direct", "percents": {}}},
        {"upline": {"mode": "percent_of_child", "percent": "0"}},
        {"client_rebate": {"percent": "0"}},
        {"cpa": {"steps": [{"net_deposit": "0", "pay": "0"}], "currency": "USD"}},
        {"rates": []},
        {"rates": [{**RATE, "mt_group": "raw"}, RATE, {"symbol": "EURUSD", **RATE, "any": None}]},
        {"rates": [RATE, {**RATE, "mt_group": "b"}, {**RATE, "mt_group": "a"}, {**RATE, "mt_group": "c", "rate": "0"}]},
        {"rates": [{**RATE, "levels": {"2": "1", "17": "0"}}, {**RATE, "mt_group": "raw", "levels": {"4": "2"}}]},
        {"rates": [{"any": True, "base": "spread", "percent": "1", "cap_points": "0"}]},
    ],
)
def test_rare_terms_come_back(more: dict[str, Any]) -> None:
    terms, faults = parse_terms({"rates": [RATE], **more})
    assert terms is not None, faults

    assert canonical_json(again(terms_as_dict(terms))) == canonical_json(terms)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_random_plans_come_back(seed: int) -> None:
    document = random_document(Random(seed))
    for rows in document["plans"].values():
        for row in rows:
            terms, faults = parse_terms(terms_of(row))
            if terms is not None:
                assert canonical_json(again(terms_as_dict(terms))) == canonical_json(terms), faults


def faults_of(typed: dict[str, str]) -> dict[str, list[str]]:
    written = write_terms(read_sheet(typed))
    return errors_by_input(written, parse_terms(written.terms)[1])


SHARES = {"upline_mode": "percent_of_direct"}
FIRST = {
    "line-0-kind": "any", "line-0-base": "per_lot", "line-0-currency": "USD", "cell-0-0-0": "4",
    "line-7-kind": "symbol", "line-7-name": "XAUUSD", "line-7-base": "per_lot", "line-7-currency": "USD",
    "column-1": "raw", "cell-7-0-1": "9",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({}, set()),
        ({"cell-7-0-1": "140", "line-7-base": "commission"}, {"cell-1-0-1"}),
        ({"cell-7-0-1": "-1"}, {"cell-1-0-1"}),
        ({"cell-7-0-1": "9,5"}, {"cell-1-0-1"}),
        ({"cell-7-0-1": "", "line-7-name": "XAUUSD"}, {"cell-1-0-0"}),
        ({"line-7-currency": ""}, {"line-1-currency"}),
        ({"line-7-currency": "dollars"}, {"line-1-currency"}),
        ({"line-7-name": ""}, {"line-1-name"}),
        ({"line-7-kind": ""}, {"line-1-kind"}),
        ({"line-7-kind": "any"}, {"line-1-name"}),
        ({"line-7-base": "moons"}, {"line-1-base"}),
        ({"line-7-base": "spread", "line-7-at": "close", "count_on": "open"}, {"line-1-at"}),
        ({"line-7-base": "spread", "line-7-cap_points": "many"}, {"line-1-cap_points"}),
        ({"column-1": ""}, {"column-1"}),
        ({"line-7-kind": "any", "line-7-name": "", "cell-7-0-0": "3", "cell-7-0-1": ""}, {"line-1-kind"}),
        ({"column-2": "raw", "cell-7-0-2": "3"}, {"cell-1-0-2"}),
        ({"level-1": "2", "cell-7-1-1": "x"}, {"cell-1-1-1"}),
        ({"level-1": "1", "cell-7-1-1": "3"}, {"level-1"}),
        ({"level-1": "2", "level-2": "2", "cell-7-1-1": "3", "cell-7-2-1": "4"}, {"level-2"}),
        ({"level-1": "", "cell-7-1-1": "3"}, {"level-1"}),
        ({"count_on": "all"}, {"count_on"}),
        ({"min_hold_seconds": "soon"}, {"min_hold_seconds"}),
        ({"upline_mode": "percent_of_child"}, {"upline_percent"}),
        ({"upline_mode": "difference", "upline_same_rank": "101"}, {"upline_same_rank"}),
        ({"upline_max_level": "0"}, {"upline_max_level"}),
        ({**SHARES, "percents-0-level": "1", "percents-0-percent": "5"}, {"percents-0-level"}),
        ({**SHARES, "percents-4-level": "3", "percents-4-percent": ""}, {"percents-0-percent"}),
        (
            {"upline_mode": "percent_of_direct", "percents-0-level": "3", "percents-0-percent": "1",
             "percents-1-level": "3", "percents-1-percent": "2"},
            {"percents-1-level"},
        ),
        ({"cap_amount": "5"}, {"cap_currency"}),
        ({"cap_currency": "USD"}, {"cap_amount"}),
        ({"budget_of": "per_lot", "budget_value": "5"}, {"budget_currency"}),
        ({"budget_of": "commission", "budget_value": "120"}, {"budget_value"}),
        ({"client_percent": "x"}, {"client_percent"}),
        ({"tiers_measure": "lots"}, {"tiers-0-from"}),
        ({"tiers_measure": "lots", "tiers-0-from": "5", "tiers-0-factor": "1"}, {"tiers-0-from"}),
        ({"tiers_measure": "active_clients", "tiers_mode": "marginal", "tiers-0-from": "0", "tiers-0-factor": "1"},
         {"tiers_mode"}),
        ({"cpa_currency": "USD"}, {"cpa-0-net_deposit"}),
        ({"cpa-0-net_deposit": "200", "cpa-0-pay": "60"}, {"cpa_currency"}),
        ({"cpa-0-net_deposit": "200", "cpa_currency": "USD"}, {"cpa-0-pay"}),
    ],
)  # fmt: skip
def test_each_fault_stands_beside_its_input(changes: dict[str, str], places: set[str]) -> None:
    assert faults_of({**FIRST, **changes}).keys() == places


def test_inputs_of_another_mode_or_base_are_kept_but_not_said() -> None:
    typed = {**FIRST, "upline_percent": "20", "line-0-cap_points": "3", "budget_currency": "EUR"}

    sheet = read_sheet(typed)

    assert faults_of(typed) == {}
    assert (sheet.single["upline_percent"], sheet.lines[0].cap_points) == ("20", "3")


def test_reading_twice_changes_nothing() -> None:
    typed = typed_of(read_sheet({**FIRST, "cell-7-0-1": " 9,5 ", "level-3": "4", "junk": "x", "cell-9-0-0": "5"}))

    assert typed_of(read_sheet(typed)) == typed
    assert typed["cell-1-0-1"] == "9,5"


@pytest.mark.parametrize(
    ("button", "columns", "levels", "lines"),
    [
        ("add_column", ["", "raw", ""], ["2"], 2),
        ("add_level", ["", "raw"], ["2", "3"], 2),
        ("remove_column:1", [""], ["2"], 2),
        ("remove_column:0", ["", "raw"], ["2"], 2),
        ("remove_level:1", ["", "raw"], [], 2),
        ("remove_line:0", ["", "raw"], ["2"], 1),
        ("remove_line:x", ["", "raw"], ["2"], 2),
        ("nothing", ["", "raw"], ["2"], 2),
    ],
)
def test_buttons_change_the_shape_only(button: str, columns: list[str], levels: list[str], lines: int) -> None:
    sheet = changed(read_sheet({**FIRST, "level-1": "2"}), button)

    assert (sheet.columns, sheet.levels, len(sheet.lines)) == (columns, levels, lines)
    assert {(len(line.cells), len(line.cells[0])) for line in sheet.lines} == {(len(levels) + 1, len(columns))}


def test_every_input_has_words() -> None:
    assert SINGLE.keys() - LABELS.keys() == {"effective_from"}


def test_a_sheet_has_limits() -> None:
    sheet = read_sheet({f"column-{number}": "x" for number in range(900)} | {f"line-{n}-name": "x" for n in range(900)})

    assert (len(sheet.columns), len(sheet.lines)) == (12, 200)


def test_boxes_offer_a_blank_line_to_go_on() -> None:
    sheet = read_sheet(FIRST)

    assert [line.number for line in boxes_of(sheet, {}).lines] == [0, 1, 2]
