"""Scenario files as people write them: what is read leniently, what is refused, and with which sentence."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crm.scenarios.documents import Document, ScenarioFileInvalid, read_documents
from crm.scenarios.stage import _outcome
from tenancy.models import Broker

PLAIN: dict[str, Any] = {
    "symbols": {"EURUSD": {"group": None, "contract_size": 100000, "digits": 5, "quote": "USD"}},
    "mt_groups": {"standard": {"currency": "USD", "lot_factor": 1}},
    "plans": {
        "p": [
            {
                "effective_from": datetime(2026, 1, 1, tzinfo=UTC),
                "rates": [{"any": True, "base": "per_lot", "rate": "4.5", "currency": "USD"}],
            }
        ]
    },
    "ibs": [{"code": "ib", "plan": "p", "currency": "USD", "parent": None, "rank": None, "keep_percent": None}],
    "clients": [{"login": 1001, "ib": "ib", "group": "standard"}],
    "moves": None,
}


def deals(*, lots: object = 2) -> list[dict[str, Any]]:
    both = {"position": 1, "login": 1001, "symbol": "EURUSD", "lots": lots, "price": 1, "bid": None, "commission": None}
    return [
        {**both, "ticket": 1, "action": "buy", "entry": "in", "at": datetime(2026, 3, 2, 10, tzinfo=UTC)},
        {**both, "ticket": 2, "action": "sell", "entry": "out", "at": datetime(2026, 3, 2, 12, tzinfo=UTC), "by": None},
    ]


def written(folder: Path, text: str) -> str:
    path = folder / "scenarios.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.unit
def test_times_may_be_quoted_days_alone_or_in_another_zone(tmp_path: Path) -> None:
    text = """
scenario: 7
fx: [{pair: EURUSD, rate: 1.25, at: 2026-03-01}, {pair: EURUSD, rate: "1.5", at: "2026-03-02T10:00:00+02:00"}]
plans: {p: [{effective_from: 2026-01-01 00:00:00, rates: [{any: true, base: spread, at: half_and_half}]}]}
"""

    (document,) = read_documents([written(tmp_path, text)])

    assert document == Document(
        "7",
        "",
        {
            "scenario": 7,
            "fx": [
                {"pair": "EURUSD", "rate": "1.25", "at": datetime(2026, 3, 1, tzinfo=UTC)},
                {"pair": "EURUSD", "rate": "1.5", "at": datetime(2026, 3, 2, 8, tzinfo=UTC)},
            ],
            "plans": {
                "p": [
                    {
                        "effective_from": datetime(2026, 1, 1, tzinfo=UTC),
                        "rates": [{"any": True, "base": "spread", "at": "half_and_half"}],
                    }
                ]
            },
        },
    )


@pytest.mark.unit
def test_files_and_directories_are_read_in_the_order_given(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.yml").write_text("scenario: B\n---\nscenario: C\n---\n")
    (tmp_path / "more" / "a.yaml").write_text("scenario: A\n")
    (tmp_path / "more" / "notes.txt").write_text("no scenario")

    documents = read_documents([written(tmp_path, "scenario: Z\n"), str(tmp_path / "more")])

    assert [document.name for document in documents] == ["Z", "A", "B", "C"]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "it is not YAML."),
        ("", "no scenario is in it."),
        ("title: x", "a document has no key “scenario”."),
        ("- 1", "a document has no key “scenario”."),
        ("scenario: A\nmoves: [{at: '2026-13-01'}]", "A: "),
    ],
)
def test_a_bad_file_is_one_sentence(text: str, problem: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ScenarioFileInvalid) as refused:
        read_documents([path])

    assert str(refused.value).startswith(f"{path} cannot be played: {problem}")


@pytest.mark.unit
def test_a_folder_without_scenarios_and_a_missing_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileInvalid, match="no scenario file is in it"):
        read_documents([str(tmp_path)])
    with pytest.raises(ScenarioFileInvalid, match="there is no such file"):
        read_documents([str(tmp_path / "nothing.yaml")])


@pytest.mark.integration
def test_numbers_without_quotes_and_nulls_are_read(broker: Broker) -> None:
    expect = {"rebates": [{"ticket": 2, "to": "ib", "amount": 9, "currency": "USD"}]}

    result = _outcome(Document("x", "", {**PLAIN, "deals": deals(), "expect": expect}))

    assert (result.expected, result.got) == ({}, {})


@pytest.mark.integration
def test_moves_to_where_things_stand_change_nothing(broker: Broker) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    moves = [
        {"at": at, "ib": "ib", "plan": "p", "active": True, "parent": None},
        {"at": at, "login": 1001, "ib": "ib"},
    ]
    expect = {"rebates": [{"ticket": 2, "to": "ib", "level": 1, "amount": "9", "currency": "USD"}]}

    result = _outcome(Document("x", "", {**PLAIN, "moves": moves, "deals": deals(), "expect": expect}))

    assert (result.expected, result.got) == ({}, {})


@pytest.mark.integration
def test_what_differs_is_told_from_both_sides(broker: Broker) -> None:
    expect = {
        "rebates": [{"ticket": 1, "to": "ib", "level": 1, "amount": "1", "currency": "USD"}],
        "verdicts": [{"ticket": 2, "to": "ib", "reason": "no_rate"}],
    }

    result = _outcome(Document("x", "", {**PLAIN, "deals": deals(), "expect": expect}))

    assert result.expected == {
        "rebates": {"1 ib": ["1.00000000", "USD", 1], "2 ib": None},
        "verdicts": {"2 ib": "no_rate"},
    }
    assert result.got == {
        "rebates": {"1 ib": None, "2 ib": ["9.00000000", "USD", 1, "paid"]},
        "verdicts": {"2 ib": "paid"},
    }


@pytest.mark.integration
def test_a_document_that_lacks_something_fails_with_a_sentence(broker: Broker) -> None:
    unknown = [{**deal, "symbol": "XAUUSD"} for deal in deals()]

    result = _outcome(Document("x", "", {**PLAIN, "deals": unknown, "expect": {"rebates": []}}))

    assert result.got == {"error": "document_invalid", "message": "the document needs 'XAUUSD' and does not say it"}


@pytest.mark.integration
def test_of_a_statement_only_what_is_named_is_checked(broker: Broker) -> None:
    settle = [{"period": "2026-03", "at": datetime(2026, 4, 1, 0, 10, tzinfo=UTC)}]
    statements = [{"period": "2026-03", "to": "ib", "total": "1.35"}, {"period": "2026-03", "to": "ib", "carried": 0}]
    expect = {"statements": statements}

    result = _outcome(Document("x", "", {**PLAIN, "deals": deals(lots="0.301"), "settle": settle, "expect": expect}))

    assert result.expected == {"statements": {"2026-03 ib": [None, "0.00000000"]}}
    assert result.got == {"statements": {"2026-03 ib": [None, "0.00450000"]}}
