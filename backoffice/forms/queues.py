"""Forms of the queues."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from trading.models import SymbolGroup


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
