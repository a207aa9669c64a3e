"""Filters of the list of clients."""

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from clients.enums import ClientStatus
from clients.models import Client


class ClientFilter(forms.Form):
    """Words of a name, a client code, an e-mail address or a login; and a status."""

    q = forms.CharField(label=_("Search"), required=False, max_length=100)
    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("Any status")), *ClientStatus.choices]
    )

    def narrow(self, rows: QuerySet[Client]) -> QuerySet[Client]:
        """Return the clients of the status; what is searched for is for `clients.search`."""
        if not self.is_valid():
            return rows.none()
        return rows.filter(status=self.cleaned_data["status"]) if self.cleaned_data["status"] else rows
