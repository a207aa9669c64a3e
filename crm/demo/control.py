"""The control port of an MT5 simulator: make it trade."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit


class Control:
    """Sends commands to one simulator that was started with --control."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port

    def trade(self, *, login: int, symbol: str, lots: str) -> int:
        """Open and close a trade now; return the ticket of the closing deal."""
        return int(self.send("/sim/trade", login=login, symbol=symbol, lots=lots)["close_ticket"])

    def send(self, path: str, **fields: Any) -> dict[str, Any]:
        """Send one command; return its answer.

        :raises RuntimeError: the simulator refused it."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            connection.request("POST", path, body=json.dumps(fields), headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {found}")
        return found
