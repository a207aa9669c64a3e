"""Storing a checked version: the rows that every published version leaves, whoever publishes it."""

from datetime import datetime

from django.db import connection

from commissions.judging.plans import WHOLE
from commissions.models import Plan, PlanChange, PlanVersion, RateRow
from commissions.terms import Terms, terms_as_dict, terms_hash


def bump_plans() -> int:
    """Raise the version of all plans; changes wait for each other here, so that versions commit in order."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE commissions_planstate SET version = version + 1 WHERE id = 1 RETURNING version")
        (version,) = cursor.fetchone()
    return int(version)


def store_version(*, plan: Plan, terms: Terms, effective_from: datetime, label: str, now: datetime) -> PlanVersion:
    """Store a version with its rate rows and the change that it is. In the caller's transaction."""
    number = bump_plans()
    version = PlanVersion.objects.create(
        plan=plan, effective_from=effective_from, published_at=now, published_by=label,
        terms=terms_as_dict(terms), hash=terms_hash(terms),
    )  # fmt: skip
    RateRow.objects.bulk_create(_rate_rows(version, terms))
    PlanChange.objects.create(version=number, plan=plan, affected_from=effective_from, recorded_at=now)
    return version


def _rate_rows(version: PlanVersion, terms: Terms) -> list[RateRow]:
    rows = [
        RateRow(
            version=version, position=rate.position, symbol=rate.symbol or "", symbol_group=rate.symbol_group or "",
            mt_group=rate.mt_group or "", base=rate.base.value, value=rate.value, currency=rate.currency or "",
        )
        for rate in terms.rates
    ]  # fmt: skip
    return [RateRow(version=version, position=WHOLE), *rows]
