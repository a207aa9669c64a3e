"""Who may ask: the signature of a request, its time, and that it has not been seen before. Standard library only."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mt4bridge.httpbridge import signing
from mt4bridge.httpbridge.contract import Fault

_NONCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Pass:
    """A request that was let in."""

    secret: str
    nonce: str
    timestamp_ms: int


class Gate:
    """Checks requests against the keys of one bridge. Remembers nonces as long as their time would be accepted.

    `clock_ms` is UTC in milliseconds; tests pass their own."""

    def __init__(
        self, keys: Mapping[str, str], clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._keys = dict(keys)
        self._clock_ms = clock_ms
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def secret_of(self, key_id: str) -> str | None:
        return self._keys.get(key_id)

    def check(self, *, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Pass:
        """Let a request in.

        :raises Fault: unknown key, wrong signature, a time too far away, or a nonce seen before."""
        secret = self._keys.get(headers.get(signing.KEY_HEADER, ""))
        if secret is None:
            raise Fault("unknown_key", "The key id is not known here.")
        nonce, timestamp = headers.get(signing.NONCE_HEADER, ""), headers.get(signing.TIMESTAMP_HEADER, "")
        if not _NONCE.fullmatch(nonce) or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            raise Fault("bad_signature", "The time or the nonce is missing.")
        timestamp_ms = int(timestamp)
        expected = signing.request_signature(
            secret, method=method, target=target, timestamp_ms=timestamp_ms, nonce=nonce, body=body
        )
        if not signing.same_signature(expected, headers.get(signing.SIGNATURE_HEADER, "")):
            raise Fault("bad_signature", "The signature does not fit the request.")
        now_ms = self._clock_ms()
        if abs(now_ms - timestamp_ms) > signing.WINDOW_MS:
            raise Fault(
                "clock_skew", f"The request's time is {abs(now_ms - timestamp_ms) // 1000} seconds away from mine."
            )
        self._remember(nonce, timestamp_ms, now_ms)
        return Pass(secret, nonce, timestamp_ms)

    def _remember(self, nonce: str, timestamp_ms: int, now_ms: int) -> None:
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now_ms - 2 * signing.WINDOW_MS:
                self._seen.popitem(last=False)
            if nonce in self._seen:
                raise Fault("replayed", "This request was sent before.")
            self._seen[nonce] = timestamp_ms
