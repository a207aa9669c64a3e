"""Forms of MT servers: one for each kind, since each needs other things. The password is only ever written."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from mt4bridge.enums import Platform, ServerKind, TlsMode
from mt4bridge.models import MtServer
from mt4bridge.server_settings import ServerSettings, clean_pin

TEXT, SELECT = {"class": "input"}, {"class": "select"}
PLAIN = {"class": "input", "autocomplete": "off", "spellcheck": "false"}
NUMBER = {"class": "input num", "inputmode": "numeric", "autocomplete": "off"}
ENGINES = (("mysql", "MySQL, MariaDB"), ("postgresql", "PostgreSQL"))
FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)  # of files: all that they hold is read


class ServerForm(forms.Form):
    """What every kind has: a name, and which clock the server keeps."""

    kind = ServerKind.FILES
    name = forms.CharField(label=_("Name"), max_length=60, widget=forms.TextInput(TEXT))
    clock_zone = forms.CharField(
        label=_("Time zone whose daylight saving the clock follows"), max_length=64, initial="America/New_York",
        widget=forms.TextInput({**PLAIN, "list": "zones"}),
        help_text=_("An IANA name. Most MT servers follow New York."),
    )  # fmt: skip
    clock_shift_minutes = forms.IntegerField(
        label=_("Minutes added to that zone"), initial=420, widget=forms.TextInput(NUMBER),
        help_text=_("420 with New York is GMT+2, in summer GMT+3. Testing the connection tells what fits."),
    )  # fmt: skip

    def __init__(self, *args: Any, server: MtServer | None = None, **options: Any) -> None:
        if server is not None:
            options["initial"] = {**_initial(server), **options.get("initial", {})}
        super().__init__(*args, **options)
        self.server = server
        if server is not None and "manager_password" in self.fields:
            self.fields["manager_password"].required = False
            self.fields["manager_password"].help_text = _(
                "Empty: the stored one stays. It is never shown. Needed again when the address or the check of the "
                "certificate changes."
            )

    @property
    def zones(self) -> list[str]:
        return sorted(available_timezones())

    def settings(self) -> ServerSettings:
        """Return what was filled in, as the service takes it."""
        values = self.cleaned_data
        day = values.get("history_from")
        return ServerSettings(
            name=values["name"],
            kind=self.kind,
            history_from=datetime.combine(day, time(), UTC) if day else FIRST_DAY,
            platform=Platform(values.get("platform") or Platform.MT5),
            address=values.get("address", "").strip(),
            manager_login=values.get("manager_login") or 0,
            group_mask=values.get("group_mask", "*").strip() or "*",
            tls_mode=TlsMode(values.get("tls_mode") or TlsMode.CA),
            tls_pin=clean_pin(values.get("tls_pin", "")),
            tls_ca=values.get("tls_ca", "").replace("\r\n", "\n").strip(),
            clock_zone=values["clock_zone"].strip(),
            clock_shift_minutes=values["clock_shift_minutes"],
            options=self.options(),
        )

    def options(self) -> Mapping[str, str]:
        return {}

    def password(self) -> str | None:
        """Return the password typed; None leaves the stored one."""
        typed: str = self.cleaned_data.get("manager_password", "")
        return None if self.server is not None and not typed else typed


class FilesForm(ServerForm):
    """A server that nobody reaches: its history comes as files."""

    platform = forms.ChoiceField(label=_("Platform"), choices=Platform.choices, widget=forms.Select(SELECT))


class _ReachedForm(ServerForm):
    """A server that is contacted."""

    address = forms.CharField(
        label=_("Address"), max_length=255, help_text=_("host:port"),
        widget=forms.TextInput({**PLAIN, "class": "input num"}),
    )  # fmt: skip
    manager_password = forms.CharField(
        label=_("Password"), max_length=128, strip=False,
        widget=forms.PasswordInput({"class": "input", "autocomplete": "new-password"}),
        help_text=_("Stored encrypted and never shown."),
    )  # fmt: skip
    group_mask = forms.CharField(
        label=_("MT groups of this broker"), max_length=200, initial="*", widget=forms.TextInput(PLAIN),
        help_text=_("Masks with commas: * is any text, ! takes away. For example real*,!*test*"),
    )  # fmt: skip
    history_from = forms.DateField(
        label=_("History from"), widget=forms.DateInput({"type": "date", "class": "input num"}, "%Y-%m-%d"),
        help_text=_("Deals before this day (UTC) are not read."),
    )  # fmt: skip
    tls_mode = forms.ChoiceField(
        label=_("Check of the certificate"), choices=TlsMode.choices, initial=TlsMode.CA, widget=forms.Select(SELECT)
    )
    tls_off_sure = forms.BooleanField(
        label=_("Connect without any check. Anybody between us and the server could read and answer."), required=False,
        widget=forms.CheckboxInput({"class": "checkbox checkbox-xs"}),
    )  # fmt: skip
    tls_ca = forms.CharField(
        label=_("Certificates of the authority (PEM)"), max_length=60_000, required=False,
        widget=forms.Textarea({"class": "textarea num text-2xs", "rows": 4, "spellcheck": "false"}),
        help_text=_("Empty: the authorities of this system."),
    )  # fmt: skip

    def clean_history_from(self) -> Any:
        day = self.cleaned_data["history_from"]
        if not 1990 <= day.year <= 2100:
            raise forms.ValidationError(_("This is no day of trading."))
        return day

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("tls_mode") == TlsMode.OFF and not values.get("tls_off_sure"):
            self.add_error("tls_off_sure", _("Tick this to connect without a check, or choose another one."))
        return values


class WebApiForm(_ReachedForm):
    """MT5 Web API."""

    kind = ServerKind.WEBAPI
    manager_login = forms.IntegerField(label=_("Manager login"), min_value=1, widget=forms.TextInput(NUMBER))
    tls_pin = forms.CharField(
        label=_("Pin of the certificate"), max_length=100, required=False,
        widget=forms.TextInput({**PLAIN, "class": "input num"}),
        help_text=_("SHA-256 of the certificate, 64 hexadecimal digits."),
    )  # fmt: skip
    field_order: tuple[str, ...] = (
        "name", "address", "manager_login", "manager_password", "tls_mode", "tls_off_sure", "tls_pin", "tls_ca",
        "group_mask", "history_from", "clock_zone", "clock_shift_minutes",
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["manager_password"].label = _("API password of the manager")


class HttpBridgeForm(WebApiForm):
    """A program on a Windows machine that has the MT4 or MT5 Manager API."""

    kind = ServerKind.HTTPBRIDGE
    platform = forms.ChoiceField(label=_("Platform"), choices=Platform.choices, widget=forms.Select(SELECT))
    field_order = ("name", "platform", *WebApiForm.field_order[1:])

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["manager_login"].label = _("Number of the key")
        self.fields["manager_password"].label = _("Secret of the key")


class MirrorForm(_ReachedForm):
    """A database that the MT server keeps a copy of itself in."""

    kind = ServerKind.MIRROR
    platform = forms.ChoiceField(label=_("Platform"), choices=Platform.choices, widget=forms.Select(SELECT))
    engine = forms.ChoiceField(label=_("Database server"), choices=ENGINES, widget=forms.Select(SELECT))
    database = forms.CharField(label=_("Database"), max_length=64, widget=forms.TextInput(PLAIN))
    schema = forms.CharField(
        label=_("Schema"), max_length=64, required=False, widget=forms.TextInput(PLAIN),
        help_text=_("PostgreSQL only. Empty: public."),
    )  # fmt: skip
    user = forms.CharField(
        label=_("Read-only user"), max_length=64, widget=forms.TextInput(PLAIN),
        help_text=_("It needs SELECT on the tables of the mirror and nothing else."),
    )  # fmt: skip
    tls_mode = forms.ChoiceField(
        label=_("Check of the certificate"), initial=TlsMode.CA, widget=forms.Select(SELECT),
        choices=[choice for choice in TlsMode.choices if choice[0] != TlsMode.PIN],
    )  # fmt: skip
    field_order = (
        "name", "platform", "engine", "address", "database", "schema", "user", "manager_password", "tls_mode",
        "tls_off_sure", "tls_ca", "group_mask", "history_from", "clock_zone", "clock_shift_minutes",
    )  # fmt: skip

    def options(self) -> Mapping[str, str]:
        return {name: self.cleaned_data[name].strip() for name in ("engine", "database", "schema", "user")}


FORMS: dict[str, type[ServerForm]] = {
    ServerKind.WEBAPI: WebApiForm,
    ServerKind.HTTPBRIDGE: HttpBridgeForm,
    ServerKind.MIRROR: MirrorForm,
    ServerKind.FILES: FilesForm,
}
"""The form of each kind that staff can add."""


def _initial(server: MtServer) -> dict[str, Any]:
    """Return what a form shows of a stored server; the password is not among it."""
    names = (
        "name", "platform", "address", "manager_login", "group_mask", "tls_mode", "tls_pin", "tls_ca", "clock_zone",
        "clock_shift_minutes",
    )  # fmt: skip
    values = {name: getattr(server, name) for name in names}
    return {
        **values,
        **server.options,
        "history_from": server.history_from.astimezone(UTC).date(),
        "tls_off_sure": server.tls_mode == TlsMode.OFF,
    }
