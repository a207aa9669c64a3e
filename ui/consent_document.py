"""The document that an IB accepts: its own rates and conditions, who accepted them, when and from where."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from access.types import Actor
from commissions.consent.queries import Pending
from commissions.terms import Terms
from ib.models import IB
from ib.types import Terms as Agreement
from ui.explanation import Names, rate_scope
from ui.exports.document import Part, document
from ui.numbers import exact_text
from ui.plan_difference import rate_words
from ui.plan_words import conditions


def consent_document(
    *, broker: str, ib: IB, pending: Pending, terms: Terms, agreement: Agreement, name: str, actor: Actor, zone: str,
    now: datetime, names: Names,
) -> bytes:  # fmt: skip
    """Return the PDF in the language in force."""
    version = pending.version
    begins = _("from the acceptance on") if pending.from_acceptance else _stamp(version.effective_from, zone)
    who = [
        (_("Broker"), broker), (_("Partner"), f"{ib.name} ({ib.code})"), (_("Paid in"), ib.currency),
        (_("Plan"), pending.plan.name), (_("Holds"), begins), (_("Hash of the terms"), version.hash.hex),
    ]  # fmt: skip
    if agreement.keep_percent is not None:
        who.append((_("You keep"), f"{exact_text(agreement.keep_percent, 0)}%"))
    rates = [(rate_scope(rate, names), rate_words(rate)) for rate in terms.rates]
    signed = [
        (_("Accepted by"), name), (_("Signed in as"), actor.label), (_("At"), _stamp(now, zone)),
        (_("From the address"), actor.ip or "—"),
    ]  # fmt: skip
    return document(
        title=_("Rebate terms"), sub=f"{broker} · {ib.name}",
        parts=[
            Part(_("What is agreed"), facts=who),
            Part(_("Rates"), head=(_("For"), _("Rate")), rows=rates,
                 text=() if rates else (_("The plan has no rates"),)),
            Part(_("Conditions"), facts=conditions(terms)),
            Part(_("Acceptance"), facts=signed),
        ],
        foot=_("The hash names exactly these terms. Every rebate computed by them carries the same hash."), at=now,
        language=get_language() or "en",
    )  # fmt: skip


def _stamp(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}"
