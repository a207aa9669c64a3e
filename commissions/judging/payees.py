"""Payees of chains and clients, opened when a deal first needs them."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from commissions.enums import PayeeKind
from commissions.judging.chains import Chain
from commissions.judging.memory import Memory
from commissions.models import Payee
from ledger.enums import AccountKind, OwnerType
from ledger.services import ensure_accounts
from ledger.types import AccountSpec

_CHUNK = 5_000


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
    for start in range(0, len(missing), _CHUNK):
        _open(memory, missing[start : start + _CHUNK], now=now)


def payees_of_chain(memory: Memory, chain: Chain) -> tuple[int, ...]:
    """Return the payee ids of a chain whose payees `ensure_payees` has put into memory."""
    found = memory.payees_of_chain.get(chain.number)
    if found is None:
        pairs = zip(chain.ib_ids, chain.shape.currencies, strict=True)
        found = tuple(memory.payees[ib_id, 0, currency] for ib_id, currency in pairs)
        memory.payees_of_chain[chain.number] = found
    return found


def _open(memory: Memory, keys: list[PayeeKey], *, now: datetime) -> None:
    _remember(memory, keys)
    missing = [key for key in keys if key not in memory.payees]
    if not missing:
        return
    if not memory.writes:
        memory.payees |= {key: -len(memory.payees) - place for place, key in enumerate(missing, 1)}
        return
    with transaction.atomic():
        accounts = ensure_accounts(specs=[key.spec for key in missing], now=now)
        rows = [
            Payee(
                kind=PayeeKind.IB if key.ib_id else PayeeKind.CLIENT,
                ib_id=key.ib_id or None,
                client_id=key.client_id or None,
                currency=key.currency,
                ledger_account_id=accounts[key.spec.code],
            )
            for key in missing
        ]
        Payee.objects.bulk_create(rows, ignore_conflicts=True)
    _remember(memory, missing)


def _remember(memory: Memory, keys: list[PayeeKey]) -> None:
    wanted = set(keys)
    ibs = Payee.objects.filter(ib_id__in={key.ib_id for key in keys if key.ib_id})
    clients = Payee.objects.filter(client_id__in={key.client_id for key in keys if key.client_id})
    for rows in (ibs, clients):
        for pk, ib_id, client_id, currency, account in rows.values_list(
            "pk", "ib_id", "client_id", "currency", "ledger_account_id"
        ):
            key = PayeeKey(ib_id or 0, client_id or 0, currency)
            if key in wanted:
                memory.payees[key] = pk
                memory.accounts[pk] = (account, currency)
