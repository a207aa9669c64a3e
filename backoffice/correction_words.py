"""Changes of the past in words: what each would do, with the names of those it is about."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _

from clients.models import Client
from commissions.models import Plan
from commissions.terms import parse_terms
from commissions.whatif import changes as kinds
from commissions.whatif.changes import Change, from_plain
from commissions.whatif.models import Correction
from ib.models import IB
from tenancy.context import current_broker
from trading.models import MtGroup, Symbol, SymbolGroup, TradingAccount
from ui.plan_words import conditions

SYMBOLS_NAMED = 8


@dataclass(frozen=True, slots=True)
class ChangeInWords:
    """One change: its title, the page of what it is about, and its facts as label and value."""

    title: str
    href: str
    facts: list[tuple[str, str]]


def in_words(correction: Correction) -> list[ChangeInWords]:
    """Return the changes of a correction in words."""
    return [_WORDS[type(change)](change) for change in from_plain(correction.changes)]


def title_of(correction: Correction) -> str:
    """Return one line that names the correction."""
    words = in_words(correction)
    more = len(words) - 1
    return words[0].title + (_(" and %(n)d more") % {"n": more} if more else "")


def _moment(at: datetime) -> str:
    zone = current_broker().settlement_zone
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}"


def _since(at: datetime) -> tuple[str, str]:
    return _("From this moment on"), _moment(at)


def _version(change: kinds.PublishVersion) -> ChangeInWords:
    plan = Plan.objects.get(pk=change.plan_id)
    terms, _faults = parse_terms(change.terms)
    facts = [(_("Plan"), plan.name), _since(change.effective_from)]
    if terms is not None:
        facts.append((_("Rates"), str(len(terms.rates))))
        facts += conditions(terms)
    return ChangeInWords(_("New version of %(plan)s") % {"plan": plan.name}, _plan_page(plan.pk), facts)


def _assign(change: kinds.AssignPlan) -> ChangeInWords:
    ib = IB.objects.get(pk=change.ib_id)
    plan = Plan.objects.filter(pk=change.plan_id).first()
    facts = [(_("Plan"), plan.name if plan else _("None")), _since(change.at)]
    return ChangeInWords(_("Another plan for %(ib)s") % {"ib": ib.name}, _ib_page(ib), facts)


def _agreement(change: kinds.SetAgreement) -> ChangeInWords:
    ib = IB.objects.get(pk=change.ib_id)
    keep = _("all") if change.keep_percent is None else f"{change.keep_percent:f} %"
    facts = [
        (_("Keeps of its share"), keep),
        (_("Rank"), "—" if change.rank is None else str(change.rank)),
        (_("Active"), _("Yes") if change.active else _("No")),
        _since(change.at),
    ]
    return ChangeInWords(_("Another agreement with %(ib)s") % {"ib": ib.name}, _ib_page(ib), facts)


def _move_ib(change: kinds.MoveIb) -> ChangeInWords:
    ib = IB.objects.get(pk=change.ib_id)
    facts = [(_("New IB above"), _name(change.parent_id, _("Nobody: top of the network."))), _since(change.at)]
    return ChangeInWords(_("Move of %(ib)s") % {"ib": ib.name}, _ib_page(ib), facts)


def _move_client(change: kinds.MoveClient) -> ChangeInWords:
    client = Client.objects.get(pk=change.client_id)
    facts = [(_("New IB"), _name(change.ib_id, _("Nobody"))), _since(change.at)]
    page = reverse("backoffice:client", args=[client.pk])
    return ChangeInWords(_("Move of %(client)s") % {"client": client.name}, page, facts)


def _move_account(change: kinds.MoveAccount) -> ChangeInWords:
    account = TradingAccount.objects.get(pk=change.account_id)
    facts = [(_("New IB"), _name(change.ib_id, _("Nobody"))), _since(change.at)]
    page = reverse("backoffice:client", args=[account.client_id])
    return ChangeInWords(_("Move of trading account %(login)s") % {"login": account.login}, page, facts)


def _release(change: kinds.ReleaseAccount) -> ChangeInWords:
    account = TradingAccount.objects.get(pk=change.account_id)
    title = _("Trading account %(login)s follows its client again") % {"login": account.login}
    return ChangeInWords(title, reverse("backoffice:client", args=[account.client_id]), [_since(change.at)])


def _factor(change: kinds.SetLotFactor) -> ChangeInWords:
    group = MtGroup.objects.get(pk=change.mt_group_id)
    facts = [(_("A lot of this group counts"), f"{change.lot_factor:f}")]
    return ChangeInWords(_("Lot factor of %(group)s") % {"group": group.name}, reverse("backoffice:mt_groups"), facts)


def _rate(change: kinds.PublishRate) -> ChangeInWords:
    pair = f"{change.base}{change.quote}"
    return ChangeInWords(_("Rate of %(pair)s") % {"pair": pair}, "", [(pair, f"{change.rate:f}"), _since(change.at)])


def _classify(change: kinds.ClassifySymbols) -> ChangeInWords:
    group = SymbolGroup.objects.get(pk=change.group_id)
    names = list(Symbol.objects.filter(pk__in=change.symbol_ids).order_by("name").values_list("name", flat=True))
    shown = ", ".join(names[:SYMBOLS_NAMED]) + (" …" if len(names) > SYMBOLS_NAMED else "")
    title = _("Symbols of the group %(group)s") % {"group": group.name}
    return ChangeInWords(title, reverse("backoffice:symbols"), [(_("Symbols"), shown)])


def _name(ib_id: int | None, nobody: str) -> str:
    ib = IB.objects.filter(pk=ib_id).first()
    return f"{ib.name} ({ib.code})" if ib else nobody


def _ib_page(ib: IB) -> str:
    return reverse("backoffice:ib", args=[ib.pk])


def _plan_page(pk: int) -> str:
    return reverse("backoffice:plan", args=[pk])


_WORDS: dict[type[Change], Callable[..., ChangeInWords]] = {
    kinds.PublishVersion: _version,
    kinds.AssignPlan: _assign,
    kinds.SetAgreement: _agreement,
    kinds.MoveIb: _move_ib,
    kinds.MoveClient: _move_client,
    kinds.MoveAccount: _move_account,
    kinds.ReleaseAccount: _release,
    kinds.SetLotFactor: _factor,
    kinds.PublishRate: _rate,
    kinds.ClassifySymbols: _classify,
}
