"""Translate the reason numbers of the MT world into ours (`enums.DealReason`), without Django.

The server side (Web API, Manager API, SQL mirror) and the terminal side (the `MetaTrader5` package and its csv files)
number the same reasons differently: 4 is "take profit" on the server and "stop loss" in the terminal. Nothing above
`mt4bridge` ever sees either numbering. Our codes follow the server's; an unknown number is 99, never an error,
because newer builds add reasons. MT4 has a numbering of its own. Source: MT5 Web API, MetaTrader5 package and MT4
Manager API documentation.
"""

from types import MappingProxyType

UNKNOWN_REASON = 99

SERVER_REASONS = MappingProxyType({number: number for number in range(19)})
"""Server number → our code: 0 client, 1 expert, 2 dealer, 3 SL, 4 TP, 5 stop out … 16 mobile, 17 web, 18 split."""

TERMINAL_REASONS = MappingProxyType({0: 0, 1: 16, 2: 17, 3: 1, 4: 3, 5: 4, 6: 5, 7: 6, 8: 8, 9: 18})
"""Terminal number → our code: 0 client, 1 mobile, 2 web, 3 expert, 4 SL, 5 TP, 6 stop out, 7 rollover, 8 vmargin,
9 split."""

MT4_REASONS = MappingProxyType({0: 0, 1: 1, 2: 2, 3: 10, 4: 9, 5: 16, 6: 17, 7: 14})
"""MT4 number → our code: 0 client, 1 expert, 2 dealer, 3 signal, 4 gateway, 5 mobile, 6 web, 7 API."""
