"""Forms of corrections: why, the decision, and the limit under which one person is enough."""

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _


class ReasonForm(forms.Form):
    """Why the past is corrected."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=forms.TextInput({"class": "input"}),
        help_text=_("Stands in the audit trail."),
    )  # fmt: skip


class LimitForm(forms.Form):
    """Up to which size a correction needs no second person."""

    amount = forms.DecimalField(
        label=_("One person is enough up to"), max_digits=18, decimal_places=2, min_value=Decimal(0),
        help_text=_("All gains and losses of a correction together. 0: always two people."),
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    currency = forms.RegexField(
        r"^[A-Z]{3,8}$", label=_("Currency"), widget=forms.TextInput({"class": "input num", "autocomplete": "off"})
    )
