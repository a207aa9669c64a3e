"""The reference itself against every scenario document: rebates, verdicts, statements, refusals."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import reference

pytestmark = pytest.mark.unit
TESTS = Path(__file__).parent.parent
FOLDERS = [TESTS / "scenarios", TESTS / "examples"]


def read_all() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for folder in FOLDERS:
        for path in sorted(folder.glob("*.yaml")):
            for place, doc in enumerate(yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)):
                if doc is not None:
                    found[f"{folder.name}/{path.stem}/{place}-{doc['scenario']}"] = with_zones(doc)
    return found


def with_zones(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: with_zones(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_zones(inner) for inner in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


DOCUMENTS = read_all()


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_reference_ends_as_the_document_expects(name: str) -> None:
    doc = DOCUMENTS[name]
    expect = doc["expect"]
    if expect.get("error"):
        assert reference.plan_faults(doc)
        return

    found = reference.final_result(doc)

    assert reference.plan_faults(doc) == []
    if "rebates" in expect:
        assert {
            (ticket, to, judged.level): (judged.amount, judged.currency)
            for (ticket, to), judged in found.items()
            if judged.amount or judged.verdict == "paid"
        } == {
            (row["ticket"], row["to"], row["level"]): (Fraction(str(row["amount"])), row["currency"])
            for row in expect["rebates"]
        }
    for row in expect.get("verdicts") or []:
        assert found[row["ticket"], row["to"]].verdict == row["reason"]
    if expect.get("statements"):
        given = reference.statements(doc)
        for row in expect["statements"]:
            told = (Fraction(str(row["total"])), Fraction(str(row["carried"])))
            assert (row["period"], row["to"], given[row["period"], row["to"]]) == (row["period"], row["to"], told)


def test_every_document_has_an_id_of_its_own() -> None:
    ids = [name.split("-", 1)[1] for name in DOCUMENTS]

    assert sorted(ids) == sorted(set(ids))
