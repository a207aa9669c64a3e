"""The raw protocol's optional encryption: AES-256 in output feedback, one key stream for each direction. Pure.

Both sides know the manager's password key; the server sends 256 random bytes. A frame begins on a fresh block: what is
left of the last one is thrown away, and the state goes on."""

import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

RANDOM_BYTES = 256
BLOCK = 16
_PIECES = RANDOM_BYTES // BLOCK
_FROM_CLIENT, _FROM_SERVER = 2, 3


def derive(password_key: bytes, crypt_rand: bytes) -> list[bytes]:
    """Return the 16 derived blocks: 0 and 1 are the key, 2 and 3 where the two streams begin."""
    block, derived = password_key, []
    for piece in range(_PIECES):
        random = crypt_rand[piece * BLOCK : (piece + 1) * BLOCK]
        block = hashlib.md5(random + block, usedforsecurity=False).digest()
        derived.append(block)
    return derived


class KeyStream:
    """One direction. Turning text into cipher and back is the same step."""

    def __init__(self, key: bytes, state: bytes) -> None:
        self._aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 -- each block feeds the next
        self._state = state

    def apply(self, frame: bytes) -> bytes:
        """Encrypt or decrypt one frame."""
        blocks = []
        for _ in range(-(-len(frame) // BLOCK)):
            self._state = self._aes.update(self._state)
            blocks.append(self._state)
        stream = b"".join(blocks)[: len(frame)]
        return (int.from_bytes(frame, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(frame), "big")


def streams(password_key: bytes, crypt_rand: bytes) -> tuple[KeyStream, KeyStream]:
    """Return the key streams of what the client sends and of what the server sends."""
    derived = derive(password_key, crypt_rand)
    key = derived[0] + derived[1]
    return KeyStream(key, derived[_FROM_CLIENT]), KeyStream(key, derived[_FROM_SERVER])
