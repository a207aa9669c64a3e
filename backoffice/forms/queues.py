"""Forms of the queues."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from trading.models import SymbolGroup
from trading.symbols import MOST_DIGITS, UnknownSymbol


class IdList(forms.TypedMultipleChoiceField):
    """Ticked rows: a list of ids; whether they exist is for the service to say."""

    def __init__(self, *, nothing: Any) -> None:
        super().__init__(coerce=int, error_messages={"required": nothing})

    def valid_value(self, value: str) -> bool:
        return value.isascii() and value.isdigit() and len(value) <= 18


class ReleaseForm(forms.Form):
    """Held rows to read again."""

    held = IdList(nothing=_("Tick at least one deal."))


class ClassifyForm(forms.Form):
    """Symbols, and the group that they go into."""

    symbols = IdList(nothing=_("Tick at least one symbol."))
    group = forms.ModelChoiceField(
        SymbolGroup.objects.none(), label=_("Symbol group"), empty_label=_("Choose a group"),
        widget=forms.Select({"class": "select select-sm"}),
    )  # fmt: skip

    def __init__(self, groups: QuerySet[SymbolGroup], *args: Any) -> None:
        super().__init__(*args)
        self.fields["group"].queryset = groups


class SymbolGroupForm(forms.Form):
    """A new symbol group."""

    code = forms.SlugField(
        label=_("Code"), max_length=40, help_text=_("What plans write, for example forex-majors."),
        widget=forms.TextInput({"class": "input", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"class": "input"}))


class SymbolForm(forms.Form):
    """What a symbol is that its server does not describe. `symbol` is the place of one in the list that was shown."""

    symbol = forms.ChoiceField(label=_("Symbol"), widget=forms.Select({"class": "select"}))
    contract_size = forms.DecimalField(
        label=_("Contract size"), max_digits=18, decimal_places=8, min_value=Decimal("0.00000001"),
        help_text=_("Units of the base in one lot, for example 100000."),
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    digits = forms.IntegerField(
        label=_("Digits"), min_value=0, max_value=MOST_DIGITS,
        widget=forms.TextInput({"class": "input num", "inputmode": "numeric", "autocomplete": "off"}),
    )  # fmt: skip
    quote_currency = forms.RegexField(
        r"^[A-Za-z0-9]{3,8}$", label=_("Quote currency"),
        widget=forms.TextInput(
            {"class": "input num uppercase", "autocomplete": "off", "spellcheck": "false", "maxlength": "8"}
        ),
    )  # fmt: skip

    def __init__(self, unknown: Sequence[UnknownSymbol], *args: Any) -> None:
        super().__init__(*args)
        self.unknown = {f"{row.server_id}/{row.name}": row for row in unknown}
        self.fields["symbol"].choices = [
            (key, f"{row.name} · {row.server} ({row.held})") for key, row in self.unknown.items()
        ]

    def clean_symbol(self) -> UnknownSymbol:
        return self.unknown[self.cleaned_data["symbol"]]

    def clean_quote_currency(self) -> str:
        return str(self.cleaned_data["quote_currency"]).upper()


class LotFactorForm(forms.Form):
    """A lot factor, and the group's name typed as confirmation."""

    lot_factor = forms.DecimalField(
        label=_("A lot of this group counts"), max_digits=18, decimal_places=8,
        help_text=_("1 for standard accounts, 0.01 for cent accounts."),
        widget=forms.TextInput({"class": "input num", "inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    confirm = forms.CharField(
        label=_("Type the group's name to confirm"), max_length=64,
        widget=forms.TextInput({"class": "input", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, group_name: str, *args: Any) -> None:
        super().__init__(*args)
        self.group_name = group_name

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"].strip()
        if typed != self.group_name:
            raise forms.ValidationError(_("This is not the name of the group."))
        return typed
