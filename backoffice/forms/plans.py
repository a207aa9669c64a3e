"""Forms of plans beside the sheet of their terms: a new plan, its moment, terms as JSON, a plan for an IB."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backoffice.forms.network import MomentField
from commissions.consent.enums import Asking
from commissions.models import Plan

MAX_JSON = 200_000


class PlanForm(forms.Form):
    """A new plan; its terms come with its first version."""

    code = forms.SlugField(
        label=_("Code"), max_length=40, widget=forms.TextInput({"class": "input num", "autocomplete": "off"})
    )
    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput({"class": "input"}))


class PlanField(forms.ModelChoiceField):
    """A plan, chosen by its name."""

    def label_from_instance(self, obj: Plan) -> str:
        return f"{obj.name} ({obj.code})"


class AssignForm(forms.Form):
    """A plan for an IB, from a moment on."""

    plan = PlanField(
        Plan.objects.order_by("name", "code"), label=_("Plan"), to_field_name="code", empty_label=_("Choose a plan"),
        widget=forms.Select({"class": "select"}),
    )  # fmt: skip

    def __init__(self, *args: Any, zone: str, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.now = now
        self.fields["at"] = MomentField(zone=zone, label=_("From this moment on"))
        self.fields["from_acceptance"] = forms.BooleanField(
            label=_("Only once the IB has accepted the terms"), required=False,
            widget=forms.CheckboxInput({"class": "checkbox checkbox-xs"}),
        )  # fmt: skip

    def clean_at(self) -> datetime:
        return self.cleaned_data["at"] or self.now


class PolicyForm(forms.Form):
    """What a plan's IBs are asked for, and what they may pass on."""

    asking = forms.ChoiceField(label=_("Acceptance"), choices=Asking.choices, widget=forms.Select({"class": "select"}))
    sub_percent_most = forms.DecimalField(
        label=_("Most for an IB below, in percent of the own rate"), required=False, min_value=0, max_value=100,
        decimal_places=8, help_text=_("Empty: an IB of this plan may not set rates of those below."),
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    client_percent_most = forms.DecimalField(
        label=_("Most for its clients, in percent of the own pay"), required=False, min_value=0, max_value=100,
        decimal_places=8, help_text=_("Empty: an IB of this plan may not give its clients a share."),
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip


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
