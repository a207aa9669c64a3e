"""Payees of chains and clients, opened when a deal first needs them."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from commissions.enums import PayeeKind
from commissions.judging.columns import array_text
from commissions.judging.memory import Memory
from commissions.models import Payee
from ledger.enums import AccountKind, OwnerType
from ledger.services import ensure_accounts
from ledger.types import AccountSpec

_CHUNK = 5_000
_KNOWN = """SELECT id, coalesce(ib_id, 0), coalesce(client_id, 0), currency, ledger_account_id FROM commissions_payee
    WHERE {of} = ANY(%s::bigint[])"""


class PayeeKey(NamedTuple):
    """Who is paid in which currency: an IB or a client, the other id is 0."""

    ib_id: int
    client_id: int
    currency: str

    @property
    def spec(self) -> AccountSpec:
        if self.ib_id:
            return AccountSpec(AccountKind.IB_ACCRUED, self.currency, OwnerType.IB, self.ib_id)
        return AccountSpec(AccountKind.CLIENT_ACCRUED, self.currency, OwnerType.CLIENT, self.client_id)


def ensure_payees(memory: Memory, keys: Iterable[PayeeKey], *, now: datetime) -> None:
    """Have all these payees in memory, with their accrued ledger accounts, opening those that are missing."""
    missing = sorted({key for key in keys if key not in memory.payees})
    if missing:
        _remember(memory, missing)
        missing = [key for key in missing if key not in memory.payees]
    for start in range(0, len(missing), _CHUNK):
        _open(memory, missing[start : start + _CHUNK], now=now)


def _open(memory: Memory, keys: list[PayeeKey], *, now: datetime) -> None:
    if not memory.writes:
        memory.payees |= {key: -len(memory.payees) - place for place, key in enumerate(keys, 1)}
        return
    with transaction.atomic():
        accounts = ensure_accounts(specs=[key.spec for key in keys], now=now)
        rows = [
            Payee(
                kind=PayeeKind.IB if key.ib_id else PayeeKind.CLIENT,
                ib_id=key.ib_id or None,
                client_id=key.client_id or None,
                currency=key.currency,
                ledger_account_id=accounts[key.spec.code],
            )
            for key in keys
        ]
        Payee.objects.bulk_create(rows, ignore_conflicts=True)
    _remember(memory, keys)


def _remember(memory: Memory, keys: list[PayeeKey]) -> None:
    wanted = set(keys)
    with connection.cursor() as cursor:
        for of, ids in (("ib_id", {key.ib_id for key in keys}), ("client_id", {key.client_id for key in keys})):
            if ids := ids - {0}:
                cursor.execute(_KNOWN.format(of=of), [array_text(ids)])
                for pk, ib_id, client_id, currency, account in cursor.fetchall():
                    key = PayeeKey(ib_id, client_id, currency)
                    if key in wanted:
                        memory.payees[key] = pk
                        memory.accounts[pk] = (account, currency)
