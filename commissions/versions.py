"""Storing a checked version: the rows that every published version leaves, whoever publishes it."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max

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
    published_at = _after_the_last(plan, effective_from, now)
    version = PlanVersion.objects.create(
        plan=plan, effective_from=effective_from, published_at=published_at, published_by=label,
        terms=terms_as_dict(terms), hash=terms_hash(terms),
    )  # fmt: skip
    RateRow.objects.bulk_create(_rate_rows(version, terms))
    PlanChange.objects.create(version=number, plan=plan, affected_from=effective_from, recorded_at=published_at)
    return version


def _after_the_last(plan: Plan, effective_from: datetime, now: datetime) -> datetime:
    """Return `now`, or the first microsecond after the last version from the same moment on.

    Who waited for another change of plans read the clock before it, and still comes after it."""
    same = PlanVersion.objects.filter(plan=plan, effective_from=effective_from)
    last = same.aggregate(last=Max("published_at"))["last"]
    return now if last is None or last < now else last + timedelta(microseconds=1)


def _rate_rows(version: PlanVersion, terms: Terms) -> list[RateRow]:
    rows = [
        RateRow(
            version=version, position=rate.position, symbol=rate.symbol or "", symbol_group=rate.symbol_group or "",
            mt_group=rate.mt_group or "", base=rate.base.value, value=rate.value, currency=rate.currency or "",
        )
        for rate in terms.rates
    ]  # fmt: skip
    return [RateRow(version=version, position=WHOLE), *rows]
