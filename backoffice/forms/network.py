"""Forms that change who stands under whom, from a moment on."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext_lazy as _

from ib.models import IB

EPOCH_WALL = datetime(1970, 1, 1)  # noqa: DTZ001 -- stands for "a wall clock without an offset"


class MomentField(forms.DateTimeField):
    """A moment in the broker's zone, to the second; empty means now."""

    def __init__(self, *, zone: str, **options: Any) -> None:
        self.zone = ZoneInfo(zone)
        widget = forms.DateTimeInput(
            {"type": "datetime-local", "step": "1", "class": "input num"}, format="%Y-%m-%dT%H:%M:%S"
        )
        words = _("Time zone %(zone)s. Empty means now.") % {"zone": zone}
        super().__init__(required=False, widget=widget, help_text=words, **options)

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(self.zone).replace(tzinfo=None) if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)  # aware: Django reads a wall clock as UTC
        if moment is None:
            return None
        offset_given = is_aware(parse_datetime(str(value).strip()) or EPOCH_WALL)
        return moment if offset_given else moment.replace(tzinfo=self.zone).astimezone(UTC)


class IbCodeField(forms.CharField):
    """An IB named by its code, in either case."""

    def __init__(self, *, label: Any, required: bool, help_text: Any = "") -> None:
        widget = forms.TextInput({"class": "input num", "autocomplete": "off", "spellcheck": "false"})
        super().__init__(label=label, required=required, help_text=help_text, max_length=40, widget=widget)

    def clean(self, value: Any) -> Any:
        code = super().clean(value)
        if not code:
            return None
        found = IB.objects.filter(code__iexact=code).first()
        if found is None:
            raise forms.ValidationError(_("There is no IB with the code %(code)s."), params={"code": code})
        return found


class _Move(forms.Form):
    """Where to, from when on, why."""

    def __init__(self, *args: Any, zone: str, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.now = now
        self.fields["at"] = MomentField(zone=zone, label=_("From this moment on"))
        self.fields["reason"] = forms.CharField(
            label=_("Reason"), max_length=500, required=False, widget=forms.TextInput({"class": "input"}),
            help_text=_("Stands in the audit trail."),
        )  # fmt: skip

    def clean_at(self) -> datetime:
        return self.cleaned_data["at"] or self.now


class MoveIbForm(_Move):
    """An IB's new place; without a code it stands at the top."""

    parent = IbCodeField(
        label=_("New IB above (code)"),
        required=False,
        help_text=_("Empty: the IB stands at the top, with nobody above."),
    )


class MoveClientForm(_Move):
    """A client's new direct IB; without a code the client has none."""

    ib = IbCodeField(label=_("New IB (code)"), required=False, help_text=_("Empty: the client has no IB from then on."))


class MoveAccountForm(MoveClientForm):
    """The IB that one trading account counts for, whatever its client's is; or none of its own any more."""

    follow = forms.BooleanField(
        label=_("Follow the client again"), required=False,
        help_text=_("The account then counts for whichever IB its client has."),
        widget=forms.CheckboxInput({"class": "checkbox checkbox-sm"}),
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["ib"].help_text = _("Empty: the account counts for nobody from then on.")

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if typed.get("follow") and typed.get("ib"):
            self.add_error("ib", _("Name an IB, or let the account follow its client: not both."))
        return typed
