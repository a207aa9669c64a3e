"""Deals as rows of PostgreSQL's binary COPY, packed by columns."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from operator import add
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.copying import since_epoch
from mt4bridge.columns import Numbers
from trading.types import DealContent, DealKey

COPY_COLUMNS = (
    "server_id", "ticket", "leg", "revision", "deleted", "account_id", "symbol_id", "action", "entry", "reason",
    "position", "position_by", "mt_order", "volume_e8", "volume_closed_e8", "price_e8", "bid_e8", "ask_e8",
    "contract_size_e8", "digits", "profit_e8", "swap_e8", "commission_e8", "fee_e8", "deal_at", "recorded_at",
    "comment",
)  # fmt: skip
_KINDS = {"leg": "i2", "revision": "i2", "deleted": "i1", "action": "i2", "entry": "i2", "reason": "i2", "digits": "i2"}
_FIXED = COPY_COLUMNS[:-1]  # all but the comment have one width
_NULLABLE = ("symbol_id", "bid_e8", "ask_e8")
_CONTENT = DealContent._fields
_Shape = tuple[bool, bool, bool]  # which of symbol, bid and ask are there
Mask = NDArray[np.bool_]


class Revision(NamedTuple):
    """A row of trading_deal to store."""

    key: DealKey
    revision: int
    deleted: bool
    content: DealContent


def _layout(shape: _Shape) -> np.dtype[np.void]:
    """Return a row up to its comment as binary COPY has it: a count of fields, then length and value of each."""
    absent = {name for name, there in zip(_NULLABLE, shape, strict=True) if not there}
    fields = [("_count", ">i2")]
    for name in _FIXED:
        fields.append((f"_{name}", ">i4"))
        if name not in absent:
            fields.append((name, f">{_KINDS.get(name, 'i8')}"))
    return np.dtype([*fields, ("_comment", ">i4")])


_EITHER = (False, True)
_LAYOUTS = [_layout(shape) for shape in product(_EITHER, _EITHER, _EITHER)]  # in the order of their codes


def pack_rows(*, server_id: int, revisions: Sequence[Revision], recorded_at: datetime) -> Iterator[bytes]:
    """Yield rows of trading_deal in COPY's binary form, each with its count of fields, in the order given."""
    keys, numbers, deleted, contents = zip(*revisions, strict=True)
    tickets, legs = zip(*keys, strict=True)
    said = dict(zip(_CONTENT, zip(*contents, strict=True), strict=True))
    comments = said.pop("comment")
    said["deal_at"] = tuple(map(since_epoch, said["deal_at"]))
    there = [np.array([value is not None for value in said[name]]) for name in _NULLABLE]
    said |= {name: tuple(value or 0 for value in said[name]) for name in _NULLABLE}
    said |= {"ticket": tickets, "leg": legs, "revision": numbers, "deleted": deleted}
    columns = {name: np.array(values, np.int64) for name, values in said.items()}
    yield from pack_columns(
        server_id=server_id, columns=columns, there=there, comments=comments, recorded_at=recorded_at
    )


def pack_columns(
    *, server_id: int, columns: Mapping[str, Numbers], there: Sequence[Mask], comments: Sequence[str],
    recorded_at: datetime,
) -> Iterator[bytes]:  # fmt: skip
    """Yield the rows of the columns, as `pack_rows`. `deal_at` counts from 2000; what is not given is 0.

    `there`: which rows have a symbol, a bid, an ask; the others store null."""
    same = {"server_id": server_id, "recorded_at": since_epoch(recorded_at)}
    texts = [comment.encode() for comment in comments] if any(comments) else []
    codes = there[0] * 4 + there[1] * 2 + there[2]
    found = np.unique(codes).tolist()
    if len(found) == 1 and not texts:
        yield _block(_LAYOUTS[found[0]], columns, same, np.zeros(len(codes), np.int64)).tobytes()
        return
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) if texts else np.zeros(len(codes), np.int64)
    rows = np.empty(len(codes), object)
    for code in found:
        places, layout = np.flatnonzero(codes == code), _LAYOUTS[code]
        mine = {name: column[places] for name, column in columns.items()}
        block = _block(layout, mine, same, lengths[places])
        rows[places] = block.view(f"V{layout.itemsize}").tolist()
    yield from map(add, rows.tolist(), texts) if texts else rows.tolist()


def _block(
    layout: np.dtype[np.void], columns: Mapping[str, Numbers], same: Mapping[str, int], comment_lengths: Numbers
) -> NDArray[np.void]:
    """Return rows of one shape, each up to its comment. `same`: what all rows have."""
    block = np.empty(len(comment_lengths), layout)
    names = layout.names or ()
    block["_count"], block["_comment"] = len(COPY_COLUMNS), comment_lengths
    for name in _FIXED:
        block[f"_{name}"] = layout[name].itemsize if name in names else -1
        if name in names:
            block[name] = columns[name] if name in columns else same.get(name, 0)
    return block
