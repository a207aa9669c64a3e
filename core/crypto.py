"""The field cipher: secrets at rest, bound to their place, so that a swapped or edited value never decrypts.

Format `v1|key id|nonce|ciphertext` (base64), AES-256-GCM; the place (schema, table, column, row) is authenticated.
Decrypting anything else raises: garbage is never returned."""

import base64
import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION = "v1"
_NONCE_BYTES = 12


class SealBroken(RuntimeError):
    """A sealed value was changed, moved to another place, or sealed with a key that is not known here."""


def seal(plain: str, *, place: Sequence[str]) -> str:
    """Encrypt a text for one place, e.g. (schema, table, column, row uuid)."""
    key_id, key = next(iter(_keys().items()))
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plain.encode(), _bound(place))
    return "|".join((_VERSION, key_id, _encode(nonce), _encode(sealed)))


def unseal(sealed: str, *, place: Sequence[str]) -> str:
    """Decrypt a text that was sealed for this place.

    :raises SealBroken: it was not."""
    version, _, rest = sealed.partition("|")
    key_id, _, rest = rest.partition("|")
    nonce, _, ciphertext = rest.partition("|")
    key = _keys().get(key_id)
    if version != _VERSION or key is None:
        raise SealBroken("unknown format or key")
    try:
        return AESGCM(key).decrypt(_decode(nonce), _decode(ciphertext), _bound(place)).decode()
    except (InvalidTag, ValueError) as error:
        raise SealBroken("the value was changed or moved") from error


def _keys() -> dict[str, bytes]:
    """Return {key id: 32 bytes}, the newest first: KEEL_FIELD_KEY may hold several, comma separated."""
    found = {}
    for text in settings.KEEL_FIELD_KEY.split(","):
        key = hashlib.sha256(text.strip().encode()).digest()
        found[hashlib.sha256(key).hexdigest()[:8]] = key
    return found


def _bound(place: Sequence[str]) -> bytes:
    return "\x1f".join(place).encode()


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
