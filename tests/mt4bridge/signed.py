"""Requests of the bridge contract in this process: signed, handed to an `App`, the answer's signature checked."""

import json
import secrets
import time
from typing import Any

from mt4bridge.agents.app import App, Reply, Request
from mt4bridge.httpbridge import signing

KEY, SECRET = "1001", "a secret of twenty-four letters"


def request(
    method: str, target: str, body: Any = None, *, secret: str = SECRET, key: str = KEY, at_ms: int = 0, nonce: str = ""
) -> Request:
    """Return a signed request; `target` without the prefix."""
    content = b"" if body is None else json.dumps(body).encode()
    target, nonce, at_ms = f"/v1{target}", nonce or secrets.token_hex(16), at_ms or time.time_ns() // 1_000_000
    signature = signing.request_signature(
        secret, method=method, target=target, timestamp_ms=at_ms, nonce=nonce, body=content
    )
    headers = {
        signing.KEY_HEADER: key, signing.TIMESTAMP_HEADER: str(at_ms), signing.NONCE_HEADER: nonce,
        signing.SIGNATURE_HEADER: signature,
    }  # fmt: skip
    return Request(method, target, headers, content)


def ask(app: App, method: str, target: str, body: Any = None, **how: Any) -> tuple[int, Any]:
    """Ask an app; returns status and answer. The answer must be signed for this very request."""
    asked = request(method, target, body, **how)
    reply = app.answer(asked)
    check_signature(asked, reply)
    return reply.status, json.loads(reply.body)


def check_signature(asked: Request, reply: Reply) -> None:
    nonce = asked.headers[signing.NONCE_HEADER]
    expected = signing.answer_signature(SECRET, nonce=nonce, status=reply.status, body=reply.body)
    assert reply.headers[signing.SIGNATURE_HEADER] == expected
