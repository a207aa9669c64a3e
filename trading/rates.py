"""Currency rates that people publish, and what is known now. The engine reads the rows itself."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import DomainError, Forbidden, InvalidInput
from trading.models import FxRate
from trading.services import publish_fx_rate

PUBLISH = "trading.publish_rate"
VIEW = "trading.view_rate"
FARTHEST = 10  # times the rate before: farther off it is a slip of the keyboard, or the pair the wrong way round
_HELD = timedelta(days=1)  # how long ago the rate before may have begun to be compared with


class RateFarOff(DomainError):
    """The rate is so far from its neighbour that it is more likely a slip than the market."""

    code, http_status = "rate_far_off", 422
    message = _("%(pair)s stood at %(before)s on %(day)s. A rate that far off is not taken: check its direction.")


class RateIsThere(DomainError):
    """The pair has this rate from this moment on already."""

    code = "rate_is_there"
    message = _("%(pair)s has this rate from this moment on already: %(rate)s.")


def rates_visible_to(actor: Actor) -> QuerySet[FxRate]:
    """Return the published rates: staff with the right all."""
    return FxRate.objects.all() if actor.sees_all and actor.has(VIEW) else FxRate.objects.none()


def newest_rates(rows: QuerySet[FxRate], *, at: datetime) -> list[FxRate]:
    """Return of each pair the rate in force at `at`; one statement."""
    known = rows.filter(at__lte=at).order_by("base", "quote", "-at", "-pk").distinct("base", "quote")
    return list(known)


@transaction.atomic
def publish_rate(
    *, base: str, quote: str, rate: Decimal, at: datetime, actor: Actor, now: datetime, reason: str = ""
) -> FxRate:
    """Publish a rate by hand: one unit of `base` costs `rate` units of `quote` from `at` on.

    Deals that were judged by a rate keep it; those that waited for one are judged by it.

    :raises Forbidden: the actor may not.
    :raises InvalidInput: neither currency is USD, the rate is not above 0, or the moment is to come.
    :raises RateFarOff: it is not near the rate before.
    :raises RateIsThere: the pair has this rate from this moment on."""
    if not actor.has(PUBLISH):
        raise Forbidden
    _refuse_misfits(base, quote, rate, at, now)
    _refuse_far_off(base, quote, rate, at)
    row = publish_fx_rate(base=base, quote=quote, rate=rate, at=at, now=now)
    record_audit(
        actor=actor, action=PUBLISH, object_type="fx_rate", object_id=row.pk, before=None,
        after={"pair": str(row), "rate": f"{rate:f}", "at": at}, reason=reason, now=now,
    )  # fmt: skip
    return row


def _refuse_misfits(base: str, quote: str, rate: Decimal, at: datetime, now: datetime) -> None:
    if (base == "USD") == (quote == "USD"):
        raise InvalidInput(field="quote")
    exponent = rate.as_tuple().exponent
    if not rate.is_finite() or rate <= 0 or not isinstance(exponent, int) or exponent < -10:
        raise InvalidInput(field="rate")
    if at > now:
        raise InvalidInput(field="at")
    same = FxRate.objects.filter(base=base, quote=quote, at=at, rate=rate).order_by("pk").first()
    if same is not None:
        raise RateIsThere(field="at", pair=str(same), rate=f"{same.rate.normalize():f}")


def _refuse_far_off(base: str, quote: str, rate: Decimal, at: datetime) -> None:
    before = FxRate.objects.filter(base=base, quote=quote, at__lte=at + _HELD).order_by("-at", "-pk").first()
    if before is not None and not before.rate / FARTHEST <= rate <= before.rate * FARTHEST:
        raise RateFarOff(
            field="rate", pair=str(before), before=f"{before.rate.normalize():f}", day=f"{before.at:%Y-%m-%d}"
        )
