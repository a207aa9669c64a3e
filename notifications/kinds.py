"""Every kind of notice: one row each, with templates in templates/notifications/<code>/.

A kind has `subject.txt`, `body.txt` and `body.html` when it goes by mail, `sms.txt` by SMS, `inapp.txt` inside the
application, one line."""

from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications.enums import Audience, Channel
from notifications.types import Kind

_MAIL = frozenset({Channel.MAIL})
_IN_APP = frozenset({Channel.IN_APP})
_BOTH = _MAIL | _IN_APP
_CLIENT, _STAFF = Audience.CLIENT, Audience.STAFF


def _kind(code: str, channels: frozenset[Channel], audience: Audience, label: Promise, *params: str) -> Kind:
    return Kind(code=code, channels=channels, audience=audience, label=label, params=frozenset(params))


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind("test_mail", _MAIL, _STAFF, _("Test mail"), give_up_after=timedelta(hours=1)),
        Kind("test_sms", frozenset({Channel.SMS}), _STAFF, _("Test SMS"), give_up_after=timedelta(hours=1)),
        _kind("statement_approved", _BOTH, _CLIENT, _("Statement approved"), "amount", "currency", "first", "last"),
        _kind("statement_paid", _BOTH, _CLIENT, _("Statement paid"), "amount", "currency", "first", "last"),
        _kind("level_changed", _BOTH, _CLIENT, _("Level changed"), "level", "from_day"),
        _kind("plan_to_accept", _BOTH, _CLIENT, _("Plan to accept"), "plan"),
        _kind("account_opened", _BOTH, _CLIENT, _("Account opened"), "login"),
        _kind("account_password", _BOTH, _CLIENT, _("Account password set"), "login"),
        _kind("new_sign_in", _BOTH | {Channel.SMS}, _CLIENT, _("Sign-in from a new place"), "at", "ip"),
        _kind("deals_held", _IN_APP, _STAFF, _("Deals held back"), "server", "count"),
        _kind("round_failed", _IN_APP, _STAFF, _("Round that stops"), "server"),
    )
}
