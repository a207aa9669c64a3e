"""Filters of the list of clients."""

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from clients.enums import ClientStatus
from clients.models import Client
from trading.models import TradingAccount

MAX_LOGIN_DIGITS = 18


class ClientFilter(forms.Form):
    """Words of a name, a client code, an e-mail address or a login; and a status."""

    q = forms.CharField(label=_("Search"), required=False, max_length=100)
    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("Any status")), *ClientStatus.choices]
    )

    def narrow(self, rows: QuerySet[Client]) -> QuerySet[Client]:
        if not self.is_valid():
            return rows.none()
        text = self.cleaned_data["q"].strip()
        if text:
            rows = rows.filter(matching(text))
        if self.cleaned_data["status"]:
            rows = rows.filter(status=self.cleaned_data["status"])
        return rows


def matching(text: str) -> Q:
    """Return the condition of a client found by a name, code, e-mail address or login."""
    found = Q(name__icontains=text) | Q(code__istartswith=text) | Q(email__icontains=text)
    if text.isascii() and text.isdigit() and len(text) <= MAX_LOGIN_DIGITS:
        found |= Q(Exists(TradingAccount.objects.filter(client=OuterRef("pk"), login=int(text))))
    return found
