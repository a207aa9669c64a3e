"""A deal as the server sends it, for tests to change."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from mt4bridge.columns import NUMBERS, DealColumns, microseconds
from mt4bridge.types import BadRow, DealRow

ODD_TEXT = st.text(alphabet='a1.-eE_ \\|="\x00\x1b\ud800é−٣🙂', max_size=10)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXT, inner, max_size=3),
    max_leaves=8,
)
"""Whatever a broken server may put into an answer, as Python sees it."""

RAW_DEAL: dict[str, Any] = {
    "Deal": "3365080444", "ExternalID": "", "Login": "954402", "Dealer": "0", "Order": "3408192541", "Action": "1",
    "Entry": "1", "Reason": "16", "Digits": "5", "DigitsCurrency": "2", "ContractSize": "100000.00",
    "Time": "1547064366", "TimeMsc": "1547064366335", "Symbol": "EURGBP", "Price": "0.90245", "PriceSL": "0.00000",
    "PriceTP": "0.00000", "Volume": "10000", "VolumeExt": "100000000", "Profit": "-14.07", "Value": "115426.00",
    "Storage": "-0.31", "Commission": "-3.50", "Fee": "-0.02", "RateProfit": "1.27886", "RateMargin": "1.15426",
    "ExpertID": "0", "PositionID": "3408192000", "Comment": "[tp 0.90245]", "ProfitRaw": "-11.00",
    "PricePosition": "0.90256", "VolumeClosed": "10000", "VolumeClosedExt": "100000000", "TickValue": "0.00",
    "TickSize": "0.00000", "Flags": "0", "Gateway": "", "PriceGateway": "0.00000", "ModificationFlags": "0",
    "MarketBid": "0.90245", "MarketAsk": "0.90251", "MarketLast": "0.00000", "ApiData": [],
}  # fmt: skip


def raw_deal(**changes: Any) -> dict[str, Any]:
    """Return a raw deal; a value of None leaves the field out."""
    return {name: value for name, value in {**RAW_DEAL, **changes}.items() if value is not None}


def columns_of(rows: Sequence[DealRow | BadRow]) -> Sequence[DealRow | BadRow]:
    """Return rows as columns; as they are when one is bad, a ticket comes twice or a number is too large."""
    good = [row for row in rows if isinstance(row, DealRow)]
    tickets = {row.ticket for row in good}
    if len(good) < len(rows) or len(tickets) < len(rows):
        return rows
    values = {name: [getattr(row, name) or 0 for row in good] for name in NUMBERS}
    values["deal_at"] = [microseconds(row.deal_at) for row in good]
    try:
        numbers = {name: np.array(column, np.int64) for name, column in values.items()}
    except OverflowError:
        return rows
    return DealColumns(numbers, [row.symbol for row in good], [row.comment for row in good])
