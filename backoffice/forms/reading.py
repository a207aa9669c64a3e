"""Forms of the pages about MT servers."""

from django import forms
from django.utils.translation import gettext_lazy as _

from trading.sync.enums import RunKind


class CompareForm(forms.Form):
    """Which comparison to begin."""

    kind = forms.ChoiceField(choices=RunKind.choices)


class DecideForm(forms.Form):
    """Whether a waiting change is taken over."""

    decision = forms.ChoiceField(choices=[("accept", "accept"), ("keep", "keep")])


class AssignForm(forms.Form):
    """An account of a server, and the code of its client."""

    account = forms.IntegerField(min_value=1, max_value=2**62, widget=forms.HiddenInput())
    client = forms.CharField(
        label=_("Client code"), max_length=20,
        widget=forms.TextInput({"class": "input input-sm w-32", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
