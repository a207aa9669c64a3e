"""Open ledger accounts."""

from collections.abc import Iterable
from datetime import datetime

from django.db import DatabaseError, transaction

from core.money import minor_digits
from ledger.enums import ACCRUED_DECIMALS, KIND_RULES
from ledger.errors import AccountConflict, constraint_of
from ledger.models import LedgerAccount
from ledger.types import AccountSpec


def ensure_accounts(*, specs: Iterable[AccountSpec], now: datetime) -> dict[str, int]:
    """Return the ids of these ledger accounts by code, opening those that are missing.

    Two statements when all exist, four otherwise, whatever the number; callers may race.

    :raises AccountConflict: the currency code or the owner of a spec cannot be."""
    wanted = {spec.code: spec for spec in specs}
    found = _ids_of(wanted)
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        rows = [_account(wanted[code], now=now) for code in missing]
        try:
            with transaction.atomic():
                LedgerAccount.objects.bulk_create(rows, ignore_conflicts=True)
        except DatabaseError as error:
            if not constraint_of(error).startswith("ledger_account_"):
                raise
            raise AccountConflict(account=", ".join(missing[:3])) from error
        found |= _ids_of(missing)
    return found


def _ids_of(codes: Iterable[str]) -> dict[str, int]:
    return dict(LedgerAccount.objects.filter(code__in=list(codes)).order_by("code").values_list("code", "pk"))


def _account(spec: AccountSpec, *, now: datetime) -> LedgerAccount:
    rule = KIND_RULES[spec.kind]
    return LedgerAccount(
        code=spec.code,
        kind=spec.kind,
        currency=spec.currency,
        owner_type=spec.owner_type,
        owner_id=spec.owner_id,
        decimals=ACCRUED_DECIMALS if rule.accrued else minor_digits(spec.currency),
        normal_side=rule.normal_side,
        allow_negative=rule.allow_negative,
        opened_at=now,
    )
