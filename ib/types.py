"""What the network tells others: chains, periods as columns, rows of pages."""

from array import array
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

OPEN_END_US = 2**63 - 1  # a period without an end


class ChainLink(NamedTuple):
    """One IB above a client. Level 1 is the client's direct IB."""

    ib_id: int
    level: int


class IbFacts(NamedTuple):
    code: str
    currency: str


@dataclass(frozen=True, slots=True)
class Periods:
    """Dated links as columns, sorted by (subject, start). `numpy.frombuffer(column, "int64")` reads them uncopied.

    Times are microseconds since 1970 UTC, half-open; an open end is OPEN_END_US. Target 0: nobody."""

    subject: "array[int]"
    target: "array[int]"
    start_us: "array[int]"
    end_us: "array[int]"


class AgreementPeriod(NamedTuple):
    """What was agreed during a period; times as in `Periods`."""

    start_us: int
    end_us: int
    keep_percent: Decimal | None
    rank: int | None
    active: bool


@dataclass(frozen=True, slots=True)
class NetworkSnapshot:
    """All that judging needs of the network, past and future, at one version of it.

    `account_ibs` wins over `client_ibs` for the moments it covers, also where its target is 0."""

    version: int
    ib_version: int  # since this one at the latest, IBs, their places and agreements have been as they are here
    ibs: dict[int, IbFacts]
    self_ib: dict[int, int]  # client id → the IB that this client is
    ib_parents: Periods
    client_ibs: Periods
    account_ibs: Periods
    agreements: dict[int, tuple[AgreementPeriod, ...]]  # IB id → by start


class AffectedPeriod(NamedTuple):
    """A change that deals may have to be judged again for; exactly one of the ids is set."""

    version: int
    ib_id: int | None
    client_id: int | None
    account_id: int | None
    affected_from: datetime
    affected_to: datetime | None


@dataclass(frozen=True, slots=True)
class IbSpec:
    """An IB to create with others at once. `parent` is another one's code, of this list or of the network."""

    code: str
    name: str
    currency: str
    parent: str | None = None
    client_id: int | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed with an IB: its share under `split` in percent (none: all), its rank, whether it is active."""

    keep_percent: Decimal | None = None
    rank: int | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class ChildRow:
    """One IB of a page of the network, with what stands below it at the page's moment."""

    ib_id: int
    code: str
    name: str
    currency: str
    direct_ibs: int
    network_ibs: int  # everybody below, however deep
    direct_clients: int
    network_clients: int  # its own and those of everybody below


@dataclass(frozen=True, slots=True)
class ChildPage:
    """A page of IBs under one IB, by code. `total` counts them all."""

    rows: tuple[ChildRow, ...]
    total: int


@dataclass(frozen=True, slots=True)
class MaskedClient:
    """A client as an IB above may see it: initials, no contact data."""

    client_id: int
    code: str
    masked_name: str
    country: str
    ib_code: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: which rule, which IB, what is wrong."""

    rule: str
    subject: str
    detail: str
