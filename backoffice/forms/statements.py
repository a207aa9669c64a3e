"""Forms of settlement."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backoffice.forms.queues import IdList
from commissions.settlement.enums import Cycle, Destination, StatementState
from trading.models import TradingAccount

_SELECT = {"class": "select select-sm w-auto"}


class StatementFilter(forms.Form):
    """What the queue is narrowed to."""

    state = forms.ChoiceField(required=False, choices=[("", _("Any state")), *StatementState.choices])
    cycle = forms.ChoiceField(required=False, choices=[("", _("Any cycle")), *Cycle.choices])
    currency = forms.RegexField(r"^[A-Za-z0-9]{2,8}$", required=False)
    ib = forms.CharField(required=False, max_length=40)


class DecideForm(forms.Form):
    """A decision about ticked statements."""

    statements = IdList(nothing=_("Tick at least one statement."))
    decision = forms.ChoiceField(choices=[("approve", ""), ("hold", ""), ("release", "")])
    reason = forms.CharField(required=False, max_length=300)


class TermsForm(forms.Form):
    """How an IB is settled from a day on."""

    effective_day = forms.DateField(
        label=_("From this day on"), widget=forms.DateInput({"type": "date", "class": "input num"}, format="%Y-%m-%d")
    )
    cycle = forms.ChoiceField(label=_("Cycle"), choices=Cycle.choices, widget=forms.Select({"class": "select"}))
    minimum = forms.DecimalField(
        label=_("Smallest payout"), min_value=0, max_digits=20, decimal_places=8,
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
        help_text=_("In the currency the IB is paid in. Less is carried to the next statement."),
    )  # fmt: skip
    destination = forms.ChoiceField(
        label=_("Paid to"), choices=Destination.choices, widget=forms.Select({"class": "select"})
    )
    mt_account = forms.ModelChoiceField(
        TradingAccount.objects.none(), label=_("Trading account"), required=False, empty_label=_("None"),
        widget=forms.Select({"class": "select"}), help_text=_("One of the IB's own accounts, in its currency."),
    )  # fmt: skip
    needs_review = forms.BooleanField(
        label=_("A person approves each statement"), required=False, help_text=_("Real time is paid without."),
        widget=forms.CheckboxInput({"class": "checkbox checkbox-sm"}),
    )  # fmt: skip
    is_held = forms.BooleanField(
        label=_("On hold: statements are made, nothing is paid"), required=False,
        widget=forms.CheckboxInput({"class": "checkbox checkbox-sm"}),
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=300, widget=forms.TextInput({"class": "input"}),
        help_text=_("Stands in the audit trail, and on statements that are on hold."),
    )  # fmt: skip

    def __init__(self, client_id: int | None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if client_id is not None:
            own = TradingAccount.objects.filter(client_id=client_id).select_related("mt_group").order_by("login")
            self.fields["mt_account"].queryset = own


class CommonTermsForm(TermsForm):
    """How everybody of a kind is settled who has no terms of their own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(None, *args, **options)
        for name in ("destination", "mt_account"):
            del self.fields[name]
        self.fields["minimum"].help_text = _("In each payee's own currency. Less is carried to the next statement.")


class PayoutLimitForm(forms.Form):
    """From which amount on a statement of a currency takes two people."""

    currency = forms.RegexField(
        r"^[A-Za-z0-9]{3,8}$", label=_("Currency"),
        widget=forms.TextInput({"class": "input num uppercase", "autocomplete": "off", "maxlength": "8"}),
    )  # fmt: skip
    amount = forms.DecimalField(
        label=_("Two people from this amount on"), required=False, max_digits=20, decimal_places=8,
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
        help_text=_("Empty: one person is enough for every statement of the currency."),
    )  # fmt: skip

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()
