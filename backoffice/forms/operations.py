"""Forms of what is sent to MT servers."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from trading.operations.enums import OperationKind, OperationState, Purpose
from trading.operations.models import BalanceOperation

MAX_ID = 2**63 - 1
_TEXT = {"class": "input", "autocomplete": "off"}


class OperationFilter(forms.Form):
    """What the outbox is narrowed to."""

    state = forms.ChoiceField(required=False, choices=[("", _("Any state")), *OperationState.choices])
    purpose = forms.ChoiceField(required=False, choices=[("", _("Any purpose")), *Purpose.choices])
    q = forms.CharField(required=False, max_length=40)

    def narrow(self, rows: QuerySet[BalanceOperation]) -> QuerySet[BalanceOperation]:
        """Keep the operations that fit; a number is a login or a ticket, anything else a reference."""
        if not self.is_valid():
            return rows.none()
        wanted = self.cleaned_data
        if wanted["state"]:
            rows = rows.filter(state=wanted["state"])
        if wanted["purpose"]:
            rows = rows.filter(purpose=wanted["purpose"])
        text = wanted["q"].strip().upper()
        if text.isascii() and text.isdigit() and int(text) <= MAX_ID:
            rows = rows.filter(Q(account__login=int(text)) | Q(ticket=int(text)))
        elif text:
            rows = rows.filter(ref=text[:13])
        return rows


class ManualOperationForm(forms.Form):
    """A balance operation that a second person approves."""

    kind = forms.TypedChoiceField(
        label=_("Kind"), choices=OperationKind.choices, coerce=int, widget=forms.Select({"class": "select"}),
        help_text=_("What the MT server books. Credit is lent: it is not part of the balance."),
    )  # fmt: skip
    purpose = forms.ChoiceField(
        label=_("Purpose"), initial=Purpose.MANUAL.value, widget=forms.Select({"class": "select"}),
        choices=[(p.value, p.label) for p in (Purpose.MANUAL, Purpose.CORRECTION, Purpose.BONUS)],
        help_text=_("Only a manual operation counts as a deposit or withdrawal of the client."),
    )  # fmt: skip
    amount = forms.DecimalField(
        label=_("Amount"), max_digits=20, decimal_places=8, help_text=_("What leaves the account has a minus sign."),
        widget=forms.TextInput({**_TEXT, "class": "input num", "inputmode": "text"}),
    )  # fmt: skip
    check_margin = forms.BooleanField(
        label=_("Refuse what open positions need"), required=False, initial=True,
        widget=forms.CheckboxInput({"class": "checkbox checkbox-sm"}),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=forms.TextInput(_TEXT))

    def clean(self) -> dict[str, Any]:
        if "kind" in self.cleaned_data:
            self.cleaned_data["kind"] = OperationKind(self.cleaned_data["kind"])
        if "purpose" in self.cleaned_data:
            self.cleaned_data["purpose"] = Purpose(self.cleaned_data["purpose"])
        return self.cleaned_data


class SettlingForm(forms.Form):
    """How an operation in review ended, for a second person to approve."""

    outcome = forms.ChoiceField(
        label=_("It was"), choices=[("applied", _("carried out by this deal")), ("absent", _("not carried out"))],
        widget=forms.Select({"class": "select"}),
    )  # fmt: skip
    ticket = forms.IntegerField(
        label=_("Deal"), required=False, min_value=1, max_value=MAX_ID,
        widget=forms.TextInput({**_TEXT, "class": "input num", "inputmode": "numeric"}),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=forms.TextInput(_TEXT))

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("outcome") == "applied" and not self.cleaned_data.get("ticket"):
            self.add_error("ticket", _("Name the deal on the MT server."))
        return self.cleaned_data
