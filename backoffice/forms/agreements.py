"""Forms of what is agreed with an IB, from a moment on."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backoffice.forms.network import MomentField

SMALLEST, LARGEST = -(2**31), 2**31 - 1


class EndForm(forms.Form):
    """The moment from which on a plan does not pay an IB any more."""

    def __init__(self, *args: Any, zone: str, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.now = now
        self.fields["at"] = MomentField(zone=zone, label=_("From this moment on"))

    def clean_at(self) -> datetime:
        return self.cleaned_data["at"] or self.now


class AgreementForm(EndForm):
    """Share under the split mode, rank, and whether the IB is paid at all."""

    keep_percent = forms.DecimalField(
        label=_("Keeps of its share, in percent"), required=False, min_value=0, max_value=100, decimal_places=8,
        help_text=_("Where the IB above shares by split. Empty: all."),
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    rank = forms.IntegerField(
        label=_("Rank"), required=False, min_value=SMALLEST, max_value=LARGEST,
        help_text=_("Greater is higher. Empty: none."),
        widget=forms.TextInput({"class": "input num", "inputmode": "numeric", "autocomplete": "off"}),
    )  # fmt: skip
    active = forms.BooleanField(
        label=_("Active: it earns"), required=False, widget=forms.CheckboxInput({"class": "checkbox checkbox-xs"})
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"] = forms.CharField(
            label=_("Reason"), max_length=500, required=False, widget=forms.TextInput({"class": "input"}),
            help_text=_("Stands in the audit trail."),
        )  # fmt: skip
