"""How requests and answers of the bridge contract are signed. Standard library only: the Windows agents use it too.

A request is signed over method, target (path with its query, exactly as sent), time, nonce and body; the answer over
the request's nonce, the status and the body, so that each side proves it knows the secret and an answer cannot be
passed off as that of another request. `openapi.yaml` says the same in words, with a test vector."""

import hashlib
import hmac

KEY_HEADER = "Keel-Key"
TIMESTAMP_HEADER = "Keel-Timestamp"
NONCE_HEADER = "Keel-Nonce"
SIGNATURE_HEADER = "Keel-Signature"
WINDOW_MS = 120_000  # how far a request's time may be from the bridge's clock, and how long a nonce is remembered


def request_signature(secret: str, *, method: str, target: str, timestamp_ms: int, nonce: str, body: bytes) -> str:
    """Return the signature of a request, in lower-case hex."""
    return _mac(secret, "KEEL1", method, target, str(timestamp_ms), nonce, _digest(body))


def answer_signature(secret: str, *, nonce: str, status: int, body: bytes) -> str:
    """Return the signature of the answer to the request with this nonce, in lower-case hex."""
    return _mac(secret, "KEEL1-ANSWER", nonce, str(status), _digest(body))


def same_signature(expected: str, got: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(expected.encode(), got.lower().encode())


def body_mark(secret: str, *, method: str, path: str, body: bytes) -> str:
    """Return what a bridge keeps of a write to recognise the same one again. Keyed: a body may hold a password."""
    return _mac(secret, "KEEL1-WRITE", method, path, _digest(body))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _mac(secret: str, *lines: str) -> str:
    return hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
