"""Filters of the list of messages, and how mail and SMS leave."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from notifications.enums import MailTls, MessageState, SmsMode
from notifications.kinds import KINDS
from notifications.models import MailSettings, Message, SmsSettings
from notifications.services import MailSpec, SmsSpec


class MessageFilter(forms.Form):
    """State, kind, and part of the recipient's address; every field is optional."""

    q = forms.CharField(label=_("Recipient"), required=False, max_length=254)
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("Any state")), *MessageState.choices])
    kind = forms.ChoiceField(
        label=_("Kind"), required=False,
        choices=lambda: [("", _("Any kind")), *((code, kind.label) for code, kind in KINDS.items())],
    )  # fmt: skip

    def narrow(self, rows: QuerySet[Message]) -> QuerySet[Message]:
        if not self.is_valid():
            return rows.none()
        wanted = self.cleaned_data
        if wanted["q"]:
            rows = rows.filter(to_address__icontains=wanted["q"])
        if wanted["state"]:
            rows = rows.filter(state=wanted["state"])
        if wanted["kind"]:
            rows = rows.filter(kind=wanted["kind"])
        return rows


class Framed(forms.Form):
    """A form whose fields look as all others of the back office."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            css = {forms.Select: "select", forms.Textarea: "textarea", forms.CheckboxInput: "checkbox checkbox-sm"}
            field.widget.attrs.setdefault("class", css.get(type(field.widget), "input"))


class MailForm(Framed):
    """How mail leaves. The stored password is never shown; an empty field keeps it."""

    host = forms.CharField(label=_("Mail server"), max_length=253)
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535)
    tls_mode = forms.ChoiceField(label=_("Encryption"), choices=MailTls.choices)
    tls_ca = forms.CharField(
        label=_("Own certificate authority (PEM)"), required=False, max_length=20_000,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text=_("Leave it empty for a server whose certificate every browser trusts."),
    )  # fmt: skip
    username = forms.CharField(label=_("User name"), required=False, max_length=254)
    password = forms.CharField(
        label=_("Password"), required=False, max_length=500, strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("It is stored encrypted and never shown. An empty field keeps the stored one."),
    )  # fmt: skip
    sender_name = forms.CharField(
        label=_("Sender's name"), required=False, max_length=100, help_text=_("Empty: the broker's name.")
    )
    sender_address = forms.EmailField(label=_("Sender's address"))
    reply_to = forms.EmailField(label=_("Answers go to"), required=False)
    is_sandbox = forms.BooleanField(
        label=_("Sandbox"), required=False,
        help_text=_("Nothing leaves; the list of messages shows what would be sent."),
    )  # fmt: skip

    def spec(self) -> MailSpec:
        """Return what the fields say."""
        values: dict[str, Any] = dict(self.cleaned_data)
        values["tls_mode"] = MailTls(values["tls_mode"])
        values["password"] = values["password"] or (None if values["username"] else "")
        return MailSpec(**values)

    @classmethod
    def of(cls, found: MailSettings | None) -> "MailForm":
        """Return the form filled with what is in force."""
        names = [name for name in cls.base_fields if name != "password"]
        return cls(initial={name: getattr(found, name) for name in names} if found else {"port": 587})


class TestMailForm(Framed):
    """Where a test mail goes."""

    to_address = forms.EmailField(label=_("Send a test mail to"))


class SmsForm(Framed):
    """How SMS leave. The stored secret is never shown; an empty field keeps it."""

    mode = forms.ChoiceField(label=_("SMS"), choices=SmsMode.choices)
    address = forms.CharField(
        label=_("Address of the gateway"), required=False, max_length=500, help_text="https://sms.example.com/send"
    )
    sender = forms.CharField(label=_("Sender of SMS"), required=False, max_length=20)
    secret = forms.CharField(
        label=_("Secret that signs what we send"), required=False, max_length=500, strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("It is stored encrypted and never shown. An empty field keeps the stored one."),
    )  # fmt: skip
    tls_ca = forms.CharField(
        label=_("Own certificate authority (PEM)"), required=False, max_length=20_000,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
    )  # fmt: skip
    is_sandbox = forms.BooleanField(
        label=_("Sandbox"), required=False,
        help_text=_("Nothing leaves; the list of messages shows what would be sent."),
    )  # fmt: skip

    def spec(self) -> SmsSpec:
        """Return what the fields say."""
        values: dict[str, Any] = dict(self.cleaned_data)
        return SmsSpec(**{**values, "mode": SmsMode(values["mode"]), "secret": values["secret"] or None})

    @classmethod
    def of(cls, found: SmsSettings | None) -> "SmsForm":
        """Return the form filled with what is in force."""
        names = [name for name in cls.base_fields if name != "secret"]
        return cls(prefix="sms", initial={name: getattr(found, name) for name in names} if found else {})


class TestSmsForm(Framed):
    """Where a test SMS goes."""

    to_number = forms.CharField(label=_("Send a test SMS to"), max_length=30, help_text="+44 7700 900123")
