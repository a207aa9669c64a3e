"""Reading the terms of a plan version: what is accepted, every fault at once, one writing of equal terms."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.errors import FAULT_SENTENCES, PlanInvalid, fault_sentence
from commissions.services import validate_terms
from commissions.terms import (
    Base,
    CountOn,
    Fault,
    FaultCode,
    Inactive,
    SpreadAt,
    Terms,
    UplineMode,
    canonical_json,
    parse_terms,
    terms_as_dict,
    terms_hash,
)
from commissions.terms.reasons import REASON_CODES
from mt4bridge.enums import DealReason

pytestmark = pytest.mark.unit

PER_LOT = {"any": True, "base": "per_lot", "rate": "4", "currency": "USD"}
WHOLE: dict[str, Any] = {
    "count_on": "close",
    "close_by": "both",
    "rates": [
        {"symbol": "EURUSD", "mt_group": "vip", "base": "per_lot", "rate": "4", "currency": "USD", "levels": {2: "1"}},
        {"symbol_group": "metals", "base": "per_million", "rate": "25.50", "currency": "EUR"},
        {"symbol": "XAUUSD", "base": "points", "points": "3"},
        {"symbol": "GER40", "base": "spread", "percent": "35", "at": "half_and_half", "cap_points": "12.5"},
        {"symbol_group": "minors", "base": "commission", "percent": "100"},
        {"symbol_group": "crypto", "base": "profit", "percent": "10"},
        {"any": True, "base": "revenue", "percent": "20", "include_swap": True},
    ],
    "upline": {"mode": "difference", "max_level": 5, "same_rank": {"percent": "10"}, "inactive": "roll_up"},
    "min_hold_seconds": 120,
    "exclude_reasons": ["so", "dealer"],
    "self_trades": "pay",
    "cap_per_order": {"amount": "100", "currency": "USD"},
    "chain_budget": {"percent_of": "commission", "percent": "50"},
    "client_rebate": {"percent": "80", "from": "own"},
    "tiers": {
        "measure": "lots", "scope": "network", "period": "month", "mode": "marginal",
        "steps": [{"from": "0", "factor": "1"}, {"from": "100", "factor": "1.5"}],
    },
    "cpa": {"steps": [{"net_deposit": "200", "pay": "60"}], "min_lots": "2", "currency": "USD", "recover": True},
}  # fmt: skip


def parsed(plain: Any) -> Terms:
    terms, faults = parse_terms(plain)
    assert faults == ()
    assert terms is not None
    return terms


def faults_of(plain: Any) -> list[tuple[str, FaultCode]]:
    terms, faults = parse_terms(plain)
    assert terms is None
    return [(fault.field, fault.code) for fault in faults]


def test_empty_terms_have_the_documented_defaults() -> None:
    terms = parsed({})

    assert terms == Terms()
    assert (terms.count_on, terms.upline.mode, terms.upline.inactive) == (CountOn.CLOSE, UplineMode.NONE, Inactive.SKIP)


def test_every_key_is_read() -> None:
    terms = parsed(WHOLE)

    assert [row.base for row in terms.rates] == list(Base)
    assert terms.rates[0].levels == ((2, Decimal(1)),)
    assert (terms.rates[3].at, terms.rates[3].cap_points) == (SpreadAt.HALF_AND_HALF, Decimal("12.5"))
    assert terms.upline.same_rank_percent == Decimal(10)
    assert terms.exclude_reasons == ("dealer", "so")
    assert terms.cpa is not None
    assert (terms.cpa.min_lots, terms.cpa.recover) == (Decimal(2), True)


def test_canonical_form_parses_back_to_the_same_terms() -> None:
    terms = parsed(WHOLE)

    again = parsed(json.loads(canonical_json(terms)))

    assert again == terms
    assert terms_hash(again) == terms_hash(terms)


def test_hash_ignores_writing_and_nothing_else() -> None:
    plain = parsed({"rates": [PER_LOT], "exclude_reasons": ["so", "tp"]})
    written_otherwise = parsed(
        {"exclude_reasons": ["tp", "so"], "rates": [{**PER_LOT, "rate": "4.00"}], "count_on": "close"}
    )
    other = parsed({"rates": [{**PER_LOT, "rate": "4.01"}], "exclude_reasons": ["so", "tp"]})

    assert terms_hash(written_otherwise) == terms_hash(plain)
    assert terms_hash(other) != terms_hash(plain)
    assert str(terms_hash(Terms())) == "aee9ee55-a71e-bd39-183e-5cb5c5f9bef9"  # pinned: stored hashes must stay valid


BAD = [
    ({"rates": [{"any": True, "percent": "10"}]}, [("rates[0].base", FaultCode.NO_BASE)]),
    ({"rates": [{"any": True, "base": "per_lot", "currency": "USD"}]}, [("rates[0].rate", FaultCode.MISSING)]),
    ({"rates": [{"any": True, "base": "per_lot", "rate": "4"}]}, [("rates[0].currency", FaultCode.NO_CURRENCY)]),
    ({"rates": [{**PER_LOT, "rate": "-1"}]}, [("rates[0].rate", FaultCode.NEGATIVE)]),
    ({"rates": [{**PER_LOT, "rate": 0.1}]}, [("rates[0].rate", FaultCode.NOT_A_NUMBER)]),
    ({"rates": [{**PER_LOT, "rate": True}]}, [("rates[0].rate", FaultCode.NOT_A_NUMBER)]),
    ({"rates": [{**PER_LOT, "rate": "four"}]}, [("rates[0].rate", FaultCode.NOT_A_NUMBER)]),
    ({"rates": [{**PER_LOT, "rate": "NaN"}]}, [("rates[0].rate", FaultCode.NOT_A_NUMBER)]),
    ({"rates": [{**PER_LOT, "rate": "1E+13"}]}, [("rates[0].rate", FaultCode.TOO_LARGE)]),
    ({"rates": [{**PER_LOT, "rate": "0.00000000001"}]}, [("rates[0].rate", FaultCode.TOO_PRECISE)]),
    ({"rates": [{**PER_LOT, "currency": "usd"}]}, [("rates[0].currency", FaultCode.BAD_CURRENCY)]),
    ({"rates": [PER_LOT, {**PER_LOT, "rate": "5"}]}, [("rates[1].any", FaultCode.SAME_KEY)]),
    (
        {"rates": [{**PER_LOT, "mt_group": "a"}, {**PER_LOT, "mt_group": "a"}]},
        [("rates[1].mt_group", FaultCode.SAME_KEY)],
    ),
    ({"rates": [{**PER_LOT, "symbol": "EURUSD"}]}, [("rates[0].any", FaultCode.TWO_SELECTORS)]),
    ({"rates": [{**PER_LOT, "any": False}]}, [("rates[0].any", FaultCode.NOT_ONE_OF)]),
    (
        {"rates": [{"base": "profit", "percent": "101"}]},
        [("rates[0].any", FaultCode.NO_SELECTOR), ("rates[0].percent", FaultCode.OVER_100)],
    ),
    ({"rates": [{"symbol": "", "base": "profit", "percent": "1"}]}, [("rates[0].symbol", FaultCode.NOT_TEXT)]),
    ({"rates": [{"any": True, "base": "lots"}]}, [("rates[0].base", FaultCode.NOT_ONE_OF)]),
    ({"rates": [{**PER_LOT, "percent": "1"}]}, [("rates[0].percent", FaultCode.UNKNOWN_KEY)]),
    ({"rates": [{**PER_LOT, "levels": {"1": "2"}}]}, [("rates[0].levels.1", FaultCode.BAD_LEVEL)]),
    ({"rates": [{**PER_LOT, "levels": []}]}, [("rates[0].levels", FaultCode.NOT_A_TABLE)]),
    ({"rates": {}}, [("rates", FaultCode.NOT_A_LIST)]),
    ({"rates": ["any"]}, [("rates[0]", FaultCode.NOT_A_TABLE)]),
    (
        {"count_on": "both", "rates": [{"any": True, "base": "spread", "percent": "1", "at": "close"}]},
        [("rates[0].at", FaultCode.NEEDS_COUNT_ON_CLOSE)],
    ),
    (
        {"rates": [{"any": True, "base": "revenue", "percent": "1", "at": "close"}]},
        [("rates[0].at", FaultCode.NOT_ONE_OF)],
    ),
    (
        {"rates": [{"any": True, "base": "revenue", "percent": "1", "include_swap": "yes"}]},
        [("rates[0].include_swap", FaultCode.NOT_YES_OR_NO)],
    ),
    ({"upline": {"mode": "percent_of_child"}}, [("upline.percent", FaultCode.MISSING)]),
    ({"upline": {"mode": "percent_of_direct"}}, [("upline.percents", FaultCode.MISSING)]),
    ({"upline": {"mode": "percent_of_child", "percent": "120"}}, [("upline.percent", FaultCode.OVER_100)]),
    ({"upline": {"mode": "none", "percent": "1"}}, [("upline.percent", FaultCode.UNKNOWN_KEY)]),
    ({"upline": {"mode": "split", "same_rank": {"percent": "1"}}}, [("upline.same_rank", FaultCode.NEEDS_DIFFERENCE)]),
    ({"upline": {"mode": "split", "max_level": 0}}, [("upline.max_level", FaultCode.BAD_LEVEL)]),
    ({"upline": {"mode": "split", "max_level": "x"}}, [("upline.max_level", FaultCode.NOT_WHOLE)]),
    ({"upline": []}, [("upline", FaultCode.NOT_A_TABLE)]),
    ({"min_hold_seconds": -1}, [("min_hold_seconds", FaultCode.NEGATIVE)]),
    ({"exclude_reasons": "so"}, [("exclude_reasons", FaultCode.NOT_A_LIST)]),
    ({"exclude_reasons": ["margin", 3]}, [(f"exclude_reasons[{i}]", FaultCode.NOT_ONE_OF) for i in (0, 1)]),
    ({"self_trades": "maybe"}, [("self_trades", FaultCode.NOT_ONE_OF)]),
    ({"cap_per_order": {"amount": "5"}}, [("cap_per_order.currency", FaultCode.NO_CURRENCY)]),
    ({"chain_budget": {"percent": "5"}}, [("chain_budget.percent_of", FaultCode.NO_BASE)]),
    ({"chain_budget": {"per_lot": "5"}}, [("chain_budget.currency", FaultCode.NO_CURRENCY)]),
    (
        {"chain_budget": {"per_lot": "5", "percent": "1", "currency": "USD"}},
        [("chain_budget.percent", FaultCode.TWO_BUDGETS)],
    ),
    (
        {"chain_budget": {"percent_of": "per_lot", "percent": "5", "currency": "USD"}},
        [("chain_budget.currency", FaultCode.UNKNOWN_KEY), ("chain_budget.percent_of", FaultCode.NOT_ONE_OF)],
    ),
    ({"client_rebate": {"percent": "5", "from": "all"}}, [("client_rebate.from", FaultCode.NOT_ONE_OF)]),
    (
        {"tiers": {"mode": "marginal", "measure": "active_clients", "period": "year", "steps": []}},
        [
            ("tiers.period", FaultCode.NOT_ONE_OF),
            ("tiers.mode", FaultCode.MARGINAL_CLIENTS),
            ("tiers.steps", FaultCode.EMPTY),
        ],
    ),
    ({"tiers": {"steps": [{"from": "1", "factor": "1"}]}}, [("tiers.steps[0].from", FaultCode.NOT_FROM_ZERO)]),
    (
        {
            "tiers": {
                "steps": [{"from": "0", "factor": "1"}, {"from": "0", "factor": "2"}, {"from": "x", "factor": "2"}]
            }
        },
        [("tiers.steps[1].from", FaultCode.NOT_RISING), ("tiers.steps[2].from", FaultCode.NOT_A_NUMBER)],
    ),
    ({"cpa": {"steps": [{"net_deposit": "1", "pay": "1"}]}}, [("cpa.currency", FaultCode.NO_CURRENCY)]),
    ({"rebate": 1}, [("rebate", FaultCode.UNKNOWN_KEY)]),
    ([], [("", FaultCode.NOT_A_TABLE)]),
]


@pytest.mark.parametrize(("plain", "faults"), BAD)
def test_refused_terms_name_every_field(plain: Any, faults: list[tuple[str, FaultCode]]) -> None:
    assert faults_of(plain) == faults


def test_all_faults_come_at_once_with_sentences() -> None:
    with pytest.raises(PlanInvalid) as refused:
        validate_terms(
            {"rates": [{"any": True, "percent": "10"}], "cap_per_order": {"amount": "-5", "currency": "USD"}}
        )

    assert refused.value.code == "plan_invalid"
    assert refused.value.field == "rates[0].base"
    assert [row["field"] for row in refused.value.as_list()] == ["rates[0].base", "cap_per_order.amount"]
    assert "cap_per_order.amount: -5 is below zero." in str(refused.value)


def test_every_fault_has_a_sentence() -> None:
    assert set(FAULT_SENTENCES) == set(FaultCode)
    assert fault_sentence(Fault("x", FaultCode.OVER_100, "120")) == (
        "120 is over 100 percent. A share cannot be more than the whole."
    )


def test_reasons_are_those_of_the_bridge() -> None:
    assert {name.lower(): member.value for name, member in DealReason.__members__.items()} == REASON_CODES


RATES = {
    "symbol_mt": {"symbol": "EURUSD", "mt_group": "vip"},
    "symbol": {"symbol": "EURUSD"},
    "group_mt": {"symbol_group": "majors", "mt_group": "vip"},
    "group": {"symbol_group": "majors"},
    "any_mt": {"any": True, "mt_group": "vip"},
    "any": {"any": True},
}


@given(names=st.lists(st.sampled_from(list(RATES)), unique=True), mt_group=st.sampled_from(["vip", "std"]))
def test_most_specific_rate_wins_whatever_the_order(names: list[str], mt_group: str) -> None:
    rows = [{**RATES[name], "base": "points", "points": str(list(RATES).index(name))} for name in names]
    usable = [name for name in names if mt_group == "vip" or not name.endswith("_mt")]

    found = parsed({"rates": rows}).find_rate(symbol="EURUSD", symbol_group="majors", mt_group=mt_group)

    expected = min((list(RATES).index(name) for name in usable), default=None)
    assert (None if found is None else int(found.value)) == expected


def test_rate_of_another_symbol_does_not_apply() -> None:
    terms = parsed({"rates": [{"symbol": "GBPUSD", "base": "points", "points": "1"}]})

    assert terms.find_rate(symbol="EURUSD", symbol_group=None, mt_group="std") is None


def test_terms_as_dict_keeps_a_per_lot_budget() -> None:
    plain = {
        "chain_budget": {"per_lot": "5", "currency": "USD"},
        "upline": {"mode": "percent_of_direct", "percents": {"2": "20"}},
    }

    written = terms_as_dict(parsed(plain))

    assert (written["chain_budget"], written["upline"]["percents"]) == (
        {"per_lot": "5", "currency": "USD"},
        {"2": "20"},
    )
