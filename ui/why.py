"""One deal's explanation for people and for machines: sections of a page, a text to copy, a JSON document.

All three come from the same `DealWhy`, which already holds nothing that its reader may not see. The document's shape
is docs/explanation.md; its codes never change their meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from commissions.calculation import Verdict
from commissions.corrections import Cause, Revision
from commissions.enums import CauseCode, DealState, RejudgeCause
from commissions.explaining import DealWhy, PayeeWhy
from mt4bridge.enums import DealEntry
from ui.exactness import plain_text
from ui.explanation import Line, Names, lines, machine_readable
from ui.numbers import exact_text
from ui.verdicts import WHY, label
from ui.why_not import what_would_pay

FORMAT = "keel.why/1"
STATES: dict[DealState, Promise] = {
    DealState.JUDGED: gettext_lazy("Everybody above the client has an amount or the reason for none."),
    DealState.NOT_JUDGED_YET: gettext_lazy(
        "The deal is stored and waits for its turn; this takes seconds. What is shown is what it would give now."
    ),
    DealState.NOT_COUNTED: gettext_lazy(
        "No plan above the client counts this deal. Mostly it opens a position, and the plans count the deal that "
        "closes it."
    ),
    DealState.NOT_A_TRADE: gettext_lazy("It is a deposit, a withdrawal or another booking: rebates are for trades."),
    DealState.NO_IB: gettext_lazy(
        "The client belonged to no introducing broker when the deal was made, so nobody is paid for it. It would have "
        "been paid if the client had been placed below one from that moment on."
    ),
    DealState.REMOVED: gettext_lazy(
        "The deal no longer stands on the trading server. Whatever was booked for it has been taken back."
    ),
}
QUEUED: dict[str, Promise] = {
    RejudgeCause.LOT_FACTOR: gettext_lazy("It waits for the lot factor of its account group."),
    RejudgeCause.FX_RATE: gettext_lazy("It waits for an exchange rate."),
    RejudgeCause.TOO_LARGE: gettext_lazy("An amount is too large to be booked; staff have to look at the deal."),
    RejudgeCause.CORRECTION: gettext_lazy(
        "It is in the queue to be judged again, because something it rests on changed."
    ),
}
SIDES = {0: gettext_lazy("buy"), 1: gettext_lazy("sell")}
ENTRIES: dict[int, Promise] = {
    DealEntry.IN: gettext_lazy("opens"),
    DealEntry.OUT: gettext_lazy("closes"),
    DealEntry.INOUT: gettext_lazy("closes and opens the other way"),
    DealEntry.OUT_BY: gettext_lazy("closes by an opposite position"),
}


@dataclass(frozen=True, slots=True)
class Section:
    """One payee's part: who, what stands, the steps that lead there, and what would have to be different."""

    payee: PayeeWhy
    title: str
    lines: list[Line]
    why: str
    advice: str

    @property
    def plan(self) -> str:
        return version_text(self.payee)

    @property
    def trouble(self) -> str:
        if self.payee.verdict is Verdict.TOO_LARGE:
            return f"{self.why} {self.advice}"
        return "" if self.payee.agrees else disagreement(self.payee)


@dataclass(frozen=True, slots=True)
class Correction:
    """One revision in words: what it booked for whom, and why."""

    revision: Revision
    title: str
    causes: list[str]


def sections(why: DealWhy) -> list[Section]:
    """Return the payees in their order."""
    return [_section(payee, why.group_names) for payee in why.payees]


def _section(payee: PayeeWhy, names: Names) -> Section:
    steps = payee.outcome.steps if payee.outcome else ()
    stop = next((step.values for step in steps if step.code == "stopped"), {"verdict": payee.verdict.code, "level": 0})
    paid = payee.verdict is Verdict.PAID
    return Section(
        payee=payee, title=_title(payee), lines=lines(steps, names), why=str(WHY[payee.verdict]),
        advice="" if paid else what_would_pay(stop),
    )  # fmt: skip


def _title(payee: PayeeWhy) -> str:
    if payee.client_id is not None:
        return _("Client %(code)s") % {"code": payee.code}
    if payee.outcome is None:
        return _("Not in the chain any more")
    return _("Level %(level)s") % {"level": payee.level}


def page_facts(why: DealWhy) -> dict[str, Any]:
    """Return what a page says about the deal as a whole, for all three doors."""
    return {
        "why": why,
        "deal": why.deal,
        "side": "buy" if why.deal.action == 0 else "sell",
        "is_judged": why.state == DealState.JUDGED,
        "state": DealState(why.state).label,
        "state_why": STATES[why.state],
        "queued": QUEUED.get(why.queued, ""),
        "corrections": corrections(why),
        "text": as_text(why),
    }


def corrections(why: DealWhy) -> list[Correction]:
    """Return every revision, oldest first, with what it corrected and why."""
    return [_correction(revision) for revision in why.revisions]


def _correction(revision: Revision) -> Correction:
    if revision.number == 0:
        return Correction(revision, _("First judgement"), [])
    return Correction(
        revision,
        _("Corrects revision %(number)s") % {"number": revision.number - 1},
        [cause_text(cause) for cause in revision.causes],
    )


def cause_text(cause: Cause) -> str:
    """Return a cause as a sentence with what it names."""
    text, values = str(CauseCode(cause.code).label), cause.values
    if cause.code == CauseCode.DEAL_EDITED:
        changed = ", ".join(
            f"{each['field']} {_value(each['before'])} → {_value(each['after'])}" for each in values["fields"]
        )
        return f"{text}: {changed}" if changed else text
    if cause.code == CauseCode.PLAN_VERSION:
        fields = {
            "plan": values["plan"],
            "from": _moment(values["effective_from"]),
            "published": _moment(values["published_at"]),
        }
        return text + ": " + _("%(plan)s from %(from)s, published %(published)s") % fields
    if "from" in values:
        named = f"{values['ib']}, " if "ib" in values else ""
        return text + ": " + named + _("from %(from)s") % {"from": _moment(values["from"])}
    return text


def _value(value: Any) -> str:
    if isinstance(value, Decimal):
        return exact_text(value, 0)
    if isinstance(value, datetime):
        return _moment(value)
    return "—" if value is None else str(value)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def as_text(why: DealWhy) -> str:
    """Return the whole explanation as plain text, to copy into a mail; lines end in LF."""
    deal = why.deal
    head = _("Deal %(ticket)s, %(server)s, account %(login)s") % {
        "ticket": deal.ticket, "server": deal.server, "login": deal.login,
    }  # fmt: skip
    about = f"{deal.symbol} {SIDES.get(deal.action, '')} {exact_text(deal.lots, 0)} ({ENTRIES.get(deal.entry, '')}), "
    text = [head, about + _moment(deal.deal_at), str(STATES[DealState(why.state)])]
    if why.queued:
        text.append(str(QUEUED[why.queued]))
    for section in sections(why):
        text += ["", *_section_text(section)]
    if why.revisions:
        text += ["", _("Bookings"), *(line for each in corrections(why) for line in _correction_text(each))]
    return "\n".join(text) + "\n"


def _section_text(section: Section) -> list[str]:
    payee = section.payee
    amount = f"{exact_text(payee.amount, 2)} {payee.currency}"
    text = [f"{section.title}: {payee.name} ({payee.code}): {amount}, {label(payee.verdict)}"]
    if payee.version is not None:
        text.append("  " + version_text(payee))
    for number, line in enumerate(section.lines, 1):
        result = f" = {line.result} {line.unit}".rstrip() if line.result else ""
        text.append(f"  {number}. {line.what}: {line.how}{result}")
    if section.trouble:
        text.append("  " + section.trouble)
    return text


def _correction_text(each: Correction) -> list[str]:
    at = _moment(each.revision.booked_at) if each.revision.booked_at else ""
    causes = f" ({'; '.join(each.causes)})" if each.causes else ""
    booked = ", ".join(f"{line.code} {line.booked:+f} {line.currency}" for line in each.revision.lines if line.booked)
    return [f"  {at} {each.title}{causes}: {booked or '0'}"]


def version_text(payee: PayeeWhy) -> str:
    """Return which plan version the payee was judged by."""
    version = payee.version
    if version is None:
        return ""
    fields = {
        "plan": version.plan_name, "code": version.plan_code, "from": _moment(version.effective_from),
        "published": _moment(version.published_at), "hash": version.hash[:12],
    }  # fmt: skip
    return _("Plan %(plan)s (%(code)s), version from %(from)s, published %(published)s, hash %(hash)s…") % fields


def disagreement(payee: PayeeWhy) -> str:
    """Return, for a line whose booking is not what the calculation gives now, both figures."""
    return _(
        "Booked is %(booked)s %(currency)s; the calculation gives %(computed)s %(currency)s now. The deal waits to be "
        "judged again, and the difference will be booked as a line of its own."
    ) % {"booked": exact_text(payee.amount, 2), "computed": exact_text(payee.computed, 2), "currency": payee.currency}


def as_document(why: DealWhy) -> dict[str, Any]:
    """Return the explanation as JSON holds it: figures as exact text, moments as ISO 8601, codes in English."""
    deal = why.deal
    return {
        "format": FORMAT,
        "state": str(why.state),
        "queued": why.queued or None,
        "agrees": why.agrees,
        "complete_until": _iso(why.complete_until),
        "deal": {
            "server": deal.server, "ticket": deal.ticket, "leg": deal.leg, "revision": deal.revision,
            "login": deal.login, "client": deal.client_code, "symbol": deal.symbol, "mt_group": deal.mt_group,
            "side": {0: "buy", 1: "sell"}.get(deal.action), "entry": DealEntry(deal.entry).name.lower(),
            "lots": plain_text(deal.lots), "price": plain_text(deal.price), "at": _iso(deal.deal_at),
            "lot_factor": None if deal.lot_factor is None else plain_text(deal.lot_factor),
        },
        "payees": [_payee(payee) for payee in why.payees],
        "revisions": [_revision(revision) for revision in why.revisions],
    }  # fmt: skip


def _payee(payee: PayeeWhy) -> dict[str, Any]:
    return {
        "kind": "client" if payee.client_id is not None else "ib",
        "level": payee.level if payee.outcome else None,
        "code": payee.code,
        "name": payee.name,
        "verdict": payee.verdict.code,
        "amount": plain_text(payee.amount),
        "currency": payee.currency,
        "is_booked": payee.stored is not None,
        "computed": None if payee.outcome is None else plain_text(payee.computed),
        "computed_verdict": None if payee.outcome is None else payee.outcome.verdict.code,
        "agrees": payee.agrees,
        "plan": _version(payee),
        "steps": machine_readable(payee.outcome.steps) if payee.outcome else [],
    }


def _version(payee: PayeeWhy) -> dict[str, Any] | None:
    version = payee.version
    if version is None:
        return None
    return {
        "code": version.plan_code, "effective_from": _iso(version.effective_from),
        "published_at": _iso(version.published_at), "hash": version.hash,
    }  # fmt: skip


def _revision(revision: Revision) -> dict[str, Any]:
    return {
        "revision": revision.number,
        "deal_revision": revision.deal_revision,
        "booked_at": _iso(revision.booked_at),
        "causes": [{"code": str(cause.code), **_values(cause.values)} for cause in revision.causes],
        "lines": [
            {
                "kind": "client" if line.client_id is not None else "ib", "code": line.code,
                "verdict": line.verdict.code, "amount": plain_text(line.amount), "booked": plain_text(line.booked),
                "currency": line.currency,
            }
            for line in revision.lines
        ],
    }  # fmt: skip


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _json(value) for name, value in values.items()}


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_text(value)
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, list):
        return [_values(each) for each in value]
    return value


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
