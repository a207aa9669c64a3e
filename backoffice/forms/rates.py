"""Forms of currency rates."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backoffice.forms.network import MomentField

_CODE = {"class": "input num uppercase", "autocomplete": "off", "spellcheck": "false", "maxlength": "8"}


class RateForm(forms.Form):
    """One rate against USD from a moment on."""

    base = forms.RegexField(
        r"^[A-Za-z0-9]{3,8}$", label=_("One unit of"), widget=forms.TextInput(_CODE),
        help_text=_("One of the two currencies is USD."),
    )  # fmt: skip
    rate = forms.DecimalField(
        label=_("costs"), max_digits=20, decimal_places=10,
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    quote = forms.RegexField(r"^[A-Za-z0-9]{3,8}$", label=_("units of"), widget=forms.TextInput(_CODE))
    reason = forms.CharField(
        label=_("Source or reason"), max_length=500, widget=forms.TextInput({"class": "input"}),
        help_text=_("Stands in the audit trail."),
    )  # fmt: skip

    def __init__(self, *args: Any, zone: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["at"] = MomentField(zone=zone, label=_("From this moment on"))

    def clean_base(self) -> str:
        return str(self.cleaned_data["base"]).upper()

    def clean_quote(self) -> str:
        return str(self.cleaned_data["quote"]).upper()


class RateFilter(forms.Form):
    """A currency whose rates are listed."""

    currency = forms.RegexField(r"^[A-Za-z0-9]{3,8}$", required=False)
