"""Forms of plans: the common terms with the rows of rates, or all terms as JSON."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backoffice.forms.network import MomentField
from commissions.errors import PlanInvalid
from commissions.models import Plan
from commissions.terms import Base, CountOn, Inactive, UplineMode
from commissions.terms.reasons import REASON_CODES
from mt4bridge.enums import DealReason
from ui.explanation import BASES

MAX_ROWS = 200
MAX_JSON = 200_000
SMALL = {"class": "input input-sm num", "autocomplete": "off", "spellcheck": "false"}
SELECT = {"class": "select select-sm min-w-40"}
SCOPES = [("any", _("all symbols")), ("symbol_group", _("symbol group")), ("symbol", _("symbol"))]
UPLINES = [
    (UplineMode.NONE.value, _("nothing")),
    (UplineMode.BY_LEVEL.value, _("own rate by level")),
    (UplineMode.DIFFERENCE.value, _("difference to what was paid below")),
    (UplineMode.PERCENT_OF_CHILD.value, _("share of the IB below")),
    (UplineMode.PERCENT_OF_DIRECT.value, _("share of the direct IB")),
    (UplineMode.SPLIT.value, _("split by the agreement of the IB below")),
]
COUNTS = [
    (CountOn.CLOSE.value, _("closing volume")),
    (CountOn.OPEN.value, _("opening volume")),
    (CountOn.BOTH.value, _("both")),
]
_VALUE_KEYS = ("rate", "percent", "points")
_SCOPE_KEYS = ("any", "symbol_group", "symbol")
_ROW_FAULT = re.compile(r"rates\[(\d+)\]\.?(.*)")


class PlanForm(forms.Form):
    """A new plan; its terms come with its first version."""

    code = forms.SlugField(
        label=_("Code"), max_length=40, widget=forms.TextInput({"class": "input num", "autocomplete": "off"})
    )
    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput({"class": "input"}))


class AssignForm(forms.Form):
    """A plan for an IB, from a moment on."""

    plan = forms.ModelChoiceField(
        Plan.objects.order_by("code"), label=_("Plan"), to_field_name="code", empty_label=_("Choose a plan"),
        widget=forms.Select({"class": "select"}),
    )  # fmt: skip

    def __init__(self, *args: Any, zone: str, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.now = now
        self.fields["at"] = MomentField(zone=zone, label=_("From this moment on"))

    def clean_at(self) -> datetime:
        return self.cleaned_data["at"] or self.now


class EffectiveForm(forms.Form):
    """When a version begins to hold."""

    def __init__(self, *args: Any, zone: str, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.now = now
        self.fields["effective_from"] = MomentField(zone=zone, label=_("Holds from"))

    def clean_effective_from(self) -> datetime:
        return self.cleaned_data["effective_from"] or self.now


class JsonForm(EffectiveForm):
    """All terms as JSON."""

    terms = forms.CharField(
        label=_("All terms (JSON)"),
        max_length=MAX_JSON,
        widget=forms.Textarea({"class": "textarea num text-xs", "rows": 24, "spellcheck": "false"}),
    )

    def clean_terms(self) -> Any:
        try:
            return json.loads(self.cleaned_data["terms"], object_pairs_hook=_without_doubles)
        except json.JSONDecodeError as error:
            place = {"line": error.lineno, "column": error.colno}
            raise forms.ValidationError(
                _("This is not JSON: look at line %(line)d, column %(column)d."), params=place
            ) from error
        except _Double as error:
            raise forms.ValidationError(
                _("The key %(key)s stands twice in one table."), params={"key": error.key}
            ) from error
        except RecursionError as error:
            raise forms.ValidationError(_("This is nested too deeply.")) from error


class TermsForm(EffectiveForm):
    """The common terms; what it does not show stays as in the version that it began with."""

    count_on = forms.ChoiceField(label=_("Counts"), choices=COUNTS, widget=forms.Select({"class": "select"}))
    upline_mode = forms.ChoiceField(
        label=_("IBs above the direct one get"), choices=UPLINES, widget=forms.Select({"class": "select"})
    )
    max_level = forms.IntegerField(
        label=_("Highest level paid"), required=False, min_value=1, help_text=_("Empty: no limit."),
        widget=forms.TextInput({"class": "input num", "inputmode": "numeric"}),
    )  # fmt: skip
    upline_percent = forms.CharField(
        label=_("Share in percent"), required=False, max_length=20, help_text=_("For a share of the IB below."),
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal"}),
    )  # fmt: skip
    roll_up = forms.BooleanField(
        label=_("Pass what an inactive IB would get to the next active one above"), required=False,
        widget=forms.CheckboxInput({"class": "checkbox checkbox-xs"}),
    )  # fmt: skip
    min_hold_seconds = forms.IntegerField(
        label=_("Shortest holding time in seconds"), min_value=0,
        widget=forms.TextInput({"class": "input num", "inputmode": "numeric"}),
    )  # fmt: skip
    exclude_reasons = forms.MultipleChoiceField(
        label=_("Kinds of deals that do not count"),
        required=False,
        choices=[(code, DealReason[code.upper()].label) for code in REASON_CODES],
        widget=forms.CheckboxSelectMultiple({"class": "checkbox checkbox-xs"}),
    )
    self_trades = forms.BooleanField(
        label=_("Pay an IB for its own trades"),
        required=False,
        widget=forms.CheckboxInput({"class": "checkbox checkbox-xs"}),
    )

    def merged(self, before: Mapping[str, Any], rates: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the terms of the version before with what this form and its rows say."""
        said = self.cleaned_data
        return {
            **before,
            "count_on": said["count_on"],
            "rates": rates,
            "upline": self._upline(before.get("upline") or {}),
            "min_hold_seconds": said["min_hold_seconds"],
            "exclude_reasons": said["exclude_reasons"],
            "self_trades": "pay" if said["self_trades"] else "exclude",
        }

    def _upline(self, before: Mapping[str, Any]) -> dict[str, Any]:
        said = self.cleaned_data
        same_mode = before.get("mode", UplineMode.NONE.value) == said["upline_mode"]
        upline = {key: before[key] for key in ("percents", "same_rank") if key in before and same_mode}
        upline |= {
            "mode": said["upline_mode"],
            "inactive": (Inactive.ROLL_UP if said["roll_up"] else Inactive.SKIP).value,
        }
        if said["max_level"]:
            upline["max_level"] = said["max_level"]
        if said["upline_percent"]:
            upline["percent"] = said["upline_percent"]
        return upline


class RateForm(forms.Form):
    """One row of the rates. An empty row is left out; `extra` carries what the form does not show."""

    scope = forms.ChoiceField(label=_("For"), choices=SCOPES, widget=forms.Select(SELECT))
    name = forms.CharField(label=_("Symbol or group"), required=False, max_length=64, widget=forms.TextInput(SMALL))
    mt_group = forms.CharField(label=_("MT group"), required=False, max_length=64, widget=forms.TextInput(SMALL))
    base = forms.ChoiceField(
        label=_("Of"), choices=[(base.value, words) for base, words in BASES.items()], widget=forms.Select(SELECT)
    )
    value = forms.CharField(
        label=_("Rate"), required=False, max_length=24, widget=forms.TextInput({**SMALL, "inputmode": "decimal"})
    )
    currency = forms.CharField(label=_("Currency"), required=False, max_length=8, widget=forms.TextInput(SMALL))
    extra = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)
    faults: list[str] = []

    def clean_extra(self) -> dict[str, Any]:
        try:
            extra = json.loads(self.cleaned_data["extra"] or "{}")
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            raise forms.ValidationError(_("This row cannot be read. Reload the page."))
        return extra

    @property
    def is_empty(self) -> bool:
        return not (self.cleaned_data.get("value") or self.cleaned_data.get("name"))

    def as_terms(self) -> dict[str, Any]:
        """Return the row in the words of the terms."""
        said = self.cleaned_data
        row: dict[str, Any] = {**said["extra"], "base": said["base"]}
        row |= {"any": True} if said["scope"] == "any" else {said["scope"]: said["name"]}
        row |= {key: said[key] for key in ("mt_group", "currency") if said[key]}
        row[_value_key(said["base"])] = said["value"]
        return row


class _Rows(forms.BaseFormSet):  # type: ignore[type-arg] # not generic at run time
    """Rows that can be removed by a tick."""

    def get_deletion_widget(self) -> forms.Widget:
        return forms.CheckboxInput({"class": "checkbox checkbox-xs"})


RateRows = forms.formset_factory(
    RateForm, formset=_Rows, extra=2, max_num=MAX_ROWS, absolute_max=MAX_ROWS, can_delete=True
)


def rates_of(rows: Any) -> tuple[list[RateForm], list[dict[str, Any]]]:
    """Return the rows that stay, and the same as terms."""
    kept = [form for form in rows.forms if not form.is_empty and not form.cleaned_data.get("DELETE")]
    return kept, [form.as_terms() for form in kept]


def first_values(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return what TermsForm shows for these terms."""
    upline = terms.get("upline") or {}
    return {
        "count_on": terms.get("count_on", CountOn.CLOSE.value),
        "upline_mode": upline.get("mode", UplineMode.NONE.value),
        "max_level": upline.get("max_level"),
        "upline_percent": upline.get("percent", ""),
        "roll_up": upline.get("inactive") == Inactive.ROLL_UP.value,
        "min_hold_seconds": terms.get("min_hold_seconds", 0),
        "exclude_reasons": list(terms.get("exclude_reasons", ())),
        "self_trades": terms.get("self_trades") == "pay",
    }


def first_rates(terms: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what RateRows shows for these terms."""
    return [_first_rate(row) for row in terms.get("rates", ())]


def _first_rate(row: Mapping[str, Any]) -> dict[str, Any]:
    scope = next((key for key in _SCOPE_KEYS if row.get(key)), "any")
    shown = {"base", "currency", "mt_group", *_VALUE_KEYS, *_SCOPE_KEYS}
    extra = {key: value for key, value in row.items() if key not in shown}
    return {
        "scope": scope, "name": "" if scope == "any" else row[scope], "mt_group": row.get("mt_group", ""),
        "base": row["base"], "value": row.get(_value_key(row["base"]), ""), "currency": row.get("currency", ""),
        "extra": json.dumps(extra, sort_keys=True) if extra else "",
    }  # fmt: skip


def put_faults_on_rows(error: PlanInvalid, kept: list[RateForm], form: forms.Form) -> None:
    """Set each fault beside its row of rates, the others above the form, with their path."""
    for fault in error.as_list():
        of_row = _ROW_FAULT.fullmatch(fault["field"])
        if of_row and int(of_row[1]) < len(kept):
            row = kept[int(of_row[1])]
            row.faults = [*row.faults, f"{of_row[2]}: {fault['message']}" if of_row[2] else fault["message"]]
        else:
            form.add_error(None, f"{fault['field']}: {fault['message']}" if fault["field"] else fault["message"])


def put_faults_on_json(error: PlanInvalid, form: forms.Form) -> None:
    """Set each fault beside the JSON, with its path."""
    for fault in error.as_list():
        form.add_error("terms", f"{fault['field']}: {fault['message']}" if fault["field"] else fault["message"])


def _value_key(base: str) -> str:
    if base in (Base.PER_LOT.value, Base.PER_MILLION.value):
        return "rate"
    return "points" if base == Base.POINTS.value else "percent"


class _Double(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _without_doubles(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise _Double(key)
        table[key] = value
    return table
