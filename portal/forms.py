"""What people type into the portal's forms."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ui.numbers import exact_text


class SignInForm(forms.Form):
    """E-mail address and password of staff, clients and IBs alike."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput({"class": "input", "autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput({"class": "input", "autocomplete": "current-password"}),
    )


class AcceptForm(forms.Form):
    """Who accepts which terms; the hash is that of the terms that were shown."""

    name = forms.CharField(
        label=_("Your full name"),
        max_length=150,
        widget=forms.TextInput({"class": "input", "autocomplete": "name"}),
    )
    agreed = forms.BooleanField(
        label=_("I have read these terms and accept them"),
        widget=forms.CheckboxInput({"class": "checkbox checkbox-xs"}),
        error_messages={"required": _("Tick this to accept the terms.")},
    )
    hash = forms.RegexField(r"^[0-9a-f]{32}$", widget=forms.HiddenInput)

    def clean(self) -> dict[str, object]:
        if "hash" in self.errors:
            self.add_error(None, _("Reload the page: it does not say which terms these are."))
        return self.cleaned_data


class ClientShareForm(forms.Form):
    """A share in percent, at most what the broker allows."""

    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, most: Decimal | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["percent"] = percent_field(_("Share in percent"), most=most)


class SubShareForm(ClientShareForm):
    """A share for all rates, and one for each rate that has its own; an empty one follows the share for all."""

    def __init__(
        self, *args: Any, most: Decimal | None, rates: Sequence[tuple[str, Decimal | None]], **options: Any
    ) -> None:
        super().__init__(*args, most=most, **options)
        self.fields["percent"].label = _("Share of all rates in percent")
        self.count = len(rates)
        for number, (scope, percent) in enumerate(rates):
            label = _("Share of the rate for %(scope)s in percent") % {"scope": scope}
            field = percent_field(label, most=most, required=False)
            field.initial = None if percent is None else exact_text(percent, 0)
            self.fields[f"row-{number}"] = field

    def row_boxes(self) -> list[forms.BoundField]:
        return [self[f"row-{number}"] for number in range(self.count)]

    def row_percents(self) -> list[Decimal | None]:
        return [self.cleaned_data.get(f"row-{number}") for number in range(self.count)]


def percent_field(label: Any, *, most: Decimal | None, required: bool = True) -> forms.DecimalField:
    """Return a field for a percentage of at most `most`."""
    limit = Decimal(100) if most is None else Decimal(f"{most.normalize():f}")  # without closing zeros
    return forms.DecimalField(
        label=label, required=required, min_value=0, max_value=limit, decimal_places=8,
        widget=forms.TextInput({"class": "input input-sm num", "inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
