"""What a reading of the server's deals means, whatever else stands among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt4bridge.enums import DealAction
from mt4bridge.types import BadRow, DealRow
from tests.trading.factories import deal_row
from trading.operations.readback import Finding, judge_reading
from trading.operations.reference import reference_of

pytestmark = pytest.mark.unit
REF = reference_of(schema="t_aurora", operation_id=7)
OTHER = reference_of(schema="t_aurora", operation_id=8)


def balance(ticket: int, comment: str, *, amount: int = 40, login: int = 1001, action: int = 2) -> DealRow:
    return deal_row(ticket, comment=comment, profit_e8=amount * 10**8, login=login, action=action)


def bad(raw: str) -> BadRow:
    return BadRow(raw=raw, reason="the login is no number", ticket=9, leg=0, login=None)


def judged(rows: list[DealRow | BadRow]) -> tuple[Finding, str]:
    found = judge_reading(rows, ref=REF, login=1001, kind=DealAction.BALANCE, amount_e8=40 * 10**8)
    return found.finding, found.tickets


FOREIGN = st.builds(
    balance, st.integers(100, 999), st.sampled_from(["", "Deposit", OTHER, f"again {REF}", REF[:12]]),
    amount=st.sampled_from([40, -40, 1]),
)  # fmt: skip


@given(st.lists(FOREIGN, max_size=8), st.integers(0, 8))
def test_the_one_deal_is_found_among_any_others(others: list[DealRow], place: int) -> None:
    rows: list[DealRow | BadRow] = [*others[:place], balance(5, f"{REF} Deposit"), *others[place:]]

    assert judged(rows) == (Finding.APPLIED, "5")
    assert judged(list(others)) == (Finding.ABSENT, "")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([balance(5, REF), balance(6, REF)], (Finding.DOUBLED, "5, 6")),
        ([balance(5, REF), balance(6, REF, amount=41)], (Finding.DOUBLED, "5, 6")),
        ([balance(5, REF, amount=41)], (Finding.DIFFERS, "5")),
        ([balance(5, REF, amount=-40)], (Finding.DIFFERS, "5")),
        ([balance(5, REF, login=1002)], (Finding.DIFFERS, "5")),
        ([balance(5, REF, action=3)], (Finding.DIFFERS, "5")),
        ([bad(f'{{"Comment": "{REF}"}}')], (Finding.UNREADABLE, "")),
        ([bad('{"Comment": "Deposit"}')], (Finding.ABSENT, "")),
        ([bad(f'{{"Comment": "{REF}"}}'), balance(5, REF)], (Finding.APPLIED, "5")),
    ],
)
def test_what_is_not_clear_is_told_apart(rows: list[DealRow | BadRow], expected: tuple[Finding, str]) -> None:
    assert judged(rows) == expected
