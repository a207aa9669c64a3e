"""Symbols that a history only names: contract size, digits and currencies, from the name and the shown prices.

| kind | names (suffixes and case ignored) | contract size | quote currency |
|---|---|---|---|
| forex | two ISO codes: EURUSD, usdjpy., EURUSD.r, USDJPYm | 100 000 | the second code |
| metals | XAU 100, XAG 5 000, XPT and XPD 100, with a currency | as listed | the currency |
| energy | US_OIL, UKOIL, WTI, BRENT, OILUSD, XTIUSD, XBRUSD; NGAS 10 000 | 1 000 | USD |
| indices | JP225, JPN225, NI225 | 1 000 | JPY |
| | SPX500, US500, SP500 | 250 | USD |
| | US30, NAS100, USTEC, US100 | 10 | USD |
| | GER40, DE40, GER30, EU50 | 25 | EUR |
| | UK100 | 10 | GBP |
| crypto | BTC, ETH, LTC, XRP, SOL, DOGE with a currency | 1 | the currency |
| anything else | | 1 | the account's currency |

The figures for JP225, SPX500, US_OIL, OILUSD, metals and forex agree with the profits of the statements in our tests.
"""

import re
from decimal import Decimal

from mt4bridge.simulator.records import SimSymbol

_CURRENCIES = frozenset(
    (
        "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD", "CNH", "CNY", "HKD", "SGD", "SEK", "NOK", "DKK", "PLN",
        "CZK", "HUF", "TRY", "ZAR", "MXN", "THB", "RUB", "ILS", "INR", "BRL",
    )
)  # fmt: skip
_METALS = {"XAU": 100, "XAG": 5_000, "XPT": 100, "XPD": 100}
_CRYPTO = ("BTC", "ETH", "LTC", "XRP", "SOL", "DOGE")
_OTHERS = {
    **dict.fromkeys(("USOIL", "UKOIL", "WTI", "BRENT", "OILUSD", "XTIUSD", "XBRUSD", "OIL"), (1_000, "USD", "Energy")),
    "NGAS": (10_000, "USD", "Energy"),
    **dict.fromkeys(("JP225", "JPN225", "NI225"), (1_000, "JPY", "Indices")),
    **dict.fromkeys(("SPX500", "US500", "SP500"), (250, "USD", "Indices")),
    **dict.fromkeys(("US30", "NAS100", "USTEC", "US100"), (10, "USD", "Indices")),
    **dict.fromkeys(("GER40", "DE40", "GER30", "EU50"), (25, "EUR", "Indices")),
    "UK100": (10, "GBP", "Indices"),
}


def symbol_of(name: str, *, digits: int, account_currency: str) -> SimSymbol:
    """Return what a symbol is by the table above."""
    core = re.sub(r"[^A-Z0-9]", "", name.split(".", maxsplit=1)[0].split("-", maxsplit=1)[0].upper())
    base, quote, size, folder = _described(core, account_currency)
    return SimSymbol(
        name=name,
        path=f"{folder}\\{name}",
        description=core,
        contract_size=Decimal(size),
        digits=digits,
        currency_base=base,
        currency_profit=quote,
    )


def _described(core: str, account_currency: str) -> tuple[str, str, int, str]:
    head, quote = core[:3], core[3:6]
    if quote in _CURRENCIES and head in _CURRENCIES:
        return head, quote, 100_000, "Forex"
    if quote in _CURRENCIES and head in _METALS:
        return head, quote, _METALS[head], "Metals"
    for coin in _CRYPTO:
        if core.startswith(coin):
            rest = core[len(coin) : len(coin) + 3]
            return coin, rest if rest in _CURRENCIES else "USD", 1, "Crypto"
    for length in range(len(core), 2, -1):  # a trailing letter may be the broker's suffix
        if core[:length] in _OTHERS:
            size, currency, folder = _OTHERS[core[:length]]
            return currency, currency, size, folder
    return account_currency, account_currency, 1, "Other"
