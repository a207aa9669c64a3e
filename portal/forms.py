"""What people type into the portal's forms."""

from django import forms
from django.utils.translation import gettext_lazy as _


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
