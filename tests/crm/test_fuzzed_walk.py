"""Mutated answers through the whole walk: it ends, or names the server's error; what is stored is what was said.

The normal run tries twenty; `-m soak` tries 10,000."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings

from crm.flows import deal_flow
from mt4bridge.errors import BridgeError
from mt4bridge.models import MtServer
from mt4bridge.types import DealRow
from mt4bridge.webapi.adapter import WebApiServer
from tenancy.models import Broker
from tests.mt4bridge.rows import RAW_DEAL
from tests.mt4bridge.scripted import Say, ScriptedServer, answer, scripted_server
from tests.mt4bridge.test_fuzz import DEAL_AT, KINDS, Kind, deal_says, holds, mutated, numbered, rows_said, same_key
from tests.trading.factories import LOT, make_account, make_mt_group, make_server, make_symbol
from trading.models import Deal, HeldDeal
from trading.queries import live_deals

FEW, MANY = 20, 10_000
DEALS = KINDS[:1]
NOW = DEAL_AT + timedelta(seconds=30)
LATER = NOW + timedelta(minutes=2)  # time to read the recent past again
STORED = [numbered(RAW_DEAL, "Deal", number) for number in range(2)]  # of the four that an answer may tell
SYMBOLS_SIZE = 100_000 * LOT
STATE = {
    "Login": RAW_DEAL["Login"], "CurrencyDigits": "2", "Balance": "0.00", "Credit": "0.00", "Margin": "0.00",
    "MarginFree": "0.00", "Floating": "0.00", "Equity": "0.00",
}  # fmt: skip


@dataclass
class Walked:
    """A server that was read once, and what it answers."""

    row: MtServer
    says: ScriptedServer
    gateway: WebApiServer

    def walk(self, said: Say, now: datetime) -> None:
        self.says.script = {
            "/api/deal/get_batch": said,
            "/api/user/account/get_batch": answer([STATE]),
            "/api/time/server": answer({"Time": str(int(now.timestamp()))}),
            "/api/test/access": Say('{"retcode":"0 Done"}'),
        }
        deal_flow.walk(server=self.row, gateway=self.gateway, now=now)


@pytest.fixture
def walked(broker: Broker) -> Iterator[Walked]:
    row = make_server(history_from=DEAL_AT - timedelta(minutes=1))
    make_symbol(row, RAW_DEAL["Symbol"], contract_size_e8=SYMBOLS_SIZE)
    make_account(make_mt_group(row), login=int(RAW_DEAL["Login"]))
    with scripted_server() as says:
        found = Walked(row, says, says.adapter({}))
        found.walk(answer(STORED), NOW)
        assert live_deals().count() == len(STORED)
        yield found
        says.drop_adapters()


def as_row(deal: Deal) -> DealRow:
    values: dict[str, Any] = {name: getattr(deal, name, None) for name in DealRow._fields}
    values |= {
        "login": deal.account.login, "symbol": deal.symbol.name if deal.symbol else "", "order": deal.mt_order,
        "currency_digits": 2,
    }  # fmt: skip
    return DealRow(**values)


def agrees(row: DealRow, raw: dict[str, Any]) -> bool:
    """Whether a stored deal is what was said; a contract size that was not said is the symbol's."""
    unsaid = row.contract_size_e8 == SYMBOLS_SIZE and holds(deal_says, row._replace(contract_size_e8=0), raw)
    return unsaid or holds(deal_says, row, raw)


def told(said: Say) -> list[dict[str, Any]]:
    try:
        return rows_said(said)
    except ValueError:  # nothing of it can be read
        return []


def check(walked: Walked, said: Say) -> None:
    """Walk, hold the store against what was said, and put everything back."""
    with transaction.atomic():
        with suppress(BridgeError):
            walked.walk(said, LATER)
        known = [*told(said), *STORED]
        for deal in live_deals().select_related("account", "symbol"):
            row = as_row(deal)
            own = [raw for raw in known if same_key(raw, "Deal", row.ticket)]
            assert any(agrees(row, raw) for raw in own), f"{row} was never said"
        transaction.set_rollback(True)


@pytest.mark.integration
@settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(case=mutated(DEALS))
def test_twenty_mutated_answers_never_stop_the_walk_or_store_a_wrong_deal(
    walked: Walked, case: tuple[Kind, Say]
) -> None:
    check(walked, case[1])


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(case=mutated(DEALS))
def test_ten_thousand_mutated_answers_never_stop_the_walk_or_store_a_wrong_deal(
    walked: Walked, case: tuple[Kind, Say]
) -> None:
    check(walked, case[1])


@pytest.mark.integration
def test_the_check_itself_sees_what_was_stored(walked: Walked) -> None:
    fresh, odd = numbered(RAW_DEAL, "Deal", 2), {**numbered(RAW_DEAL, "Deal", 3), "Price": "many"}
    edited = {**STORED[0], "Profit": "5.00"}

    walked.walk(answer([edited, fresh, odd]), LATER)

    # The second deal that was stored is not in the answer any more.
    found = list(live_deals().order_by("ticket").values_list("ticket", "revision", "profit_e8"))
    first = int(RAW_DEAL["Deal"])
    assert found == [(first, 1, 500_000_000), (first + 2, 0, -1_407_000_000)]
    assert list(HeldDeal.objects.values_list("ticket", "reason")) == [(first + 3, "bad_row")]
