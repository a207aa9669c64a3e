"""What can go wrong with a server before a message is in its hands, and what callers and staff are refused."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput


class ServerTrouble(Exception):
    """The mail server or gateway cannot be used now, whatever the message; all of its messages wait.

    `code` is a key of notifications.words, `reply` the server's own words."""

    def __init__(self, code: str, reply: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.reply = reply


class InvalidSetting(InvalidInput):
    """A setting of mail or SMS makes no sense."""

    code = "invalid_setting"
    message = _("This setting cannot be used: %(reason)s")


class MessageMoved(DomainError):
    """The message does not stand where it would have to for this."""

    code = "message_moved"
    message = _("This message is in the state “%(state)s”; this cannot be done with it now.")


class SecretsGone(DomainError):
    """The message held a secret, which is wiped."""

    code = "secrets_gone"
    message = _("This message held a password or code that is wiped by now. Make a new one instead.")
