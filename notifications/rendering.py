"""Put a notice into words: one language, one broker's name, from the templates of its kind."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.template import Context, Engine
from django.utils import translation

from notifications.enums import Channel
from notifications.kinds import KINDS
from notifications.types import Kind, Rendered
from tenancy.addresses import portal_address
from tenancy.models import Broker

HIDDEN = "••••••"
_HTML_LANG = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant"}
LANGUAGES = frozenset(code for code, _name in settings.LANGUAGES)


@dataclass(frozen=True, slots=True)
class House:
    """Who writes: the broker as its mails show it. `address` is its portal, e.g. "https://portal.example.com"."""

    name: str
    color: str
    address: str


def house_of(broker: Broker) -> House:
    """Return the broker as its mails show it; reads the list of hosts."""
    return House(name=broker.name, color=broker.primary_color, address=portal_address(broker))


def language_for(wanted: str, *, broker: Broker) -> str:
    """Return the language to write in: the wanted one if we have it, else the broker's, else English."""
    return next((code for code in (wanted, broker.default_language) if code in LANGUAGES), settings.LANGUAGE_CODE)


def render(
    *, kind: str, language: str, name: str, params: Mapping[str, str], secrets: Mapping[str, str], house: House
) -> Rendered:
    """Return what each channel of the kind says. Secrets are shown by mail and SMS alone.

    :raises KeyError: no such kind."""
    found = KINDS[kind]
    shown = {"house": house, "name": name, "html_lang": _HTML_LANG.get(language, language), **params}
    private = {**shown, **secrets}
    with translation.override(language):
        return Rendered(
            subject=_text(found, "subject.txt", shown, Channel.MAIL),
            text=_text(found, "body.txt", private, Channel.MAIL),
            html=_text(found, "body.html", private, Channel.MAIL),
            sms=_text(found, "sms.txt", private, Channel.SMS),
            in_app=_text(found, "inapp.txt", shown, Channel.IN_APP),
        )


def render_hidden(*, kind: str, language: str, name: str, params: Mapping[str, str], house: House) -> Rendered:
    """Return what a message says, its secrets hidden: all that staff ever see."""
    hidden = dict.fromkeys(KINDS[kind].secrets, HIDDEN)
    return render(kind=kind, language=language, name=name, params=params, secrets=hidden, house=house)


def in_app_text(*, kind: str, params: Mapping[str, str]) -> str:
    """Return a notice's line in the reader's language; of a kind that this release no longer knows its code."""
    found = KINDS.get(kind)
    if found is None or Channel.IN_APP not in found.channels:
        return kind
    return _text(found, "inapp.txt", dict(params), Channel.IN_APP)


def _text(kind: Kind, file: str, values: Mapping[str, object], channel: Channel) -> str:
    if channel not in kind.channels:
        return ""
    template = Engine.get_default().get_template(f"notifications/{kind.code}/{file}")
    text: str = template.render(Context(dict(values), autoescape=file.endswith(".html")))
    return text.strip() + ("\n" if file.startswith("body") else "")
