"""The settlements of a scenario: calendar months UTC, through the services that people and the clock use."""

from datetime import date
from decimal import Decimal
from typing import Any

from commissions.models import Payee
from commissions.settlement.calendar import ends_between, period_end
from commissions.settlement.cuts import cut
from commissions.settlement.deciding import approve_statement
from commissions.settlement.enums import Cycle, StatementState
from commissions.settlement.making import make_due_statements
from commissions.settlement.models import Statement
from commissions.settlement.paying import pay_approved
from core.money import quantize
from crm.scenarios.world import ACTOR, World
from ib.models import IB
from trading.models import TradingAccount


def settle(world: World, row: dict[str, Any]) -> None:
    """Close the month, and all before it; make, approve and pay its statements."""
    last = period_end(Cycle.MONTHLY, month(row["period"]))
    for end in ends_between(Cycle.MONTHLY, world.start.date(), last):
        cut(cycle=Cycle.MONTHLY, closed_until=end, now=row["at"])
    make_due_statements(now=row["at"])
    for pk in Statement.objects.filter(state=StatementState.REVIEW).order_by("pk").values_list("pk", flat=True):
        approve_statement(statement_id=pk, actor=ACTOR, now=row["at"])
    pay_approved(now=row["at"])


def month(period: Any) -> date:
    """Return the first day of a month like "2026-03"."""
    return date.fromisoformat(f"{period}-01")


def statement_figures(row: dict[str, Any]) -> list[str | None]:
    """Return total and carried of an expected statement, as they compare; None: not named, so not checked."""
    return [_text(Decimal(str(row[key]))) if key in row else None for key in ("total", "carried")]


def stored_figures(row: dict[str, Any]) -> list[str]:
    """Return total and carried of the payee's stored statement of the month.

    A month without lines has no statement, nor has who never earned anything: the total is nothing, and what was
    carried stays carried."""
    payee = _payee(str(row["to"]))
    if payee is None:
        return [_text(Decimal(0)), _text(Decimal(0))]
    first = month(row["period"])
    statement = Statement.objects.filter(payee=payee, from_day__lte=first).order_by("-from_day").first()
    if statement is None:
        return [_text(Decimal(0)), _text(Decimal(0))]
    total = statement.total if statement.to_day > first else Decimal(0)
    return [_text(total), _text(statement.carried_out)]


def _payee(name: str) -> Payee | None:
    if not name.startswith("client:"):
        ib = IB.objects.get(code=name)
        return Payee.objects.filter(ib=ib, currency=ib.currency).first()
    account = TradingAccount.objects.select_related("mt_group").get(login=int(name.removeprefix("client:")))
    return Payee.objects.filter(client_id=account.client_id, currency=account.mt_group.currency).first()


def _text(number: Decimal) -> str:
    return f"{quantize(number, 8):f}"
