"""Speak SMTP: one connection, many messages, each with its own answer."""

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field

from notifications.enums import MailTls, Outcome
from notifications.errors import ServerTrouble
from notifications.plain import one_line
from notifications.sending.reaching import connect, tls_context
from notifications.types import Answer, Parcel

CONNECT_S = 5
ANSWER_S = 10
REPLY_LENGTH = 400
_NOT_SMTP = -1
_SILENT = frozenset({"dropped", "timeout", "no_answer"})
_DOTS = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Relay:
    """A mail server and how to use it."""

    host: str
    port: int
    tls_mode: MailTls
    tls_ca: str
    username: str
    password: str = field(repr=False)
    sender: str


class _Smtp(smtplib.SMTP):
    """smtplib over a socket that was vetted by `reaching.connect`."""

    def __init__(self, sock: socket.socket, relay: Relay) -> None:
        self._vetted = sock
        super().__init__(local_hostname=relay.sender.rpartition("@")[2], timeout=ANSWER_S)
        self._host = relay.host  # what STARTTLS checks the certificate against

    def _get_socket(self, *_args: object) -> socket.socket:
        return self._vetted


class Session:
    """A signed-in connection to a relay, made anew when the server ends it."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._smtp: _Smtp | None = None

    def open(self) -> None:
        """Connect, encrypt and sign in, unless that is done.

        :raises ServerTrouble: the relay cannot be used; nothing was sent."""
        if self._smtp is None:
            self._smtp = _open(self._relay)

    def send(self, parcel: Parcel) -> Answer:
        """Hand over one mail and return how that ended.

        :raises ServerTrouble: the connection had to be made anew, and that failed; nothing was sent."""
        self.open()
        if self._smtp is None:
            raise ServerTrouble("dropped")
        answer = _hand_over(self._smtp, self._relay.sender, parcel)
        if answer.code in _SILENT:
            self.close()
        elif answer.outcome != Outcome.ACCEPTED:
            self._reset()
        return answer

    def close(self) -> None:
        """End the connection, politely if the server still listens."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            _hang_up(smtp)

    def _reset(self) -> None:
        """Make the connection fit for the next mail, or end it."""
        try:
            if self._smtp is not None:
                self._smtp.rset()
        except (OSError, smtplib.SMTPException):
            self.close()


def _hand_over(smtp: _Smtp, sender: str, parcel: Parcel) -> Answer:
    try:
        code, reply = smtp.mail(sender)
        if code != 250:
            return _answer(Outcome.DELAYED, "sender_refused", code, reply)
        code, reply = smtp.rcpt(parcel.to_address)
        if code not in {250, 251}:
            refused = code >= 500
            return _answer(
                Outcome.REFUSED if refused else Outcome.DELAYED,
                "recipient_refused" if refused else "recipient_delayed", code, reply,
            )  # fmt: skip
        code, reply = smtp.docmd("DATA")
        if code != 354:
            return _content_answer(code, reply)
    except (OSError, smtplib.SMTPException) as error:
        return Answer(Outcome.DELAYED, "timeout" if isinstance(error, TimeoutError) else "dropped")
    return _hand_over_content(smtp, parcel.body)


def _hand_over_content(smtp: _Smtp, body: bytes) -> Answer:
    """Send the mail itself. From here on silence does not mean that the server did not take it."""
    try:
        smtp.send(_DOTS.sub(b"..", body) + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        code, reply = smtp.getreply()
    except (OSError, smtplib.SMTPException):
        return Answer(Outcome.UNKNOWN, "no_answer")
    if code == 250:
        return _answer(Outcome.ACCEPTED, "accepted", code, reply)
    return _content_answer(code, reply)


def _content_answer(code: int, reply: bytes) -> Answer:
    if code >= 500:
        return _answer(Outcome.REFUSED, "content_refused", code, reply)
    return _answer(Outcome.DELAYED, "content_delayed", code, reply)


def _open(relay: Relay) -> _Smtp:
    """Return a connection that is greeted, encrypted as asked, and signed in."""
    sock = connect(relay.host, relay.port, timeout=CONNECT_S)
    sock.settimeout(ANSWER_S)
    if relay.tls_mode == MailTls.TLS:
        sock = _encrypt(sock, relay)
    smtp = _Smtp(sock, relay)
    try:
        _greet(smtp, relay)
        _encrypt_now(smtp, relay)
        _sign_in(smtp, relay)
    except ServerTrouble:
        _hang_up(smtp)
        raise
    except TimeoutError as error:
        _hang_up(smtp)
        raise ServerTrouble("timeout") from error
    except smtplib.SMTPResponseException as error:
        _hang_up(smtp)
        raise ServerTrouble("unreachable", words(error.smtp_code, error.smtp_error)) from error
    except (OSError, smtplib.SMTPException) as error:
        _hang_up(smtp)
        raise ServerTrouble("dropped") from error
    return smtp


def _encrypt(sock: socket.socket, relay: Relay) -> socket.socket:
    try:
        return tls_context(relay.tls_ca).wrap_socket(sock, server_hostname=relay.host)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise ServerTrouble("bad_certificate", one_line(error.verify_message)) from error
    except TimeoutError as error:
        sock.close()
        raise ServerTrouble("timeout") from error
    except (ssl.SSLError, OSError) as error:
        sock.close()
        raise ServerTrouble("tls_failed") from error


def _greet(smtp: _Smtp, relay: Relay) -> None:
    code, reply = smtp.connect(relay.host, relay.port)
    if code != 220:
        raise ServerTrouble("not_smtp" if code == _NOT_SMTP else "unreachable", words(code, reply))
    smtp.ehlo_or_helo_if_needed()


def _encrypt_now(smtp: _Smtp, relay: Relay) -> None:
    if relay.tls_mode != MailTls.STARTTLS:
        return
    if not smtp.has_extn("starttls"):
        raise ServerTrouble("no_starttls")
    try:
        smtp.starttls(context=tls_context(relay.tls_ca))
    except ssl.SSLCertVerificationError as error:
        raise ServerTrouble("bad_certificate", one_line(error.verify_message)) from error
    except ssl.SSLError as error:
        raise ServerTrouble("tls_failed") from error
    smtp.ehlo_or_helo_if_needed()


def _sign_in(smtp: _Smtp, relay: Relay) -> None:
    if not relay.username:
        return
    try:
        smtp.login(relay.username, relay.password)
    except smtplib.SMTPAuthenticationError as error:
        raise ServerTrouble("wrong_sign_in", words(error.smtp_code, error.smtp_error)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise ServerTrouble("no_sign_in") from error


def _hang_up(smtp: _Smtp) -> None:
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(1)
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        smtp.close()


def _answer(outcome: Outcome, word: str, code: int, reply: bytes) -> Answer:
    return Answer(outcome, word, words(code, reply))


def words(code: int, reply: bytes | str) -> str:
    """Return the server's answer as one printable line."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return one_line(f"{code} {text}" if code > 0 else text)[:REPLY_LENGTH]
