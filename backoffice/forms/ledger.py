"""Filters of the ledger, and places in its lists."""

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from ledger.enums import AccountKind


class LedgerFilter(forms.Form):
    """Kind and currency of ledger accounts, and part of their code."""

    q = forms.CharField(label=_("Code"), required=False, max_length=120)
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("Any kind")), *AccountKind.choices])

    def narrow(self, rows: QuerySet) -> QuerySet:  # type: ignore[type-arg] # the ledger's tables are its own
        if not self.is_valid():
            return rows.none()
        if self.cleaned_data["q"]:
            rows = rows.filter(code__icontains=self.cleaned_data["q"])
        if self.cleaned_data["kind"]:
            rows = rows.filter(kind=self.cleaned_data["kind"])
        return rows


def read_place(text: str) -> tuple[int, int] | None:
    """Return (entry id, line) of an address, None for a text that is none."""
    entry, _sep, line = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 15 for part in (entry, line)):
        return None
    return int(entry), int(line)
