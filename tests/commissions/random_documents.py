"""Random scenario documents: trees, plans, deals, moves, edits. Small numbers, so that cases meet each other often."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
CURRENCIES = ("USD", "USD", "USD", "EUR", "JPY")
SYMBOLS = {
    "EURUSD": {"group": "majors", "contract_size": "100000", "digits": 5, "quote": "USD"},
    "USDJPY": {"group": "majors", "contract_size": "100000", "digits": 3, "quote": "JPY"},
    "XAUUSD": {"group": "metals", "contract_size": "100", "digits": 2, "quote": "USD"},
    "OTHER": {"contract_size": "1", "digits": 0, "quote": "EUR"},
}
PRICES = {"EURUSD": "1.10000", "USDJPY": "150.000", "XAUUSD": "2000.00", "OTHER": "7"}
REASONS = ("client", "client", "client", "expert", "so", "mobile")


def random_document(random: Random, *, deals: int = 8, lots_only: bool = False) -> dict[str, Any]:
    """Return a scenario document without expectations. `lots_only`: plans that pay by lots alone."""
    plans = {f"p{n}": _versions(random, lots_only) for n in range(random.randint(1, 4))}
    ibs = _ibs(random, list(plans))
    clients = _clients(random, [ib["code"] for ib in ibs])
    document = {
        "scenario": "random",
        "symbols": SYMBOLS,
        "mt_groups": {
            "std": {"currency": "USD", "lot_factor": "1"},
            "cent": {"currency": "EUR", "lot_factor": "0.01"},
            "new": {"currency": "USD"},
        },
        "fx": _fx(random),
        "plans": plans,
        "ibs": ibs,
        "clients": clients,
        "moves": _moves(random, ibs, clients, list(plans)),
        "deals": _deals(random, clients, deals),
        "expect": {},
    }
    document["changes"] = _changes(random, document["deals"])
    return document


def _pick(random: Random, **options: Any) -> dict[str, Any]:
    """Keep each option now and then: most deals shall be paid, every refusal shall occur."""
    return {key: value for key, value in options.items() if random.random() < 0.15}


def _versions(random: Random, lots_only: bool) -> list[dict[str, Any]]:
    versions = [{"effective_from": BEGINNING, **_terms(random, lots_only)}]
    if random.random() < 0.4:
        versions.append(
            {"effective_from": START + timedelta(minutes=random.randint(0, 60)), **_terms(random, lots_only)}
        )
    return versions


def _terms(random: Random, lots_only: bool) -> dict[str, Any]:
    count_on = random.choice(("close", "close", "close", "open", "both"))
    terms: dict[str, Any] = {
        "count_on": count_on,
        "rates": _rates(random, count_on, lots_only),
        "upline": _upline(random),
    }
    if random.random() < 0.3:
        terms["close_by"] = "both"
    terms |= _pick(
        random,
        min_hold_seconds=random.choice((60, 300, 1200)),
        exclude_reasons=random.sample(("expert", "so", "mobile"), 1),
        self_trades="pay",
        client_rebate={"percent": random.choice(("50", "100", "33.3"))},
    )
    if not lots_only:
        terms |= _pick(
            random,
            cap_per_order={"amount": random.choice(("0", "1.5", "20")), "currency": random.choice(CURRENCIES)},
            chain_budget=random.choice(
                (
                    {"percent_of": "commission", "percent": "40"},
                    {"percent_of": "spread", "percent": "60"},
                    {"per_lot": "6", "currency": random.choice(CURRENCIES)},
                )
            ),
        )
    return terms


def _rates(random: Random, count_on: str, lots_only: bool) -> list[dict[str, Any]]:
    selectors = [{"symbol_group": "majors"}, {"symbol": "XAUUSD"}, {"any": True, "mt_group": "cent"}]
    chosen = random.sample(selectors, random.choice((0, 0, 1, 2)))
    if random.random() < 0.9:
        chosen.append({"any": True})
    return [{**selector, **_base(random, count_on, lots_only)} for selector in chosen]


def _base(random: Random, count_on: str, lots_only: bool) -> dict[str, Any]:
    bases = (
        ["per_lot"]
        if lots_only
        else ["per_lot", "per_lot", "per_million", "points", "spread", "commission", "profit", "revenue"]
    )
    base = random.choice(bases)
    row: dict[str, Any] = {"base": base}
    if base in ("per_lot", "per_million"):
        row |= {
            "rate": random.choice(("0", "3", "3", "5.25", "5.25", "10", "10", "12.345678")),
            "currency": random.choice(CURRENCIES),
        }
        row["levels"] = {"2": "1", "3": "2.5"}
    elif base == "points":
        row |= {"points": "3", "levels": {"2": "1"}}
    else:
        row |= {"percent": random.choice(("10", "35", "70")), "levels": {"2": "5", "4": "7"}}
    if base == "spread":
        row |= _pick(
            random, cap_points="12", at=random.choice(("close", "half_and_half")) if count_on == "close" else "open"
        )
    if base == "revenue":
        row |= _pick(random, include_swap=True, cap_points="12")
    return row


def _upline(random: Random) -> dict[str, Any]:
    mode = random.choice(
        ("none", "by_level", "difference", "difference", "difference", "percent_of_child", "percent_of_direct", "split")
    )
    upline: dict[str, Any] = {"mode": mode} | _pick(random, max_level=random.choice((1, 2, 3)), inactive="roll_up")
    if mode == "percent_of_child":
        upline["percent"] = "20"
    if mode == "percent_of_direct":
        upline["percents"] = {"2": "20", "3": "12.5"}
    if mode == "difference" and random.random() < 0.5:
        upline["same_rank"] = {"percent": "10"}
    return upline


def _ibs(random: Random, plans: list[str]) -> list[dict[str, Any]]:
    ibs: list[dict[str, Any]] = []
    for number in range(random.randint(1, 6)):
        ib: dict[str, Any] = {"code": f"ib{number}", "currency": random.choice(CURRENCIES)}
        if random.random() < 0.97:
            ib["plan"] = random.choice(plans)
        if ibs and random.random() < 0.85:
            ib["parent"] = random.choice(ibs[-2:])["code"]
        ib |= _pick(random, keep_percent=random.choice(("0", "60", "100")))
        if random.random() < 0.6:
            ib["rank"] = random.randint(1, 2)
        if random.random() < 0.05:
            ib["active"] = False
        ibs.append(ib)
    return ibs


def _clients(random: Random, codes: list[str]) -> list[dict[str, Any]]:
    clients = []
    for number in range(random.randint(1, 2)):
        client: dict[str, Any] = {
            "login": 1001 + number,
            "group": random.choice(("std", "std", "std", "std", "cent", "cent", "new")),
        }
        if random.random() < 0.95:
            client["ib"] = random.choice(codes[-2:])
        if number == 0 and random.random() < 0.08:
            client["is_ib"] = random.choice(codes)
        clients.append(client)
    return clients


def _fx(random: Random) -> list[dict[str, Any]]:
    rates = []
    for pair, rate in (("EURUSD", "1.25"), ("USDJPY", "150"), ("EURUSD", "1.30"), ("USDJPY", "155.5")):
        if random.random() < 0.9:
            rates.append(
                {"pair": pair, "rate": rate, "at": START + timedelta(minutes=random.choice((-600, -600, 10, 30)))}
            )
    return list({(row["pair"], row["at"]): row for row in rates}.values())


def _moves(
    random: Random, ibs: list[dict[str, Any]], clients: list[dict[str, Any]], plans: list[str]
) -> list[dict[str, Any]]:
    moves: list[dict[str, Any]] = []
    for minute in sorted(random.sample(range(1, 90), random.choice((0, 0, 1, 2)))):
        at = START + timedelta(minutes=minute)
        ib = random.choice(ibs)
        kind = random.choice(("parent", "client", "active", "plan"))
        if kind == "parent" and not any(row.get("parent") == ib["code"] for row in ibs):
            others = [row["code"] for row in ibs if row is not ib and row["code"] != ib.get("parent")]
            if others and not any("parent" in move and ib["code"] in (move["ib"], move["parent"]) for move in moves):
                moves.append({"at": at, "ib": ib["code"], "parent": random.choice(others)})
        elif kind == "client":
            moves.append({"at": at, "login": clients[0]["login"], "ib": ib["code"]})
        elif kind == "active":
            moves.append({"at": at, "ib": ib["code"], "active": random.random() < 0.5})
        elif kind == "plan":
            moves.append({"at": at, "ib": ib["code"], "plan": random.choice(plans)})
    return _without_standstill(moves, ibs, clients)


def _without_standstill(
    moves: list[dict[str, Any]], ibs: list[dict[str, Any]], clients: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Drop moves that change nothing: services refuse them."""
    state: dict[Any, Any] = {
        (ib["code"], key): ib.get(key, key == "active" or None) for ib in ibs for key in ("parent", "active", "plan")
    }
    state |= {(client["login"], "ib"): client.get("ib") for client in clients}
    kept = []
    for move in moves:
        subject, key = (
            (move["login"], "ib") if "login" in move else (move["ib"], next(k for k in move if k not in ("at", "ib")))
        )
        if state[subject, key] != move[key]:
            state[subject, key] = move[key]
            kept.append(move)
    return kept


def _deals(random: Random, clients: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    deals: list[dict[str, Any]] = []
    minute = 0
    while len(deals) < count:
        login, symbol, position = random.choice(clients)["login"], random.choice(list(SYMBOLS)), len(deals) + 1
        entries = random.choice(
            (["in", "out"], ["in", "out", "out"], ["in", "in", "out"], ["in", "inout", "out"], ["out"])
        )
        for entry in entries:
            minute += random.randint(0, 8)
            deals.append(
                _deal(random, len(deals) + 1, position, login, symbol, entry, START + timedelta(minutes=minute))
            )
        if random.random() < 0.15:
            deals += _close_by(random, len(deals) + 1, login, symbol, START + timedelta(minutes=minute))
    return deals


def _close_by(random: Random, first: int, login: int, symbol: str, at: datetime) -> list[dict[str, Any]]:
    pair = [_deal(random, first + n, first + n, login, symbol, "in", at) for n in (0, 1)]
    legs = [
        {**_deal(random, first + 2 + n, first + n, login, symbol, "out_by", at), "by": first + 1 - n, "lots": "1"}
        for n in (0, 1)
    ]
    return [*pair, *legs]


def _deal(
    random: Random, ticket: int, position: int, login: int, symbol: str, entry: str, at: datetime
) -> dict[str, Any]:
    deal: dict[str, Any] = {
        "ticket": ticket, "position": position, "login": login, "symbol": symbol, "entry": entry, "at": at,
        "action": "buy", "lots": random.choice(("0.5", "1", "1", "2", "3", "0.01")), "price": PRICES[symbol],
        "reason": random.choice(REASONS),
    }  # fmt: skip
    if random.random() < 0.6:
        deal["commission"] = random.choice(("-7.00", "-3.33", "2.00"))
    if random.random() < 0.85:
        step = {5: "0.00012", 3: "0.015", 2: "0.35", 0: "0"}[SYMBOLS[symbol]["digits"]]
        deal |= {"bid": PRICES[symbol], "ask": str(_plus(PRICES[symbol], step))}
    if entry != "in":
        deal |= {"profit": random.choice(("-50.00", "80.00", "0.01")), "swap": random.choice(("0", "-1.23"))}
    return deal


def _plus(price: str, step: str) -> Any:
    from decimal import Decimal

    return Decimal(price) + Decimal(step)


def _changes(random: Random, deals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = []
    at = START + timedelta(days=1)
    for deal in random.sample(deals, random.choice((0, 0, 1, 2))):
        if random.random() < 0.4:
            changes.append({"at": at, "ticket": deal["ticket"], "deleted": True})
        else:
            changes.append(
                {"at": at, "ticket": deal["ticket"], **random.choice(({"lots": "1.5"}, {"commission": "-9.99"}))}
            )
    if random.random() < 0.5:
        changes.append({"at": at + timedelta(hours=1), "mt_group": "new", "lot_factor": "0.5"})
    return changes
