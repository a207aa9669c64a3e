"""The form of how patient the outbox is with an MT server."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from trading.operations.patience import Patience

_NUM = {"class": "input num", "inputmode": "numeric", "autocomplete": "off"}


class PatienceForm(forms.Form):
    """Spans in seconds, and how often the same operation is sent."""

    settle_window_s = forms.IntegerField(
        label=_("Wait before an operation counts as not booked, seconds"), widget=forms.TextInput(_NUM),
        help_text=_("Longer than the server ever keeps a request in its own queue."),
    )  # fmt: skip
    read_gap_s = forms.IntegerField(
        label=_("Between the two readings that find nothing, seconds"), widget=forms.TextInput(_NUM)
    )
    lease_s = forms.IntegerField(
        label=_("Silence after which another worker takes over, seconds"), widget=forms.TextInput(_NUM)
    )
    max_attempts = forms.IntegerField(
        label=_("Sendings before staff decide"), widget=forms.TextInput(_NUM),
        help_text=_("All carry the same reference; it is sent again only after it was surely not booked."),
    )  # fmt: skip

    def patience(self) -> Patience:
        values: dict[str, Any] = self.cleaned_data
        return Patience(**values)
