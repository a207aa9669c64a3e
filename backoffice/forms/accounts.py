"""Forms of account types and of what is done to accounts."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from trading.models import MtGroup
from trading.operations.account_models import AccountType
from trading.operations.enums import OperationState, OrderKind

MAX_LOGIN = 2**63 - 1
MOST_LEVERAGES = 12
_TEXT = {"class": "input", "autocomplete": "off"}
_NUM = {"class": "input num", "autocomplete": "off", "inputmode": "numeric"}
_BOX = {"class": "checkbox checkbox-sm"}


class OrderFilter(forms.Form):
    """What the list of orders is narrowed to."""

    state = forms.ChoiceField(required=False, choices=[("", _("Any state")), *OperationState.choices])
    kind = forms.ChoiceField(required=False, choices=[("", _("Any kind")), *OrderKind.choices])


class AccountTypeForm(forms.Form):
    """What a type of account is."""

    name = forms.CharField(label=_("Name"), max_length=60, widget=forms.TextInput(_TEXT))
    mt_group = forms.ModelChoiceField(
        MtGroup.objects.none(), label=_("MT group"), empty_label=_("Choose a group"),
        widget=forms.Select({"class": "select"}), help_text=_("Its server and currency are the account's."),
    )  # fmt: skip
    is_demo = forms.BooleanField(label=_("Demo"), required=False, widget=forms.CheckboxInput(_BOX))
    leverages = forms.CharField(
        label=_("Leverages"), max_length=100, widget=forms.TextInput(_NUM), help_text=_("Like 50, 100, 200 for 1:50 …"),
    )  # fmt: skip
    starting_balance = forms.DecimalField(
        label=_("Starting balance"), min_value=0, max_digits=20, decimal_places=8, initial=0,
        widget=forms.TextInput({**_NUM, "inputmode": "decimal"}), help_text=_("For demo accounts."),
    )  # fmt: skip
    most_per_client = forms.IntegerField(
        label=_("Accounts per client"), min_value=1, max_value=1000, initial=5, widget=forms.TextInput(_NUM)
    )
    login_from = forms.IntegerField(
        label=_("First login"), required=False, min_value=1, max_value=MAX_LOGIN, widget=forms.TextInput(_NUM),
        help_text=_("Empty: the server chooses."),
    )  # fmt: skip
    login_until = forms.IntegerField(
        label=_("Last login"), required=False, min_value=1, max_value=MAX_LOGIN, widget=forms.TextInput(_NUM)
    )
    needs_approval = forms.BooleanField(
        label=_("Staff let each account be opened"), required=False, widget=forms.CheckboxInput(_BOX)
    )
    leverage_needs_approval = forms.BooleanField(
        label=_("Staff let each change of leverage happen"), required=False, widget=forms.CheckboxInput(_BOX)
    )
    leverage_margin_percent = forms.IntegerField(
        label=_("Least margin level in percent"), required=False, min_value=1, max_value=100_000,
        widget=forms.TextInput(_NUM),
        help_text=_("With open positions leverage changes only above it. Empty: not with open positions."),
    )  # fmt: skip
    is_offered = forms.BooleanField(
        label=_("Offered to clients"), required=False, initial=True, widget=forms.CheckboxInput(_BOX)
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["mt_group"].queryset = MtGroup.objects.select_related("server").order_by("server__name", "name")

    def clean_leverages(self) -> list[int]:
        parts = [part.strip() for part in self.cleaned_data["leverages"].split(",") if part.strip()]
        if not parts or len(parts) > MOST_LEVERAGES or not all(part.isascii() and part.isdigit() for part in parts):
            raise forms.ValidationError(_("Write whole numbers with commas between them."))
        found = sorted({int(part) for part in parts})
        if not 1 <= found[0] <= found[-1] <= 10_000:
            raise forms.ValidationError(_("A leverage is between 1 and 10,000."))
        return found

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        first, last = values.get("login_from"), values.get("login_until")
        if (first is None) != (last is None) or (first and last and last < first):
            self.add_error("login_until", _("A range has a first and a last login, in this order."))
        if values.get("starting_balance") and not values.get("is_demo"):
            self.add_error("starting_balance", _("Only demo accounts start with a balance."))
        return values


class OpenForm(forms.Form):
    """An account that staff open for a client."""

    account_type = forms.ModelChoiceField(
        AccountType.objects.none(),
        label=_("Type"),
        empty_label=_("Choose a type"),
        widget=forms.Select({"class": "select"}),
    )
    leverage = forms.IntegerField(
        label=_("Leverage"), min_value=1, max_value=10_000, widget=forms.TextInput(_NUM), help_text=_("100 for 1:100.")
    )
    key = forms.RegexField(r"^[0-9a-f]{24}$", widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["account_type"].queryset = AccountType.objects.order_by("name")


class DecideOrderForm(forms.Form):
    """What becomes of an order that waits for staff, or that a person must settle."""

    decision = forms.ChoiceField(choices=[(one, "") for one in ("approve", "decline", "again", "absent")])
    reason = forms.CharField(required=False, max_length=300)
