"""Read the terms of a plan version as a whole: either Terms, or every fault at once."""

from collections.abc import Mapping
from decimal import Decimal

from commissions.terms.reader import Reader
from commissions.terms.reasons import REASON_CODES
from commissions.terms.rows import read_rates
from commissions.terms.types import (
    BudgetOf,
    ChainBudget,
    CloseBy,
    CountOn,
    Cpa,
    CpaStep,
    Fault,
    FaultCode,
    Inactive,
    MoneyCap,
    Terms,
    TierMeasure,
    TierMode,
    Tiers,
    TierScope,
    TierStep,
    Upline,
    UplineMode,
)

KEYS = frozenset(
    {
        "count_on",
        "close_by",
        "rates",
        "upline",
        "min_hold_seconds",
        "exclude_reasons",
        "self_trades",
        "cap_per_order",
        "chain_budget",
        "client_rebate",
        "tiers",
        "cpa",
    }
)


def parse_terms(plain: object) -> tuple[Terms | None, tuple[Fault, ...]]:
    """Return the terms and (), or None and all faults in the order of the fields."""
    if not isinstance(plain, Mapping):
        return None, (Fault("", FaultCode.NOT_A_TABLE),)
    faults: list[Fault] = []
    reader = Reader(plain, "", faults)
    reader.only(KEYS)
    count_on = reader.choice("count_on", CountOn, CountOn.CLOSE)
    terms = Terms(
        count_on=count_on,
        close_by=reader.choice("close_by", CloseBy, CloseBy.ONE),
        rates=read_rates(reader, count_on),
        upline=_upline(reader.table("upline")),
        min_hold_seconds=reader.whole("min_hold_seconds", least=0) or 0,
        exclude_reasons=_reasons(reader),
        self_trades_pay=_self_trades(reader),
        cap_per_order=_cap(reader.table("cap_per_order")),
        chain_budget=_budget(reader.table("chain_budget")),
        client_rebate_percent=_client_rebate(reader.table("client_rebate")),
        tiers=_tiers(reader.table("tiers")),
        cpa=_cpa(reader.table("cpa")),
    )
    return (None, tuple(faults)) if faults else (terms, ())


def _reasons(reader: Reader) -> tuple[str, ...]:
    if not reader.has("exclude_reasons"):
        return ()
    names = reader.plain["exclude_reasons"]
    if not isinstance(names, list | tuple):
        reader.refuse("exclude_reasons", FaultCode.NOT_A_LIST)
        return ()
    for index, name in enumerate(names):
        if not isinstance(name, str) or name not in REASON_CODES:
            reader.refuse(f"exclude_reasons[{index}]", FaultCode.NOT_ONE_OF, ", ".join(REASON_CODES))
    return tuple(sorted({name for name in names if isinstance(name, str)}))


def _self_trades(reader: Reader) -> bool:
    raw = reader.plain.get("self_trades")
    if raw not in (None, "exclude", "pay"):
        reader.refuse("self_trades", FaultCode.NOT_ONE_OF, "exclude, pay")
    return raw == "pay"


def _upline(reader: Reader | None) -> Upline:
    if reader is None:
        return Upline()
    mode = reader.choice("mode", UplineMode, UplineMode.NONE)
    allowed = {"mode", "max_level", "inactive", "same_rank"}
    percent: Decimal | None = None
    percents: tuple[tuple[int, Decimal], ...] = ()
    if mode is UplineMode.PERCENT_OF_CHILD:
        allowed.add("percent")
        percent = reader.share("percent")
    if mode is UplineMode.PERCENT_OF_DIRECT:
        allowed.add("percents")
        if not reader.has("percents"):
            reader.refuse("percents", FaultCode.MISSING)
        percents = reader.by_level("percents", most=Decimal(100))
    same_rank = reader.table("same_rank")
    if same_rank is not None and mode is not UplineMode.DIFFERENCE:
        reader.refuse("same_rank", FaultCode.NEEDS_DIFFERENCE)
    reader.only(allowed)
    return Upline(
        mode=mode,
        percent=percent,
        percents=percents,
        max_level=reader.whole("max_level", least=1),
        same_rank_percent=_only_percent(same_rank),
        inactive=reader.choice("inactive", Inactive, Inactive.SKIP),
    )


def _only_percent(reader: Reader | None) -> Decimal | None:
    if reader is None:
        return None
    reader.only({"percent"})
    return reader.share("percent")


def _cap(reader: Reader | None) -> MoneyCap | None:
    if reader is None:
        return None
    reader.only({"amount", "currency"})
    amount, currency = reader.number("amount"), reader.currency()
    return None if amount is None or currency is None else MoneyCap(amount, currency)


def _budget(reader: Reader | None) -> ChainBudget | None:
    if reader is None:
        return None
    reader.only({"percent_of", "percent", "per_lot", "currency"})
    if reader.has("per_lot"):
        for key in ("percent_of", "percent"):
            if reader.has(key):
                reader.refuse(key, FaultCode.TWO_BUDGETS)
        amount, currency = reader.number("per_lot"), reader.currency()
        return None if amount is None else ChainBudget(BudgetOf.PER_LOT, amount, currency)
    if not reader.has("percent_of"):
        reader.refuse("percent_of", FaultCode.NO_BASE)
    if reader.has("currency"):
        reader.refuse("currency", FaultCode.UNKNOWN_KEY)
    of = reader.choice("percent_of", BudgetOf, BudgetOf.COMMISSION)
    if of is BudgetOf.PER_LOT:
        reader.refuse("percent_of", FaultCode.NOT_ONE_OF, "commission, spread")
    percent = reader.share("percent")
    return None if percent is None else ChainBudget(of, percent)


def _client_rebate(reader: Reader | None) -> Decimal | None:
    if reader is None:
        return None
    reader.only({"percent", "from"})
    if reader.plain.get("from", "own") != "own":
        reader.refuse("from", FaultCode.NOT_ONE_OF, "own")
    return reader.share("percent")


def _tiers(reader: Reader | None) -> Tiers | None:
    if reader is None:
        return None
    reader.only({"measure", "scope", "period", "mode", "steps"})
    if reader.plain.get("period", "month") != "month":
        reader.refuse("period", FaultCode.NOT_ONE_OF, "month")
    measure = reader.choice("measure", TierMeasure, TierMeasure.LOTS)
    mode = reader.choice("mode", TierMode, TierMode.WHOLE_PERIOD)
    if mode is TierMode.MARGINAL and measure is TierMeasure.ACTIVE_CLIENTS:
        reader.refuse("mode", FaultCode.MARGINAL_CLIENTS)
    starts = _steps(reader, "from", "factor", from_zero=True)
    steps = tuple(TierStep(start, factor) for start, factor in starts)
    return Tiers(measure, reader.choice("scope", TierScope, TierScope.DIRECT), mode, steps)


def _cpa(reader: Reader | None) -> Cpa | None:
    if reader is None:
        return None
    reader.only({"steps", "min_lots", "currency", "recover"})
    steps = tuple(CpaStep(*pair) for pair in _steps(reader, "net_deposit", "pay", from_zero=False))
    currency = reader.currency()
    return Cpa(
        steps=steps,
        currency=currency or "",
        min_lots=reader.number("min_lots", needed=False) or Decimal(0),
        recover=reader.flag("recover"),
    )


def _steps(reader: Reader, start_key: str, value_key: str, *, from_zero: bool) -> list[tuple[Decimal, Decimal]]:
    """Return (start, value) of all steps; the starts must rise, and begin at 0 where the first step is the default."""
    rows = reader.tables("steps")
    if not rows:
        reader.refuse("steps", FaultCode.EMPTY)
    steps: list[tuple[Decimal, Decimal]] = []
    for row in rows:
        row.only({start_key, value_key})
        start, value = row.number(start_key), row.number(value_key)
        if start is None or value is None:
            continue
        if steps and start <= steps[-1][0]:
            row.refuse(start_key, FaultCode.NOT_RISING, start)
        if not steps and from_zero and start != 0:
            row.refuse(start_key, FaultCode.NOT_FROM_ZERO, start)
        steps.append((start, value))
    return steps
