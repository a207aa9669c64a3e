"""Try a server's settings once, as the walker would, and say what came of it. Nothing is stored."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mt4bridge.clock import ServerClock
from mt4bridge.errors import BridgeError
from mt4bridge.gateways import one_time_gateway
from mt4bridge.models import MtServer
from mt4bridge.types import TradingServer

QUARTER = timedelta(minutes=15)
CLOCK_TOLERANCE = timedelta(minutes=2)  # a clock this close is the one that is set


@dataclass(frozen=True, slots=True)
class Probe:
    """What a server answered. Without an error the handshake proved both sides; the rest is what could be read."""

    error_code: str = ""
    error_fields: dict[str, object] = field(default_factory=dict)
    server_at: datetime | None = None  # the server's clock as UTC, by the clock that is set
    clock_minutes: int | None = None  # how far the server's wall clock is ahead of UTC, to a quarter of an hour
    clock_fits: bool = True  # the clock that is set is the server's
    shift_minutes: int | None = None  # the shift that would fit, while the zone stays
    groups: tuple[str, ...] = ()  # that the account may see, by name
    groups_in_mask: int = 0

    @property
    def ok(self) -> bool:
        return not self.error_code


def probe_server(*, server: MtServer, clock: Callable[[], datetime]) -> Probe:
    """Connect with a session of its own, read the clock and the groups, and end the session.

    A refusal is an answer too, not an exception. `clock` tells the true time in UTC."""
    gateway: TradingServer | None = None
    try:
        gateway = one_time_gateway(server)
        gateway.connect()
        server_at = gateway.server_time()
        now = clock()
        names = tuple(sorted(row.name for row in gateway.groups()))
    except BridgeError as error:
        return Probe(error_code=error.code, error_fields=dict(error.fields))
    finally:
        if gateway is not None:
            gateway.close()
    return _answered(server, server_at, now, names)


def _answered(server: MtServer, server_at: datetime, now: datetime, names: tuple[str, ...]) -> Probe:
    ahead = server_at - now  # zero when the clock that is set is the right one
    off = _quarters(ahead)
    set_minutes = ServerClock(server.clock_zone, server.clock_shift_minutes).offset_seconds(now.astimezone(UTC)) // 60
    return Probe(
        server_at=server_at,
        clock_minutes=set_minutes + off,
        clock_fits=abs(ahead) <= CLOCK_TOLERANCE,
        shift_minutes=server.clock_shift_minutes + off,
        groups=names,
        groups_in_mask=len(names),
    )


def _quarters(ahead: timedelta) -> int:
    """Return minutes, rounded to the quarter of an hour that zones are made of."""
    return round(ahead / QUARTER) * 15
