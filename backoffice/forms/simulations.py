"""What to replay: which terms, for whom, how many months."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backoffice.forms.network import IbCodeField
from commissions.enums import SimulationScope

MOST_MONTHS = 12


class SimulationForm(forms.Form):
    """A replay. `sources`: (value, label) of what the plan has: versions, and the reader's own draft."""

    source = forms.ChoiceField(label=_("Terms"), widget=forms.Select({"class": "select"}))
    scope = forms.ChoiceField(
        label=_("For whom"), choices=SimulationScope.choices, initial=SimulationScope.ALL,
        widget=forms.Select({"class": "select"}),
    )  # fmt: skip
    months = forms.IntegerField(
        label=_("Months back from today"), min_value=1, max_value=MOST_MONTHS, initial=1,
        widget=forms.NumberInput({"class": "input num"}),
    )  # fmt: skip
    include_swap = forms.BooleanField(
        label=_("Count swaps as revenue"), required=False, widget=forms.CheckboxInput({"class": "checkbox"})
    )

    def __init__(self, sources: list[tuple[str, Any]], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["source"].choices = sources
        self.fields["ib"] = IbCodeField(
            label=_("IB (code)"), required=False, help_text=_("Left empty when the draft would pay all IBs.")
        )
        self.order_fields(["source", "scope", "ib", "months", "include_swap"])

    def clean(self) -> None:
        super().clean()
        scope, ib = self.cleaned_data.get("scope"), self.cleaned_data.get("ib")
        if scope == SimulationScope.ALL and ib:
            self.add_error("ib", _("Leave this empty, or choose one IB or its network above."))
        if scope in (SimulationScope.ONE, SimulationScope.SUBTREE) and not ib and "ib" not in self.errors:
            self.add_error("ib", _("Say which IB."))
