"""Filters of the audit trail."""

from datetime import UTC, datetime, time, timedelta

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from access.models import AuditEvent


class AuditFilter(forms.Form):
    """Every field is optional; a field that can't be read narrows to nothing and says why."""

    who = forms.CharField(label=_("Who"), required=False, max_length=150)
    action = forms.CharField(label=_("What"), required=False, max_length=80)
    object_type = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    object_id = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))

    def narrow(self, rows: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return the events that fit; days are UTC."""
        if not self.is_valid():
            return rows.none()
        wanted = self.cleaned_data
        if wanted["who"]:
            rows = rows.filter(actor_label__icontains=wanted["who"])
        if wanted["action"]:
            rows = rows.filter(action__icontains=wanted["action"])
        if wanted["object_type"]:
            rows = rows.filter(object_type=wanted["object_type"])
        if wanted["object_id"]:
            rows = rows.filter(object_id=wanted["object_id"])
        if wanted["since"]:
            rows = rows.filter(at__gte=datetime.combine(wanted["since"], time(), UTC))
        if wanted["until"]:
            rows = rows.filter(at__lt=datetime.combine(wanted["until"], time(), UTC) + timedelta(days=1))
        return rows
