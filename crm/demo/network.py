"""The partners and plans of a demo broker, and the chain that stands above a history's accounts."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoIb:
    """One IB of the demo: its code, name, parent's code, plan."""

    code: str
    name: str
    parent: str | None
    plan: str


def _per_lot(rate: str, *, gold: str, **more: Any) -> dict[str, Any]:
    return {
        "min_hold_seconds": 0,
        "rates": [
            {"any": True, "base": "per_lot", "rate": rate, "currency": "USD"},
            {"symbol_group": "metals", "base": "per_lot", "rate": gold, "currency": "USD"},
            {"any": True, "mt_group": "real\\raw-usd", "base": "commission", "percent": more.pop("share")},
        ],
        **more,
    }


PLANS: dict[str, tuple[str, dict[str, Any]]] = {
    "master": ("Master", _per_lot("9", gold="12", share="40", upline={"mode": "difference"})),
    "gold": ("Gold", _per_lot("7", gold="9", share="30", upline={"mode": "difference"})),
    "silver": ("Silver", _per_lot("5", gold="6.5", share="20", upline={"mode": "difference"})),
    "levels": (
        "Levels",
        {
            "rates": [
                {"any": True, "base": "per_lot", "rate": "4", "levels": {"2": "1.5", "3": "0.5"}, "currency": "USD"}
            ],
            "upline": {"mode": "by_level", "max_level": 3},
            "exclude_reasons": ["dealer"],
            "min_hold_seconds": 60,
        },
    ),
}

IBS = (
    DemoIb("7013", "Grace Tan", None, "master"),
    DemoIb("7102", "FX Academy", "7013", "gold"),
    DemoIb("7105", "Lin Chih-hao 林志豪", "7013", "gold"),
    DemoIb("7230", "Omar Farouk", "7102", "silver"),
    DemoIb("7231", "Siti Rahma", "7102", "silver"),
    DemoIb("7232", "Wang Xuemei 王雪梅", "7105", "silver"),
    DemoIb("7310", "Thabo Nkosi", "7230", "silver"),
    DemoIb("7020", "Elena Popescu", None, "levels"),
    DemoIb("7021", "Yusuf Kaya", "7020", "levels"),
    DemoIb("7022", "Kanya Srisai", "7021", "levels"),
)

# The chain above every account of a history: 5, 7 and 9 USD a lot by difference, nearest IB first.
HISTORY_CHAIN = (("direct", "5"), ("middle", "7"), ("top", "9"))


def history_terms(rate: str) -> dict[str, Any]:
    """Return the plan of one IB in the chain above a history's accounts."""
    return {
        "rates": [{"any": True, "base": "per_lot", "rate": rate, "currency": "USD"}],
        "upline": {"mode": "difference"},
    }


_METALS, _OIL = ("XAU", "XAG"), ("OIL", "BRENT", "WTI", "NGAS")
_MAJORS = frozenset(("EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "USDCHF", "USDCAD", "NZDUSD"))
SYMBOL_GROUPS = {
    "forex-majors": "Forex majors",
    "forex-minors": "Forex minors",
    "metals": "Metals",
    "energies": "Energies",
    "indices": "Indices",
    "crypto": "Crypto",
}


def symbol_group_of(symbol: str) -> str:
    """Return the code of the demo's symbol group for a symbol's name."""
    name = symbol.upper().partition(".")[0]
    if name in _MAJORS:
        return "forex-majors"
    if name.startswith(_METALS):
        return "metals"
    if any(word in name for word in _OIL):
        return "energies"
    if name.startswith(("BTC", "ETH")):
        return "crypto"
    return "forex-minors" if len(name) == 6 and name.isalpha() else "indices"
