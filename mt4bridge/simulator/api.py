"""All commands of one server: path → handler."""

from mt4bridge.simulator.commands.configuration import Configuration
from mt4bridge.simulator.commands.daily import Daily
from mt4bridge.simulator.commands.deals import Deals
from mt4bridge.simulator.commands.desk import Command, Desk
from mt4bridge.simulator.commands.orders import Orders
from mt4bridge.simulator.commands.positions import Positions
from mt4bridge.simulator.commands.trade import Ticks, Trade
from mt4bridge.simulator.commands.users import Users

USER_WRITES = frozenset(
    (
        "/api/user/add", "/api/user/update", "/api/user/delete", "/api/user/change_password",
        "/api/user/archive/add", "/api/user/restore",
    )
)  # fmt: skip
WRITES = USER_WRITES | frozenset(
    (
        "/api/trade/balance", "/api/deal/update", "/api/deal/delete", "/api/order/delete", "/api/group/add",
        "/api/group/delete", "/api/symbol/add", "/api/symbol/delete", "/api/dealer/send_request",
    )
)  # fmt: skip


class Api:
    def __init__(self, desk: Desk) -> None:
        self.book = desk.book
        parts = (
            Configuration(desk), Users(desk), Deals(desk), Orders(desk), Positions(desk), Trade(desk), Ticks(desk),
            Daily(desk),
        )  # fmt: skip
        self.commands: dict[str, Command] = {path: run for part in parts for path, run in part.commands.items()}
