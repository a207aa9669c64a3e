"""Drives the unmodified package pymt5pure and prints what it saw as one JSON line.

python pymt5pure_client.py PORT LOGIN PASSWORD ACCOUNT encrypted|plain"""

import json
import os
import sys
import traceback

from pymt5pure import MT5Api, MT5Client


def main(port: str, login: str, password: str, account: str, mode: str) -> None:
    client = MT5Client(host="127.0.0.1", port=int(port), timeout=10, is_crypt=mode == "encrypted")
    client.connect(username=login, password=password)
    api = MT5Api(client)
    period = {"LOGIN": account, "FROM": 0, "TO": 4_000_000_000}
    total = int(client("DEAL_GET_TOTAL", **period).params["TOTAL"])
    deals = client("DEAL_GET_PAGE", **period, OFFSET=0, TOTAL=total).json
    booked = client("TRADE_BALANCE", LOGIN=account, TYPE=2, BALANCE="12.50", COMMENT="a|b=c", CHECK_MARGIN=1)
    seen = {
        "versions": [client.version_access, client.version_trade],
        "symbols": api.symbol_total(),
        "symbol": api.symbol_get("EURUSD").CurrencyProfit,
        "groups": api.group_total(),
        "logins": api.user_logins("*"),
        "user": client("USER_GET", LOGIN=account).json["Login"],
        "total": total,
        "deals": [deal["Deal"] for deal in deals],
        "comment": client("DEAL_GET", TICKET=booked.params["TICKET"]).json["Comment"],
        "balance": client("USER_ACCOUNT_GET", LOGIN=account).json["Balance"],
        "ticks": [tick["Symbol"] for tick in client("TICK_LAST", SYMBOL="EURUSD,XAUUSD").json],
        "time": len(client("TIME_SERVER").params["TIME"]),
    }
    client.disconnect()
    print(json.dumps(seen), flush=True)


code = 1
try:
    main(*sys.argv[1:])
    code = 0
finally:
    if code:
        traceback.print_exc()
    os._exit(code)  # its keep-alive thread sleeps for 20 s and is no daemon
