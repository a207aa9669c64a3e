"""What can be changed about judged deals, as data: one frozen class for each kind of change, and JSON both ways."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class PublishVersion:
    """A version of a plan, in force from a moment on."""

    kind: ClassVar[str] = "publish_version"
    plan_id: int
    terms: Mapping[str, Any]
    effective_from: datetime


@dataclass(frozen=True, slots=True)
class AssignPlan:
    """A plan for an IB from a moment on; None: no plan."""

    kind: ClassVar[str] = "assign_plan"
    ib_id: int
    plan_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class SetAgreement:
    """What is agreed with an IB from a moment on; `keep_percent` in percent of its entitlement, None: all."""

    kind: ClassVar[str] = "set_agreement"
    ib_id: int
    keep_percent: Decimal | None
    rank: int | None
    active: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class MoveIb:
    """Another IB above an IB from a moment on; None: it stands at the top."""

    kind: ClassVar[str] = "move_ib"
    ib_id: int
    parent_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class MoveClient:
    """Another direct IB for a client from a moment on; None: nobody."""

    kind: ClassVar[str] = "move_client"
    client_id: int
    ib_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class MoveAccount:
    """An IB for one trading account, whatever its client's is; None: nobody."""

    kind: ClassVar[str] = "move_account"
    account_id: int
    ib_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ReleaseAccount:
    """A trading account that follows its client again from a moment on."""

    kind: ClassVar[str] = "release_account"
    account_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SetLotFactor:
    """What a lot of an MT group counts, where nobody has said it yet."""

    kind: ClassVar[str] = "set_lot_factor"
    mt_group_id: int
    lot_factor: Decimal


@dataclass(frozen=True, slots=True)
class PublishRate:
    """A currency rate that arrives late: one `base` costs `rate` of `quote` from `at` on."""

    kind: ClassVar[str] = "publish_rate"
    base: str
    quote: str
    rate: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class ClassifySymbols:
    """The group of symbols that had none."""

    kind: ClassVar[str] = "classify_symbols"
    symbol_ids: tuple[int, ...]
    group_id: int


Change = (
    PublishVersion
    | AssignPlan
    | SetAgreement
    | MoveIb
    | MoveClient
    | MoveAccount
    | ReleaseAccount
    | SetLotFactor
    | PublishRate
    | ClassifySymbols
)
KINDS: dict[str, type[Change]] = {
    each.kind: each
    for each in (
        PublishVersion, AssignPlan, SetAgreement, MoveIb, MoveClient, MoveAccount, ReleaseAccount, SetLotFactor,
        PublishRate, ClassifySymbols,
    )
}  # fmt: skip
_MOMENTS = frozenset({"at", "effective_from"})
_DECIMALS = frozenset({"keep_percent", "lot_factor", "rate"})


def to_plain(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return the changes as JSON stores them; `from_plain` gives them back equal."""
    return [{"kind": change.kind, **{k: _plain(v) for k, v in asdict(change).items()}} for change in changes]


def from_plain(plain: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    """Return the changes that `to_plain` wrote."""
    return tuple(_change(row) for row in plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return list(value) if isinstance(value, tuple) else value


def _change(row: Mapping[str, Any]) -> Change:
    values = {name: _value(name, value) for name, value in row.items() if name != "kind"}
    return KINDS[row["kind"]](**values)


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _MOMENTS:
        return datetime.fromisoformat(value)
    if name in _DECIMALS:
        return Decimal(value)
    return tuple(value) if name == "symbol_ids" else value
