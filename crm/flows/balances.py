"""Each account's balance and credit beside the sum of its stored deals. Differences are listed, never put right."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from core.money import E8, quantize
from mt4bridge.enums import DealAction
from mt4bridge.models import MtServer
from mt4bridge.types import AccountState, DealRow, TradingServer
from trading.cursor import get_cursor
from trading.models import Deal, TradingAccount
from trading.queries import LIVE_SQL
from trading.sync.enums import DifferenceKind
from trading.sync.models import SyncDifference, SyncRun
from trading.sync.services import keep_piece

AT_ONCE = 200
TRIES = 3  # an account that trades is looked at until nothing moved between two looks
_BACK, _AHEAD = timedelta(minutes=20), timedelta(minutes=1)
_CREDIT = (DealAction.CREDIT, DealAction.SO_CREDIT_COMPENSATION)
_SUMS = f"""SELECT a.login,
        coalesce(sum(d.profit_e8 + d.swap_e8 + d.commission_e8 + d.fee_e8)
            FILTER (WHERE d.action NOT IN (3, 6, 20)), 0),
        coalesce(sum(d.profit_e8) FILTER (WHERE d.action IN (3, 20)), 0),
        coalesce(sum(d.profit_e8) FILTER (WHERE d.action = 6), 0)
    FROM trading_tradingaccount a
    LEFT JOIN trading_deal d ON d.account_id = a.id AND {LIVE_SQL.format(alias="d")}
    WHERE a.server_id = %s AND a.login = ANY(%s) GROUP BY a.login"""  # noqa: S608 -- own text


@dataclass(frozen=True, slots=True)
class Sums:
    """What an account's deals add up to, in 1e-8 of its currency. A bonus is either, as the server is set."""

    balance: int = 0
    credit: int = 0
    bonus: int = 0

    def plus(self, row: DealRow) -> "Sums":
        if row.action == DealAction.BONUS:
            return Sums(self.balance, self.credit, self.bonus + row.profit_e8)
        if row.action in _CREDIT:
            return Sums(self.balance, self.credit + row.profit_e8, self.bonus)
        paid = row.profit_e8 + row.swap_e8 + row.commission_e8 + row.fee_e8
        return Sums(self.balance + paid, self.credit, self.bonus)

    def agrees(self, state: AccountState) -> bool:
        """Return whether balance and credit are these sums, to the digits of the account's currency."""
        return not self.differences(state)

    def differences(self, state: AccountState) -> list[tuple[DifferenceKind, Decimal, Decimal]]:
        """Return (kind, here, there) of each figure that differs."""
        readings = [
            _differences(self.balance + self.bonus, self.credit, state),
            _differences(self.balance, self.credit + self.bonus, state),
        ]
        return min(readings, key=len)


def _differences(balance: int, credit: int, state: AccountState) -> list[tuple[DifferenceKind, Decimal, Decimal]]:
    digits = state.currency_digits
    pairs = (
        (DifferenceKind.BALANCE, quantize(Decimal(balance) / E8, digits), quantize(state.balance, digits)),
        (DifferenceKind.CREDIT, quantize(Decimal(credit) / E8, digits), quantize(state.credit, digits)),
    )
    return [(kind, here, there) for kind, here, there in pairs if here != there]


def compare_balances(*, server: MtServer, gateway: TradingServer, run: SyncRun, stop_at: float) -> bool:
    """Compare the accounts in the order of their logins; return whether the last one was reached."""
    accounts = TradingAccount.objects.filter(server=server)
    while True:
        chunk = list(accounts.filter(login__gt=run.last_login).order_by("login")[:AT_ONCE])
        if not chunk:
            return True
        states = gateway.account_states([account.login for account in chunk])
        stored = _stored(server.pk, [state.login for state in states])
        lines: list[SyncDifference] = []
        opened = {account.login: account.opened_at for account in chunk}
        for state in states:
            if not stored[state.login].agrees(state):
                lines += _lines(server, gateway, run, state.login, opened[state.login])
        keep_piece(
            run=run, done_until=run.done_until, last_login=chunk[-1].login, checked=len(states), taken_over=0,
            lines=lines,
        )  # fmt: skip
        if time.monotonic() > stop_at:
            return False


def _stored(server_id: int, logins: list[int]) -> dict[int, Sums]:
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [server_id, logins])
        return {login: Sums(int(balance), int(credit), int(bonus)) for login, balance, credit, bonus in cursor}


def _lines(
    server: MtServer, gateway: TradingServer, run: SyncRun, login: int, opened_at: datetime
) -> list[SyncDifference]:
    """Look again at an account that differs, with the deals that are not stored yet; return what still differs."""
    for _try in range(TRIES):
        before = gateway.account_states([login])
        now = gateway.server_time()
        since = (get_cursor(server.pk).recorded_until or now) - _BACK
        rows = gateway.deals_of_login(login=login, since=since, until=now + _AHEAD)
        after = gateway.account_states([login])
        if not before or not after:
            return []  # archived meanwhile
        if (before[0].balance, before[0].credit) == (after[0].balance, after[0].credit):
            break
    sums = _stored(server.pk, [login])[login]
    fresh = [row for row in rows if isinstance(row, DealRow)]
    known = _known_tickets(server.pk, fresh)
    for row in fresh:
        if row.ticket not in known:
            sums = sums.plus(row)
    found = sums.differences(after[0])
    older = opened_at < server.history_from
    return [
        SyncDifference(
            run=run, login=login, here=f"{here:f}", there=f"{there:f}",
            kind=DifferenceKind.NO_HISTORY if older else kind,
        )
        for kind, here, there in found
    ]  # fmt: skip


def _known_tickets(server_id: int, rows: list[DealRow]) -> set[int]:
    tickets = [row.ticket for row in rows]
    return set(Deal.objects.filter(server_id=server_id, ticket__in=tickets).values_list("ticket", flat=True))
