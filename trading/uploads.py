"""What an uploaded history would change: compared with what is stored, by the very code that records deals."""

from dataclasses import dataclass
from decimal import Decimal

from core.money import from_e8, minor_digits, quantize
from mt4bridge.models import HistoryUpload
from mt4bridge.types import BadRow, DealRow
from mt4bridge.uploads import Read, read_again, winning_rows
from trading.enums import HoldReason
from trading.models import Symbol, TradingAccount
from trading.recording import load_names, load_stored, sort_rows

_TRADE_ACTIONS, _CREDIT = 2, 3


@dataclass(frozen=True, slots=True)
class UnknownSymbol:
    """A symbol that the server does not have here; a namesake on another server proposes, staff decide.

    Namesakes have the same letters and digits, whatever their case and signs: audjpy. and AUDJPY."""

    name: str
    digits: int
    contract_size: Decimal | None
    quote_currency: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What is in a file, and what it would change. Money in account currency, client's viewpoint."""

    read: Read
    deals: int
    trades: int
    deposits: Decimal
    profit: Decimal
    charges: Decimal  # commission, fees and taxes
    swap: Decimal
    new: int
    changed: int
    same: int
    older: int  # rows of tickets that a later file knows better
    bad: list[BadRow]
    account_known: bool
    unknown_symbols: list[UnknownSymbol]


def preview_upload(upload: HistoryUpload) -> Preview:
    """Read the file again and compare it with the deals that are stored now. Changes nothing."""
    read = read_again(upload)
    good = [row for row in read.rows if isinstance(row, DealRow)]
    winners = winning_rows(server_id=upload.server_id, rows=read.rows, rank=upload.rank)
    names = load_names(server_id=upload.server_id, rows=winners)
    found = sort_rows(winners, names)
    stored = load_stored(server_id=upload.server_id, tickets={key.ticket for key in found.deals})
    changed = same = 0
    for key, content in found.deals.items():
        before = stored.get(key)
        if before is not None:
            same += before.content == content and not before.deleted
            changed += before.content != content or before.deleted
    waiting = sum(held.reason != HoldReason.BAD_ROW for held in found.held.values())
    digits = minor_digits(read.currency)
    moved = [row for row in good if row.action >= _TRADE_ACTIONS and row.action != _CREDIT]
    trades = [row for row in good if row.action < _TRADE_ACTIONS]
    return Preview(
        read=read,
        deals=len(read.rows),
        trades=sum(bool(row.entry) for row in trades),
        deposits=_money(sum(row.profit_e8 for row in moved), digits),
        profit=_money(sum(row.profit_e8 for row in trades), digits),
        charges=_money(sum(row.commission_e8 + row.fee_e8 for row in good), digits),
        swap=_money(sum(row.swap_e8 for row in good), digits),
        new=len(found.deals) - changed - same + waiting,
        changed=changed,
        same=same,
        older=len(read.rows) - len(winners),
        bad=[row for row in read.rows if isinstance(row, BadRow)],
        account_known=TradingAccount.objects.filter(server_id=upload.server_id, login=upload.login).exists(),
        unknown_symbols=_unknown_symbols(upload.server_id, good),
    )


def _unknown_symbols(server_id: int, rows: list[DealRow]) -> list[UnknownSymbol]:
    digits: dict[str, int] = {}
    for row in rows:
        if row.symbol:
            digits[row.symbol] = max(digits.get(row.symbol, 0), row.digits)
    known = set(Symbol.objects.filter(server_id=server_id, name__in=digits).values_list("name", flat=True))
    missing = sorted(digits.keys() - known)
    if not missing:
        return []
    proposed: dict[str, Symbol] = {}
    for symbol in Symbol.objects.order_by("pk"):
        proposed |= {_plain(symbol.name): symbol, f"={symbol.name}": symbol}
    found = []
    for name in missing:
        namesake = proposed.get(f"={name}") or proposed.get(_plain(name))
        size = from_e8(namesake.contract_size_e8) if namesake else None
        found.append(UnknownSymbol(name, digits[name], size, namesake.quote_currency if namesake else ""))
    return found


def _plain(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum())


def _money(scaled: int, digits: int) -> Decimal:
    return quantize(from_e8(scaled), digits)
