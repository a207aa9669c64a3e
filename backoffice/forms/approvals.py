"""The decision on a request for a second person."""

from django import forms
from django.utils.translation import gettext_lazy as _


class DecisionForm(forms.Form):
    """Approve, or refuse with a reason."""

    decision = forms.ChoiceField(choices=[("approve", _("Approve")), ("reject", _("Refuse"))])
    reason = forms.CharField(label=_("Reason"), required=False, max_length=500)

    def clean(self) -> None:
        super().clean()
        if self.cleaned_data.get("decision") == "reject" and not self.cleaned_data.get("reason", "").strip():
            self.add_error("reason", _("Say why, so that the person who asked understands."))
