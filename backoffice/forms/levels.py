"""Forms of levels: a ladder's rules with a card for each level, decisions, the exclusion list, a level by hand."""

import re
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.forms.network import IbCodeField, MomentField
from backoffice.forms.plans import PlanField
from commissions.levels.enums import ApprovalNeed, DemotionTarget, Match, PeriodKind, Scope
from commissions.levels.errors import LadderInvalid
from commissions.levels.models import Ladder
from commissions.levels.types import LadderTerms, LevelTerms
from commissions.models import Plan

MOST_LEVELS = 20
TEXT, NUMBER = {"class": "input"}, {"class": "input num", "inputmode": "decimal", "autocomplete": "off"}
SELECT, BOX = {"class": "select"}, {"class": "checkbox checkbox-xs"}
_ROW_FAULT = re.compile(r"levels\[(\d+)\]\.(\w+)")
_FIELDS = {"plan_id": "plan"}


def _whole(label: Any, help_text: Any = "", *, required: bool = False) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, help_text=help_text, required=required, min_value=0, max_value=1_000_000_000,
        widget=forms.TextInput({**NUMBER, "inputmode": "numeric"}),
    )  # fmt: skip


def _decimal(label: Any, help_text: Any = "", *, required: bool = False) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=help_text, required=required, max_digits=24, decimal_places=8,
        widget=forms.TextInput(NUMBER),
    )  # fmt: skip


class LadderForm(forms.Form):
    """A new ladder; its rules come with its first version."""

    code = forms.SlugField(
        label=_("Code"), max_length=40, widget=forms.TextInput({"class": "input num", "autocomplete": "off"})
    )
    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput(TEXT))


class RulesForm(forms.Form):
    """The rules that all levels share."""

    effective_date = forms.DateField(
        label=_("First period begins on"), widget=forms.DateInput({"type": "date", "class": "input num"}, "%Y-%m-%d"),
        help_text=_("The first day of a month or quarter. Periods before it keep the rules that they had."),
    )  # fmt: skip
    period = forms.ChoiceField(label=_("Period"), choices=PeriodKind.choices, widget=forms.Select(SELECT))
    scope = forms.ChoiceField(label=_("Whose trading counts"), choices=Scope.choices, widget=forms.Select(SELECT))
    approval = forms.ChoiceField(
        label=_("Approval by a person"), choices=ApprovalNeed.choices, widget=forms.Select(SELECT)
    )
    demotion_after = _whole(
        _("Demotion after periods below"), _("In a row; 1: at once. Empty: nobody is ever demoted.")
    )
    demotion_target = forms.ChoiceField(
        label=_("Demotion to"), choices=DemotionTarget.choices, widget=forms.Select(SELECT)
    )
    grace_periods = _whole(
        _("Periods of grace"), _("First periods on a level that do not count as below."), required=True
    )
    active_min_lots = _decimal(_("Lots that make a client active"), _("0: any closed deal does."), required=True)
    count_own_trades = forms.BooleanField(
        label=_("An IB's own trades and deposits count for itself"), required=False, widget=forms.CheckboxInput(BOX)
    )
    takes_new = forms.BooleanField(
        label=_("IBs that were never placed begin on this ladder"), required=False, widget=forms.CheckboxInput(BOX)
    )


class LevelForm(forms.Form):
    """One level, the lowest first. A card without code and name is left out."""

    code = forms.SlugField(
        label=_("Code"), max_length=40, required=False,
        widget=forms.TextInput({"class": "input num", "autocomplete": "off"}),
    )  # fmt: skip
    name = forms.CharField(label=_("Name"), max_length=80, required=False, widget=forms.TextInput(TEXT))
    match = forms.ChoiceField(label=_("Reached by"), choices=Match.choices, widget=forms.Select(SELECT))
    min_lots = _decimal(_("Closed volume, lots"))
    min_active_clients = _whole(_("Active clients"))
    min_notional_usd = _decimal(_("Closed volume, USD"))
    min_net_deposit_usd = _decimal(_("Net deposits, USD"))
    plan = PlanField(
        Plan.objects.order_by("name", "code"), label=_("Gives the plan"), required=False,
        empty_label=_("leaves the plan"), widget=forms.Select(SELECT),
    )  # fmt: skip
    rank = _whole(_("Gives the rank"))
    keep_percent = _decimal(_("Gives the share, percent"))

    def clean(self) -> None:
        super().clean()
        said = self.cleaned_data
        if self.is_empty:
            return
        for name in ("code", "name"):
            if name not in self.errors and not said.get(name):
                self.add_error(name, _("This field is needed."))

    @property
    def is_empty(self) -> bool:
        return not any(value for name, value in self.cleaned_data.items() if name not in ("match", "DELETE"))

    def as_terms(self) -> LevelTerms:
        said = self.cleaned_data
        values = {each.name: said[each.name] for each in fields(LevelTerms) if each.name in said}
        plan = said["plan"]
        return LevelTerms(**{**values, "match": Match(said["match"]), "plan_id": plan.pk if plan else None})


class _Cards(forms.BaseFormSet):  # type: ignore[type-arg] # not generic at run time
    """Cards that can be removed by a tick."""

    def get_deletion_widget(self) -> forms.Widget:
        return forms.CheckboxInput(BOX)


LevelCards = forms.formset_factory(
    LevelForm, formset=_Cards, extra=1, max_num=MOST_LEVELS, absolute_max=MOST_LEVELS, can_delete=True
)


def terms_from(rules: RulesForm, cards: Any) -> tuple[list[LevelForm], LadderTerms]:
    """Return the cards that stay, and all rules."""
    kept = [card for card in cards.forms if not card.cleaned_data.get("DELETE") and not card.is_empty]
    said = rules.cleaned_data
    return kept, LadderTerms(
        levels=tuple(card.as_terms() for card in kept),
        effective_date=said["effective_date"], period=PeriodKind(said["period"]), scope=Scope(said["scope"]),
        approval=ApprovalNeed(said["approval"]), demotion_after=said["demotion_after"],
        demotion_target=DemotionTarget(said["demotion_target"]), grace_periods=said["grace_periods"],
        active_min_lots=said["active_min_lots"], count_own_trades=said["count_own_trades"],
        takes_new=said["takes_new"],
    )  # fmt: skip


def put_ladder_faults(error: LadderInvalid, kept: list[LevelForm], rules: RulesForm) -> None:
    """Set each fault beside its field; what has none stands above the form."""
    for fault in error.faults:
        of_level = _ROW_FAULT.fullmatch(fault.field)
        if of_level and int(of_level[1]) < len(kept):
            kept[int(of_level[1])].add_error(_FIELDS.get(of_level[2], of_level[2]), str(fault.sentence))
        else:
            rules.add_error(fault.field if fault.field in rules.fields else None, str(fault.sentence))


def first_rules(terms: LadderTerms) -> dict[str, Any]:
    """Return what RulesForm shows for these rules."""
    return {name: _shown(getattr(terms, name)) for name in RulesForm.base_fields}


def first_cards(terms: LadderTerms) -> list[dict[str, Any]]:
    """Return what LevelCards shows for these rules."""
    return [
        {name: _shown(getattr(level, "plan_id" if name == "plan" else name)) for name in LevelForm.base_fields}
        for level in terms.levels
    ]


def _shown(value: Any) -> Any:
    """Write a decimal without the zeros that only its column needs."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class ReasonForm(forms.Form):
    """Why something is done; it stands in the audit trail."""

    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.TextInput(TEXT))


class DecideForm(forms.Form):
    """Approve or refuse ticked changes."""

    decision = forms.ChoiceField(choices=[("approve", _("Approve")), ("reject", _("Refuse"))])
    reason = forms.CharField(required=False, max_length=500)

    def clean(self) -> None:
        super().clean()
        if self.cleaned_data.get("decision") == "reject" and not self.cleaned_data.get("reason"):
            self.add_error("reason", _("Say why: the reason stays with the result."))


class ExcludeForm(forms.Form):
    """An IB for the exclusion list."""

    ib = IbCodeField(label=_("IB (code)"), required=True)
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.TextInput(TEXT))

    def __init__(self, *args: Any, zone: str, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.now = now
        self.fields["until"] = MomentField(zone=zone, label=_("Until"))
        self.fields["until"].help_text = _("Time zone %(zone)s. Empty: without an end.") % {"zone": zone}

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until is not None and until <= self.now:
            raise forms.ValidationError(_("This moment is over already."))
        return until


class LadderField(forms.ModelChoiceField):
    """A ladder, chosen by its name."""

    def label_from_instance(self, obj: Ladder) -> str:
        return obj.name


class PlaceForm(forms.Form):
    """A level by hand."""

    ladder = LadderField(
        Ladder.objects.order_by("code"), label=_("Ladder"), to_field_name="code", empty_label=None,
        widget=forms.Select(SELECT),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.TextInput(TEXT))

    def __init__(self, *args: Any, zone: str, now: datetime, levels: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.now = now
        self.fields["level"] = forms.ChoiceField(
            label=pgettext_lazy("of a ladder", "Level"), choices=levels, widget=forms.Select(SELECT)
        )
        self.fields["at"] = MomentField(zone=zone, label=_("From this moment on"))
        self.order_fields(["ladder", "level", "at", "reason"])

    def clean_at(self) -> datetime:
        return self.cleaned_data["at"] or self.now
