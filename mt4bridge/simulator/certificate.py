"""A self-signed certificate for the simulator, kept in memory or in a directory."""

import hashlib
import ipaddress
import os
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_FILE = "simulator.pem"
_VALID_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Certificate:
    pem: bytes  # certificate and private key
    pin: str  # SHA-256 of the certificate (DER), hex

    @property
    def public_pem(self) -> str:
        """The certificate without its key, for clients that check by CA file."""
        return x509.load_pem_x509_certificate(self.pem).public_bytes(serialization.Encoding.PEM).decode()

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS settings of the server. The key touches the disk only while it is loaded, mode 600."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        handle, name = tempfile.mkstemp(suffix=".pem")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.pem)
            context.load_cert_chain(name)
        finally:
            Path(name).unlink()
        return context


def load_or_create(directory: Path | None) -> Certificate:
    """Return the certificate of a directory, made on first use; without a directory a new one."""
    if directory is None:
        return _create()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / _FILE
    if path.exists():
        return _certificate(path.read_bytes())
    certificate = _create()
    path.touch(mode=0o600)
    path.write_bytes(certificate.pem)
    return certificate


def _create() -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MT5 simulator")])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.DNSName("simulator"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _certificate(certificate.public_bytes(serialization.Encoding.PEM) + private)


def _certificate(pem: bytes) -> Certificate:
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    return Certificate(pem, hashlib.sha256(der).hexdigest())
