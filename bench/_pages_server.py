"""An MT5 server that only tells deals, each rendered once before the first question: what the reader costs is measured,
not what a simulator costs. A process of its own: `python -m bench._pages_server --deals N --ready-file F`."""

import argparse
import json
import mmap
import random
import secrets
import socket
import threading
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import parse_qs, urlsplit

from mt4bridge.simulator import certificate
from mt4bridge.simulator.records import SimDeal
from mt4bridge.simulator.render import deal_text
from mt4bridge.webapi.wire import answer_to, password_key

START_MS = 1_767_571_200_000  # 2026-01-05, a Monday; server clock
STEP_MS = 1_500  # between two deals
PASSWORD = "Bench-Password-1"  # noqa: S105 -- of this process alone
SYMBOLS = tuple(f"S{number:02}USD" for number in range(24))
FIRST_LOGIN, FIRST_TICKET = 500_001, 7_000_001
_HEAD, _TAIL = b'{"retcode":"0 Done","answer":[', b"]}"


class Deals:
    """All deals as one text in the order of time; a period of it is a slice of bytes."""

    def __init__(self, count: int, accounts: int) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 -- as long as the process
        self._starts = [0]
        place = 0
        for number in range(count):
            text = deal_text(_deal(number, accounts), 2).encode() + b","
            self._file.write(text)
            place += len(text)
            self._starts.append(place)
        self._file.flush()
        self._text = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self.count, self.bytes = count, place

    def between(self, from_s: int, to_s: int) -> bytes:
        """Return the answer with the deals of [from, to], server seconds, both included."""
        first = max(0, -((START_MS - from_s * 1000) // STEP_MS))
        last = min(self.count, (to_s * 1000 + 999 - START_MS) // STEP_MS + 1)
        if first >= last:
            return _HEAD + _TAIL
        return _HEAD + self._text[self._starts[first] : self._starts[last] - 1] + _TAIL

    @property
    def end_s(self) -> int:
        return (START_MS + self.count * STEP_MS) // 1000 + 1


def _deal(number: int, accounts: int) -> SimDeal:
    """Return deal `number`: even ones open a position, odd ones close the one before."""
    pair, closes = divmod(number, 2)
    chance = random.Random(pair)
    login, lots = FIRST_LOGIN + chance.randrange(accounts), chance.randrange(1, 300) * 1_000_000
    which = chance.randrange(len(SYMBOLS))
    opened = Decimal(60_000 + 5_000 * which + chance.randrange(2_000)).scaleb(-5)  # a market of two cents, as in weeks
    price = opened + Decimal(chance.randrange(-400, 400) * closes).scaleb(-5)
    profit = (price - opened) * lots / 1000 if closes else Decimal(0)
    return SimDeal(
        ticket=FIRST_TICKET + number, login=login, time_ms=START_MS + number * STEP_MS,
        action=pair % 2 if not closes else 1 - pair % 2, entry=closes, reason=chance.choice((0, 1, 16, 17)),
        order=FIRST_TICKET + number, position=FIRST_TICKET + pair * 2, symbol=SYMBOLS[which],
        digits=5, contract_size=Decimal(100_000), volume_e8=lots, closed_e8=lots * closes, price=price,
        price_position=opened * closes, bid=price - Decimal("0.00002"), ask=price, profit=round(profit, 2),
        swap=Decimal(chance.randrange(-300, 20) * closes).scaleb(-2), commission=Decimal(-lots).scaleb(-8) * 3,
    )  # fmt: skip


class Server:
    """Answers the handshake, the time and deals of a period, one thread a connection."""

    def __init__(self, deals: Deals) -> None:
        self._deals = deals
        self._key = password_key(PASSWORD)
        self.identity = certificate.load_or_create(None)
        self._context = self.identity.server_context()
        self.listener = socket.create_server(("127.0.0.1", 0))

    def serve(self) -> None:
        while True:
            plain, _peer = self.listener.accept()
            threading.Thread(target=self._talk, args=(plain,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        srv_rand = secrets.token_hex(16)
        with self._context.wrap_socket(plain, server_side=True) as secure, secure.makefile("rb") as lines:
            while request := lines.readline():
                while lines.readline().strip():
                    pass
                body = self._answer(request.split()[1].decode(), srv_rand)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def _answer(self, target: str, srv_rand: str) -> bytes:
        parts = urlsplit(target)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/api/deal/get_batch" if "from" in params:
                return self._deals.between(int(params["from"]), int(params["to"]))
            case "/api/auth/start":
                return json.dumps({"retcode": "0 Done", "srv_rand": srv_rand}).encode()
            case "/api/auth/answer":
                proof = answer_to(self._key, params["cli_rand"])
                return json.dumps({"retcode": "0 Done", "cli_rand_answer": proof}).encode()
            case "/api/time/server":
                return json.dumps({"retcode": "0 Done", "answer": {"Time": str(self._deals.end_s)}}).encode()
        return _HEAD + _TAIL


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--deals", type=int, required=True)
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    options = parser.parse_args()
    deals = Deals(options.deals, options.accounts)
    server = Server(deals)
    ready = {
        "address": f"127.0.0.1:{server.listener.getsockname()[1]}", "pin": server.identity.pin, "bytes": deals.bytes,
        "end_s": deals.end_s,
    }  # fmt: skip
    partial = options.ready_file.with_suffix(".part")
    partial.write_text(json.dumps(ready))
    partial.replace(options.ready_file)
    server.serve()


if __name__ == "__main__":
    main()
