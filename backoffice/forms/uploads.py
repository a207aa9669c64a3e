"""Forms of uploaded histories: the file, and what the broker must say about symbols it does not know."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.money import to_e8
from mt4bridge.types import SymbolRow
from mt4bridge.uploads import MOST_BYTES
from trading.uploads import UnknownSymbol

PLAIN = {"class": "input num", "autocomplete": "off", "spellcheck": "false"}


class UploadForm(forms.Form):
    """A history file; login and currency only when the file does not say them."""

    file = forms.FileField(
        label=_("File"), max_length=200, widget=forms.FileInput({"class": "file-input"}),
        help_text=_("MT4 statement (html), MT5 history report (html, xlsx) or MT5 deals csv, at most 8 MB."),
    )  # fmt: skip
    login = forms.IntegerField(
        label=_("Login"), required=False, min_value=1, widget=forms.TextInput({**PLAIN, "inputmode": "numeric"}),
        help_text=_("Only when the file does not say it."),
    )  # fmt: skip
    currency = forms.RegexField(
        r"[A-Za-z]{3,8}", label=_("Account currency"), required=False, widget=forms.TextInput(PLAIN),
        help_text=_("Only when the file does not say it."),
    )  # fmt: skip

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 8 MB."))
        return file

    def clean_currency(self) -> str:
        typed: str = self.cleaned_data["currency"]
        return typed.upper()


class ConfirmForm(forms.Form):
    """Contract size and quote currency of each symbol that is new here."""

    def __init__(self, symbols: Sequence[UnknownSymbol], *args: Any) -> None:
        super().__init__(*args)
        self.symbols = symbols
        for index, symbol in enumerate(symbols):
            size = f"{symbol.contract_size.normalize():f}" if symbol.contract_size is not None else ""
            self.fields[f"size_{index}"] = forms.DecimalField(
                label=_("Contract size of %(symbol)s") % {"symbol": symbol.name}, min_value=0, max_digits=18,
                decimal_places=8, initial=size, widget=forms.TextInput({**PLAIN, "inputmode": "decimal"}),
            )  # fmt: skip
            self.fields[f"quote_{index}"] = forms.RegexField(
                r"[A-Za-z]{3,8}", label=_("Quote currency of %(symbol)s") % {"symbol": symbol.name},
                initial=symbol.quote_currency, widget=forms.TextInput(PLAIN),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        for index in range(len(self.symbols)):
            if values.get(f"size_{index}") == 0:
                self.add_error(f"size_{index}", _("A contract size is above 0."))
        return values

    def pairs(self) -> list[tuple[UnknownSymbol, forms.BoundField, forms.BoundField]]:
        return [(symbol, self[f"size_{at}"], self[f"quote_{at}"]) for at, symbol in enumerate(self.symbols)]

    def rows(self) -> list[SymbolRow]:
        """Return the symbols as a server would list them."""
        values = self.cleaned_data
        return [
            SymbolRow(symbol.name, "", to_e8(values[f"size_{at}"]), symbol.digits, "", values[f"quote_{at}"].upper())
            for at, symbol in enumerate(self.symbols)
        ]
