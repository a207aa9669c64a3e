"""A real mail server on a loopback socket that keeps what it takes, and misbehaves when asked to."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "relay-user", "relay-Passw0rd-7"


@dataclass
class Taken:
    """One mail as the server took it."""

    sender: str
    recipients: list[str]
    mail: EmailMessage
    raw: bytes


@dataclass
class Sink:
    """What the server took, and how it answers. Addresses are matched by what stands before the @.

    `after_data` is called when a mail is stored, before the server says yes."""

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    rcpt_answers: dict[str, str] = field(default_factory=dict)
    data_answers: dict[str, str] = field(default_factory=dict)
    drop_in_data: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    after_data: Callable[[], None] = lambda: None
    sign_ins: int = 0

    async def handle_RCPT(self, server: Any, _session: Session, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        name = address.partition("@")[0]
        if name in self.rcpt_answers:
            return self.rcpt_answers[name]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        name = envelope.rcpt_tos[0].partition("@")[0]
        if name in self.data_answers:
            return self.data_answers[name]
        raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        mail = message_from_bytes(raw, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.taken.append(Taken(envelope.mail_from or "", list(envelope.rcpt_tos), mail, raw))
        self.after_data()
        if name in self.slow:
            await asyncio.sleep(30)
        if name in self.drop_in_data:
            server.transport.abort()
        return "250 OK queued as 4711"

    def to(self, address: str) -> list[Taken]:
        return [each for each in self.taken if each.recipients == [address]]


class _AnyPort(Controller):
    """Listens at a port that the system chooses; its trial connection has to know which."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(*, tls: Path | None = None, tls_from_start: bool = False, sign_in: bool = False) -> Iterator[Sink]:
    """Run a mail server; `tls` is a folder with cert.pem and key.pem, offered as STARTTLS or from the start."""
    sink = Sink()

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword) -> AuthResult:
        sink.sign_ins += 1
        is_right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=is_right)  # a refusal is left to the server to say

    context = None
    if tls is not None:
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    controller = _AnyPort(
        sink, hostname="127.0.0.1", port=0, server_hostname="sink.example", enable_SMTPUTF8=False,
        ssl_context=context if tls_from_start else None, tls_context=None if tls_from_start else context,
        authenticator=check if sign_in else None, auth_required=sign_in and not tls_from_start,
        auth_require_tls=not tls_from_start,
    )  # fmt: skip
    controller.start()
    sink.port = controller.port
    try:
        yield sink
    finally:
        controller.stop()


def make_certificate(folder: Path) -> str:
    """Write cert.pem and key.pem for 127.0.0.1 and return the certificate as PEM, to be trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "cert.pem").write_bytes(pem)
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return pem.decode()
