"""Names that both ends of the bridge contract use. Standard library only: the Windows agents import it too."""

from typing import Any

PREFIX = "/v1"
VERSION = "1"
Json = dict[str, Any]

FAULT_STATUS = {
    "invalid": 400,
    "unknown_key": 401,
    "bad_signature": 401,
    "clock_skew": 401,
    "replayed": 401,
    "no_permission": 403,
    "not_found": 404,
    "running": 409,
    "request_id_reused": 409,
    "void": 409,
    "login_taken": 409,
    "account_in_use": 409,
    "cursor_expired": 410,
    "too_large": 413,
    "refused": 422,
    "weak_password": 422,
    "not_enough_money": 422,
    "amount_too_large": 422,
    "too_frequent": 429,
    "internal": 500,
    "unsupported": 501,
    "server_unreachable": 502,
    "busy": 503,
    "outcome_unknown": 504,
}
"""Error code → HTTP status. The code is what counts; a status alone means something between the two ends answered."""

CERTAIN_FAULTS = frozenset(
    ("invalid", "unknown_key", "bad_signature", "clock_skew", "replayed", "no_permission", "not_found",
     "request_id_reused", "login_taken", "account_in_use", "too_large", "refused", "weak_password", "not_enough_money",
     "amount_too_large", "too_frequent", "unsupported")
)  # fmt: skip
"""Codes after which a write has surely not been carried out."""

CAPABILITIES = (
    "deals", "users", "configuration", "states", "positions", "orders", "ticks", "margin_check", "balance",
    "edit_users", "passwords", "events",
)  # fmt: skip
"""What a bridge may say that it can: the names of `types.Capability`, and events."""


class Fault(Exception):
    """An answer that is not the one wished for: a code of the contract, a sentence, MT's own number if there is one."""

    def __init__(self, code: str, message: str, retcode: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retcode = retcode

    @property
    def status(self) -> int:
        return FAULT_STATUS.get(self.code, 500)

    def as_json(self) -> Json:
        return {"error": {"code": self.code, "message": self.message, "retcode": self.retcode}}
