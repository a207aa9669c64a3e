"""A currency that changed on an MT server: once staff take it over, what was judged before is judged again by itself.

It had been the same currency all along, and only the server's word for it was wrong; so the result does not depend on
when somebody noticed. Amounts and ledger follow by the difference, like after any other change."""

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from access.types import Actor
from commissions.judging.clients import has_cpa, mark_accounts
from commissions.judging.plans import known_versions
from commissions.judging.queueing import OF_ACCOUNT, Touched, queue, touched_in_symbols, touched_on_accounts
from core import jobs
from trading.models import DealCursor, MtGroup, Symbol, TradingAccount
from trading.sync import services as sync
from trading.sync.enums import ChangedField
from trading.sync.models import ServerChange

JOB = "commissions.queue_repriced_deals"
_EVER = {"start": datetime(1970, 1, 1, tzinfo=UTC), "end": None}
_IN_GROUP = """SELECT id FROM trading_tradingaccount WHERE mt_group_id = %(group)s
    UNION SELECT account_id FROM trading_formergroup WHERE mt_group_id = %(group)s"""


@transaction.atomic
def decide_change(*, change: ServerChange, accept: bool, actor: Actor, now: datetime) -> ServerChange:
    """Take a waiting change of a server over, or keep what was. A job queues what was judged in the other currency.

    :raises ChangeDecided: it does not wait any more."""
    row = sync.decide_change(change=change, accept=accept, actor=actor, now=now)
    if accept:
        jobs.enqueue(JOB, key=f"change:{row.pk}", now=now, change_id=row.pk)
    return row


@transaction.atomic
def queue_repriced_deals(*, change_id: int) -> None:
    """Queue the judged deals that a change which was taken over reprices.

    Moves the server's cursor, so that a batch that was computed before the change is dropped, not written."""
    change = ServerChange.objects.get(pk=change_id)
    cursor = DealCursor.objects.select_for_update().filter(pk=change.server_id).first()
    if cursor is None:
        return
    DealCursor.objects.filter(pk=change.server_id).update(version=F("version") + 1)
    if change.field == ChangedField.QUOTE_CURRENCY:
        symbols = Symbol.objects.filter(server_id=change.server_id, name=change.name)
        ids = list(symbols.values_list("pk", flat=True))
        queue(touched_in_symbols(ids, server_id=change.server_id, judged_id=cursor.judged_id))
        return
    accounts, params = _accounts_of(change)
    if has_cpa(known_versions()):
        mark_accounts(accounts, params)
    queue(_deals_on(accounts, params, cursor))


def _accounts_of(change: ServerChange) -> tuple[str, dict[str, Any]]:
    """Return whose accounts the change concerns: a text as those of `queueing`, and what it names."""
    if change.field == ChangedField.CURRENCY:
        group = MtGroup.objects.get(server_id=change.server_id, name=change.name)
        return _IN_GROUP, {**_EVER, "group": group.pk}
    account = TradingAccount.objects.get(server_id=change.server_id, login=int(change.name))
    return OF_ACCOUNT, {**_EVER, "account": account.pk}


def _deals_on(accounts: str, params: dict[str, Any], cursor: DealCursor) -> Touched:
    return touched_on_accounts(accounts, params, server_id=cursor.server_id, judged_id=cursor.judged_id)
