"""`python -m mt4bridge.agents.mt5manager settings.ini`, on Windows with the package `mt5manager` installed."""

import importlib
import sys

from mt4bridge.agents.events import Events
from mt4bridge.agents.mt5manager.backend import Mt5Manager
from mt4bridge.agents.settings import Settings, run


def _open(settings: Settings, events: Events) -> Mt5Manager:
    api = importlib.import_module("MT5Manager")
    return Mt5Manager(api, server=settings.server, login=settings.login, password=settings.password, events=events)


if __name__ == "__main__":
    sys.exit(run("mt5manager", _open))
