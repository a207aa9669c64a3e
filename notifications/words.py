"""What went wrong with a message or a server, as a sentence in the reader's language."""

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

WORDS: dict[str, Promise] = {
    "accepted": _("The server accepted it."),
    "sandbox": _("Sandbox: nothing leaves, this is what would be sent."),
    "not_set_up": _("How this leaves is not set up yet."),
    "cancelled": _("Cancelled by staff."),
    "expired": _("It could not be delivered in time and is no longer tried."),
    "lost": _("The worker stopped during this attempt; the message may have arrived, and is sent again."),
    "secrets_gone": _("It held a password or code that is wiped by now; a new one has to be made."),
    "bad_address": _("The address is not one that mail can be sent to."),
    "bad_number": _("The number is not one that an SMS can be sent to."),
    "cannot_render": _("The text could not be put together; the log has the reason."),
    "recipient_refused": _("The server refuses this recipient for good."),
    "recipient_delayed": _("The server does not take mail for this recipient now."),
    "sender_refused": _("The server refuses our sender address."),
    "content_refused": _("The server refuses the message for good."),
    "content_delayed": _("The server does not take the message now."),
    "no_answer": _("The message was handed over, but no answer came; it is sent again and may arrive twice."),
    "dropped": _("The server closed the connection."),
    "timeout": _("The server did not answer in time."),
    "unknown_host": _("The server's name is not known."),
    "forbidden_host": _("The server's address lies in a network that this installation does not send to."),
    "unreachable": _("No connection to the server."),
    "no_starttls": _("The server offers no encryption (STARTTLS); nothing was sent."),
    "bad_certificate": _("The server's certificate is not trusted."),
    "tls_failed": _("No encrypted connection could be made; the TLS mode may be wrong."),
    "wrong_sign_in": _("The server refuses the user name or the password."),
    "no_sign_in": _("The server offers no way to sign in."),
    "not_smtp": _("What answers there is not a mail server."),
    "gateway_refused": _("The gateway refuses the message for good."),
    "gateway_delayed": _("The gateway does not take the message now."),
    "gateway_sign_in": _("The gateway refuses our signature."),
    "broken_seal": _("The stored password cannot be read; enter it again."),
}


def in_words(code: str) -> str:
    """Return the sentence of a code; "" for none, whatever release wrote it."""
    return gettext(str(WORDS[code])) if code in WORDS else code
