"""Forms of what a trader orders for own accounts."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from trading.operations.account_models import AccountType
from trading.operations.enums import OrderKind


def _key_field() -> forms.RegexField:
    return forms.RegexField(r"^[0-9a-f]{24}$", widget=forms.HiddenInput)


class OpenAccountForm(forms.Form):
    """One of the offered types with one of its leverages, as "type:leverage"."""

    choice = forms.ChoiceField(label=_("Leverage"), widget=forms.RadioSelect({"class": "radio radio-sm"}))

    def __init__(self, types: Sequence[AccountType], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["key"] = _key_field()
        self._types = {kind.pk: kind for kind in types}
        self.fields["choice"].choices = [
            (f"{kind.pk}:{leverage}", f"{kind.name} 1:{leverage}") for kind in types for leverage in kind.leverages
        ]

    def chosen(self) -> tuple[AccountType, int]:
        """Return the type and the leverage of a valid form."""
        pk, _colon, leverage = self.cleaned_data["choice"].partition(":")
        return self._types[int(pk)], int(leverage)


class ChangeForm(forms.Form):
    """What to change of an account."""

    what = forms.ChoiceField(
        label=_("What to change"), widget=forms.Select({"class": "select"}),
        choices=[(kind.value, kind.label) for kind in (OrderKind.LEVERAGE, OrderKind.PASSWORD, OrderKind.INVESTOR)],
    )  # fmt: skip
    leverage = forms.TypedChoiceField(
        label=_("Leverage"), coerce=int, required=False, empty_value=None, widget=forms.Select({"class": "select"})
    )

    def __init__(self, leverages: Sequence[int], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["key"] = _key_field()
        self.fields["leverage"].choices = [(leverage, f"1:{leverage}") for leverage in leverages]
        if not leverages:
            del self.fields["leverage"]
            self.fields["what"].choices = self.fields["what"].choices[1:]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("what") == OrderKind.LEVERAGE and not self.cleaned_data.get("leverage"):
            self.add_error("leverage", _("Choose a leverage."))
        return self.cleaned_data
