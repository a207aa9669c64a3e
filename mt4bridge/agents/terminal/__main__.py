"""`python -m mt4bridge.agents.terminal settings.ini`, on Windows with the package `MetaTrader5` and a terminal."""

import importlib
import sys

from mt4bridge.agents.events import Events
from mt4bridge.agents.settings import Settings, run
from mt4bridge.agents.terminal.backend import Terminal


def _open(settings: Settings, _events: Events) -> Terminal:
    api = importlib.import_module("MetaTrader5")
    return Terminal(api, login=settings.login, password=settings.password, server=settings.server, path=settings.path)


if __name__ == "__main__":
    sys.exit(run("terminal", _open))
