"""MT's doubles as decimal text, and how MT's return codes are told. Standard library only."""

from mt4bridge.httpbridge.contract import Fault

DONE_CODES = frozenset((0, 1, 10009))
NOTHING_CODES = frozenset((1, 13))  # no data, not found: an empty list
_CODES = {
    3: "invalid", 4: "invalid", 8: "no_permission", 12: "too_frequent", 13: "not_found", 3002: "login_taken",
    3003: "login_taken", 3004: "login_taken", 3006: "weak_password", 3008: "account_in_use", 4005: "amount_too_large",
    6001: "not_found", 10013: "invalid", 10019: "not_enough_money", 10024: "too_frequent", 12000: "unsupported",
    12001: "unsupported", 12002: "unsupported",
}  # fmt: skip
UNREACHABLE_CODES = frozenset((7, 10, 11, 15))
UNCERTAIN_CODES = frozenset((2, 7, 9, 10, 11, 14, 15, 16, 17, 10001, 10002, 10012, 12003, 12004))
"""After these a write may have been carried out."""


def decimal_text(value: float, digits: int) -> str:
    """Return a double of MT rounded to the digits it was meant with."""
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def lots_text(scaled_e8: int) -> str:
    """Return MT5's extended volume (1e-8 lots) as lots."""
    return decimal_text_of(scaled_e8, 8)


def decimal_text_of(scaled: int, digits: int) -> str:
    """Return a scaled integer as decimal text, without trailing zeros."""
    whole, part = divmod(abs(scaled), 10**digits)
    tail = f"{part:0{digits}d}".rstrip("0")
    return f"{'-' if scaled < 0 else ''}{whole}{'.' + tail if tail else ''}"


def fault_of(retcode: int, text: str, *, wrote: bool) -> Fault:
    """Return what an MT return code means to the contract. After a write doubt is told as doubt."""
    if wrote and retcode in UNCERTAIN_CODES:
        return Fault("outcome_unknown", text, retcode)
    if retcode in UNREACHABLE_CODES or 1000 <= retcode < 1100:
        return Fault("server_unreachable", text, retcode)
    if retcode in UNCERTAIN_CODES:
        return Fault("busy", text, retcode)
    return Fault(_CODES.get(retcode, "refused"), text, retcode)
