"""What the simulated server keeps: plain records in wall-clock milliseconds, lots and account currency."""

from dataclasses import dataclass, field
from decimal import Decimal

ZERO = Decimal(0)
BUY, SELL, BALANCE, CREDIT = 0, 1, 2, 3
IN, OUT = 0, 1


@dataclass(slots=True)
class SimGroup:
    name: str
    currency: str = "USD"
    currency_digits: int = 2
    leverage: int = 100
    commission_per_lot: Decimal = ZERO  # per side, account currency, positive is a charge
    markup_points: int = 0


@dataclass(slots=True)
class SimSymbol:
    name: str
    path: str
    description: str
    contract_size: Decimal
    digits: int
    currency_base: str
    currency_profit: str


@dataclass(slots=True)
class SimUser:
    login: int
    group: str
    name: str
    email: str = ""
    country: str = ""
    leverage: int = 100
    agent: int = 0
    registered_s: int = 0  # server clock
    rights: int = 0x163
    comment: str = ""
    last_access_s: int = 0  # server clock
    password_changed_s: int = 0  # server clock
    passwords: dict[str, str] = field(default_factory=dict, repr=False)  # main, investor, api
    more: dict[str, str] = field(default_factory=dict)  # further fields of the wire, kept as given


@dataclass(slots=True)
class SimDeal:
    ticket: int
    login: int
    time_ms: int  # server clock
    action: int
    entry: int = IN
    reason: int = 0
    order: int = 0
    position: int = 0
    symbol: str = ""
    digits: int = 2
    contract_size: Decimal = ZERO
    volume_e8: int = 0  # lots
    closed_e8: int = 0  # lots
    price: Decimal = ZERO
    price_position: Decimal = ZERO
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    bid: Decimal = ZERO
    ask: Decimal = ZERO
    profit: Decimal = ZERO  # account currency, client's viewpoint, as all money here
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    fee: Decimal = ZERO
    dealer: int = 0
    magic: int = 0
    flags: int = 0  # ModificationFlags: 2 once a manager edited it
    comment: str = ""
    external_id: str = ""
    text: str = field(default="", repr=False, compare=False)  # its JSON, rendered once


@dataclass(slots=True)
class SimPosition:
    position: int
    login: int
    symbol: str
    action: int
    volume_e8: int  # lots
    price_open: Decimal
    price_current: Decimal
    opened_ms: int  # server clock
    digits: int
    contract_size: Decimal
    profit: Decimal = ZERO  # account currency
    swap: Decimal = ZERO  # account currency
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    reason: int = 0
    magic: int = 0
    comment: str = ""
    frozen: bool = False  # from a printed statement: its result never moves


@dataclass(slots=True)
class SimOrder:
    """A working order, or a cancelled one of the history. Filled orders are read off their deals."""

    order: int
    login: int
    symbol: str
    kind: int  # 0 buy, 1 sell, 2 buy limit, 3 sell limit, 4 buy stop, 5 sell stop
    volume_e8: int  # lots
    price: Decimal
    placed_ms: int  # server clock
    digits: int
    contract_size: Decimal
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    expires_s: int = 0  # server clock; 0 never
    done_ms: int = 0  # server clock; 0 while it works
    state: int = 1  # 1 placed, 2 cancelled, 4 filled, 6 expired
    position: int = 0
    filled_e8: int = 0  # lots
    reason: int = 0
    magic: int = 0
    comment: str = ""


@dataclass(frozen=True, slots=True)
class SimState:
    """An account's trade state, worked out from its deals and open positions."""

    login: int
    currency_digits: int
    leverage: int
    balance: Decimal
    credit: Decimal
    margin: Decimal
    profit: Decimal
    swap: Decimal

    @property
    def floating(self) -> Decimal:
        return self.profit + self.swap

    @property
    def equity(self) -> Decimal:
        return self.balance + self.credit + self.floating

    @property
    def margin_free(self) -> Decimal:
        return self.equity - self.margin
