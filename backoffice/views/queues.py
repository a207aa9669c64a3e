"""What waits before every deal can be judged: held deals, unclassified symbols, MT groups without a factor."""

from django.contrib import messages
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.corrections import to_preview
from backoffice.forms.queues import ClassifyForm, LotFactorForm, ReleaseForm, SymbolForm, SymbolGroupForm
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.whatif.changes import ClassifySymbols, SetLotFactor
from commissions.whatif.corrections import make_change
from core.errors import DomainError
from trading.held import ask_releases
from trading.models import MtGroup
from trading.queries import held_deals, mt_groups_visible_to, open_tasks, symbol_groups, symbols_visible_to
from trading.symbols import add_symbol, create_symbol_group, unknown_symbols

SHOWN = 200


@requires("trading.view_held_deal")
@require_safe
def held_deal_list(request: ActorRequest) -> HttpResponse:
    """List the rows of MT servers that could not become deals, oldest first."""
    return _held(request, ReleaseForm())


@requires("trading.release_held_deal")
@require_POST
def release_held_deals(request: ActorRequest) -> HttpResponse:
    """Ask for the ticked rows to be read again."""
    form = ReleaseForm(request.POST)
    if not form.is_valid():
        return _held(request, form, status=UNPROCESSABLE)
    count = ask_releases(held_ids=form.cleaned_data["held"], actor=request.actor, now=timezone.now())
    sentence = ngettext(
        "%(n)d deal is read again in the next round.", "%(n)d deals are read again in the next round.", count
    )
    messages.success(request, sentence % {"n": count})
    return redirect("backoffice:held_deals")


def _held(request: ActorRequest, form: ReleaseForm, *, status: int = 200) -> HttpResponse:
    rows = held_deals(actor=request.actor, limit=SHOWN)
    context = {"rows": rows, "total": open_tasks().held, "form": form}
    return show(request, "held/list.html", context, nav="held", part="held/_list.html", status=status)


@requires("trading.view_symbol")
@require_safe
def symbol_list(request: ActorRequest) -> HttpResponse:
    """List symbols, by default those that nobody has put into a group."""
    return _symbols(request)


@requires("trading.classify_symbol")
@require_POST
def classify(request: ActorRequest) -> HttpResponse:
    """Put the ticked symbols into a group."""
    form = ClassifyForm(symbol_groups(), request.POST)
    if not form.is_valid():
        return _symbols(request, classify=form, status=UNPROCESSABLE)
    group, symbol_ids = form.cleaned_data["group"], form.cleaned_data["symbols"]
    try:
        change = ClassifySymbols(tuple(symbol_ids), group.pk)
        correction = make_change(changes=[change], actor=request.actor, now=timezone.now())
    except DomainError as error:
        put_on_form(form, error)
        return _symbols(request, classify=form, status=UNPROCESSABLE)
    if correction is not None:
        return to_preview(request, correction)
    count = len(set(symbol_ids))
    sentence = ngettext("%(n)d symbol is now in %(group)s.", "%(n)d symbols are now in %(group)s.", count)
    messages.success(request, sentence % {"n": count, "group": group.name})
    return redirect("backoffice:symbols")


@requires("trading.classify_symbol")
@require_POST
def symbol_group_create(request: ActorRequest) -> HttpResponse:
    """Add a group that plans can name."""
    form = SymbolGroupForm(request.POST)
    if form.is_valid():
        try:
            group = create_symbol_group(**form.cleaned_data, actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The symbol group %(group)s exists now.") % {"group": group.name})
            return redirect("backoffice:symbols")
    return _symbols(request, new_group=form, status=UNPROCESSABLE)


@requires("trading.add_symbol")
@require_POST
def symbol_add(request: ActorRequest) -> HttpResponse:
    """Say what a symbol is that its server does not describe."""
    form = SymbolForm(unknown_symbols(request.actor), request.POST)
    if form.is_valid():
        wanted = form.cleaned_data
        unknown = wanted.pop("symbol")
        try:
            add_symbol(unknown=unknown, **wanted, actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            sentence = _("%(symbol)s is known now; the deals that waited for it are read in the next round.")
            messages.success(request, sentence % {"symbol": unknown.name})
            return redirect("backoffice:symbols")
    return _symbols(request, new_symbol=form, status=UNPROCESSABLE)


def _symbols(
    request: ActorRequest,
    *,
    classify: ClassifyForm | None = None,
    new_group: SymbolGroupForm | None = None,
    new_symbol: SymbolForm | None = None,
    status: int = 200,
) -> HttpResponse:
    show_all = request.GET.get("show") == "all"
    found = symbols_visible_to(request.actor).order_by("server__name", "name")
    rows = list(found if show_all else found.filter(group__isnull=True))
    context = {
        "rows": rows, "show_all": show_all, "groups": list(symbol_groups()),
        "classify": classify or ClassifyForm(symbol_groups()), "new_group": new_group or SymbolGroupForm(),
        "new_symbol": new_symbol or SymbolForm(unknown_symbols(request.actor)),
        "unclassified": open_tasks().unclassified_symbols,
    }  # fmt: skip
    return show(request, "symbols/list.html", context, nav="symbols", part="symbols/_list.html", status=status)


@requires("trading.view_symbol")
@require_safe
def mt_group_list(request: ActorRequest) -> HttpResponse:
    """List MT groups with what a lot of each counts; those without a factor first."""
    rows = mt_groups_visible_to(request.actor).order_by(F("lot_factor").asc(nulls_first=True), "server__name", "name")
    return show(request, "mt_groups/list.html", {"rows": list(rows)}, nav="mt_groups")


@requires("trading.set_lot_factor")
@require_http_methods(["GET", "HEAD", "POST"])
def lot_factor(request: ActorRequest, pk: int) -> HttpResponse:
    """Say once what a lot of the group counts; the person types the group's name to confirm."""
    group = get_object_or_404(MtGroup.objects.select_related("server"), pk=pk)
    form = LotFactorForm(group.name, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            change = SetLotFactor(group.pk, form.cleaned_data["lot_factor"])
            correction = make_change(changes=[change], actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            if correction is not None:
                return to_preview(request, correction)
            messages.success(
                request, _("Deals of %(group)s that waited are judged in the next round.") % {"group": group}
            )
            return redirect("backoffice:mt_groups")
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "mt_groups/lot_factor.html", {"group": group, "form": form}, nav="mt_groups", status=status)
