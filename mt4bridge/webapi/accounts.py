"""What is written to an account: bodies of user/add and user/update, flags of its rights. Pure.

A server replaces the whole record by what user/update sends, so an update is the record as it was read, with the
changes in it. What the server keeps itself (balance, dates, counters) is never sent back."""

from typing import Any

from mt4bridge.languages import lcid_of
from mt4bridge.types import NewUser, UserChanges

DEFAULT_RIGHTS = 0x1E3  # enabled, may change password, trailing stops, experts, reports
ENABLED = 0x1
TRADE_DISABLED = 0x4
READ_ONLY = 0x200
TOKEN_LENGTH = 31
_OF_THE_SERVER = frozenset(
    (
        "CertSerialNumber", "Registration", "LastAccess", "LastPassChange", "LastIP", "Balance", "Credit",
        "InterestRate", "CommissionDaily", "CommissionMonthly", "CommissionAgentDaily", "CommissionAgentMonthly",
        "BalancePrevDay", "BalancePrevMonth", "EquityPrevDay", "EquityPrevMonth", "OTPSecret",
    )
)  # fmt: skip
_PLAIN = {
    "group": "Group", "email": "Email", "country": "Country", "phone": "Phone", "comment": "Comment", "token": "ID",
    "leverage": "Leverage", "agent": "Agent",
}  # fmt: skip


def new_user_body(spec: NewUser) -> dict[str, object]:
    """Return the body of user/add; every value as text.

    :raises ValueError: a token that could not be found again."""
    if not 1 <= len(spec.token) <= TOKEN_LENGTH or not spec.token.isalnum() or not spec.token.isascii():
        raise ValueError(f"a token has 1 to {TOKEN_LENGTH} letters and digits")
    body: dict[str, object] = {
        "Login": str(spec.login),
        "PassMain": spec.main_password,
        "PassInvestor": spec.investor_password,
        "Rights": str(flags(DEFAULT_RIGHTS, enabled=spec.enabled, may_trade=spec.may_trade)),
        **names(spec.name),
    }
    body.update({field: str(getattr(spec, name)) for name, field in _PLAIN.items()})
    if language := lcid_of(spec.language):
        body["Language"] = str(language)
    return body


def changed_body(raw: dict[str, Any], changes: UserChanges) -> dict[str, object]:
    """Return the body of user/update: the record as read, without what is the server's own, with the changes.

    :raises ValueError: the rights that were read are not a number."""
    body: dict[str, object] = {name: value for name, value in raw.items() if name not in _OF_THE_SERVER}
    for name, field in _PLAIN.items():
        value = getattr(changes, name)
        if value is not None:
            body[field] = str(value)
    if changes.name is not None:
        body.update(names(changes.name))
    if changes.language is not None:
        body["Language"] = str(lcid_of(changes.language))
    if (changes.rights, changes.enabled, changes.may_trade) != (None, None, None):
        before = int(raw.get("Rights", DEFAULT_RIGHTS)) if changes.rights is None else changes.rights
        body["Rights"] = str(flags(before, enabled=changes.enabled, may_trade=changes.may_trade))
    return body


def flags(rights: int, *, enabled: bool | None, may_trade: bool | None) -> int:
    """Return rights with two of their flags set as wished; None leaves a flag."""
    if enabled is not None:
        rights = rights | ENABLED if enabled else rights & ~ENABLED
    if may_trade is not None:
        rights = rights & ~TRADE_DISABLED if may_trade else rights | TRADE_DISABLED
    return rights


def names(name: str) -> dict[str, str]:
    """Return a name as servers keep it: whole, and in parts (the last word is the family name)."""
    first, _, last = name.strip().rpartition(" ")
    return {"Name": name.strip(), "FirstName": first or last, "MiddleName": "", "LastName": last if first else ""}
