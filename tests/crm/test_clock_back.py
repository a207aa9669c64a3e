"""A server whose clock goes back, as in the hour that autumn repeats: its deals are still read at once."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crm.flows.deal_flow import WalkOutcome, read_new
from mt4bridge.types import AccountState, DealRow
from tenancy.models import Broker
from tests.trading.factories import deal_row, make_account, make_client, make_mt_group, make_server, make_symbol
from trading.cursor import get_cursor
from trading.queries import live_deals

pytestmark = pytest.mark.integration
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Server:
    """The parts of a `TradingServer` that a round of reading asks, over a list of deals and a clock."""

    def __init__(self) -> None:
        self.clock = NOON
        self.rows: list[DealRow] = []

    def server_time(self) -> datetime:
        return self.clock

    def deals(self, *, since: datetime, until: datetime) -> Iterator[list[DealRow]]:
        yield [row for row in self.rows if since <= row.deal_at < until]

    def deals_by_ticket(self, tickets: Collection[int]) -> list[DealRow]:
        return [row for row in self.rows if row.ticket in tickets]

    def account_states(self, logins: Collection[int]) -> list[AccountState]:
        raise AssertionError("nothing is missing from this server")


def test_deals_of_the_repeated_hour_are_read_in_the_next_round(broker: Broker) -> None:
    server, gateway, outcome = make_server(), Server(), WalkOutcome()
    make_symbol(server)
    make_account(make_mt_group(server), client=make_client())
    gateway.rows = [deal_row(1, deal_at=NOON - timedelta(seconds=5))]
    read_new(server=server, gateway=gateway, now=NOON, outcome=outcome)
    gateway.clock -= timedelta(hours=1)
    gateway.rows.append(deal_row(2, position=2, deal_at=gateway.clock - timedelta(seconds=5)))

    read_new(server=server, gateway=gateway, now=NOON + timedelta(seconds=10), outcome=outcome)

    assert sorted(live_deals().values_list("ticket", flat=True)) == [1, 2]
    assert (outcome.new, outcome.deleted, get_cursor(server.pk).recorded_until) == (2, 0, NOON)
