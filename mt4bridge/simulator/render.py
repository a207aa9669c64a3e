"""The simulator's records as the JSON of a real server: every field of the documentation, every scalar a string."""

import json
from decimal import Decimal

from mt4bridge.simulator.records import SimDeal, SimGroup, SimOrder, SimPosition, SimState, SimSymbol, SimUser

Fields = dict[str, object]
_PER_VOLUME = 10_000


def money(amount: Decimal, digits: int) -> str:
    return f"{amount:.{max(digits, 2)}f}"


def deal_text(deal: SimDeal, currency_digits: int) -> str:
    """Return a deal's JSON text; rendered once until the deal changes."""
    if not deal.text:
        deal.text = json.dumps(_deal(deal, currency_digits), ensure_ascii=False, separators=(",", ":"))
    return deal.text


def _deal(deal: SimDeal, currency_digits: int) -> Fields:
    price = f".{deal.digits}f"
    return {
        "Deal": str(deal.ticket), "ExternalID": deal.external_id, "Login": str(deal.login), "Dealer": str(deal.dealer),
        "Order": str(deal.order), "Action": str(deal.action), "Entry": str(deal.entry), "Reason": str(deal.reason),
        "Digits": str(deal.digits), "DigitsCurrency": str(currency_digits),
        "ContractSize": f"{deal.contract_size:.2f}", "Time": str(deal.time_ms // 1000), "TimeMsc": str(deal.time_ms),
        "Symbol": deal.symbol, "Price": f"{deal.price:{price}}", "PriceSL": f"{deal.sl:{price}}",
        "PriceTP": f"{deal.tp:{price}}", "Volume": str(deal.volume_e8 // _PER_VOLUME), "VolumeExt": str(deal.volume_e8),
        "Profit": money(deal.profit, currency_digits), "Value": "0.00", "Storage": money(deal.swap, currency_digits),
        "Commission": money(deal.commission, currency_digits), "Fee": money(deal.fee, currency_digits),
        "RateProfit": "1.00000000", "RateMargin": "1.00000000", "ExpertID": str(deal.magic),
        "PositionID": str(deal.position), "Comment": deal.comment, "ProfitRaw": money(deal.profit, currency_digits),
        "PricePosition": f"{deal.price_position:{price}}", "VolumeClosed": str(deal.closed_e8 // _PER_VOLUME),
        "VolumeClosedExt": str(deal.closed_e8), "TickValue": "0.00", "TickSize": "0.00000", "Flags": "0",
        "Gateway": "", "PriceGateway": f"{0:{price}}", "ModificationFlags": str(deal.flags),
        "MarketBid": f"{deal.bid:{price}}", "MarketAsk": f"{deal.ask:{price}}", "MarketLast": f"{0:{price}}",
        "VolumeGatewayExt": "0", "ActionGateway": "0", "PartyID": "", "ApiData": [],
    }  # fmt: skip


def position(item: SimPosition, currency_digits: int) -> Fields:
    price = f".{item.digits}f"
    return {
        "Position": str(item.position), "ExternalID": "", "Login": str(item.login), "Dealer": "0",
        "Symbol": item.symbol, "Action": str(item.action), "Digits": str(item.digits),
        "DigitsCurrency": str(currency_digits), "Reason": str(item.reason),
        "ContractSize": f"{item.contract_size:.2f}", "TimeCreate": str(item.opened_ms // 1000),
        "TimeUpdate": str(item.opened_ms // 1000), "TimeCreateMsc": str(item.opened_ms),
        "TimeUpdateMsc": str(item.opened_ms), "ModifyFlags": "0", "PriceOpen": f"{item.price_open:{price}}",
        "PriceCurrent": f"{item.price_current:{price}}", "PriceSL": f"{item.sl:{price}}",
        "PriceTP": f"{item.tp:{price}}", "Volume": str(item.volume_e8 // _PER_VOLUME),
        "VolumeExt": str(item.volume_e8), "Profit": money(item.profit, currency_digits),
        "Storage": money(item.swap, currency_digits), "RateProfit": "1.00000000", "RateMargin": "1.00000000",
        "ExpertID": str(item.magic), "ExpertPositionID": str(item.position), "Comment": item.comment,
        "ActivationMode": "0", "ActivationTime": "0", "ActivationPrice": f"{0:{price}}", "ActivationFlags": "0",
        "ApiData": [],
    }  # fmt: skip


def order(item: SimOrder, currency_digits: int) -> Fields:
    price, left = f".{item.digits}f", item.volume_e8 - item.filled_e8
    return {
        "Order": str(item.order), "ExternalID": "", "Login": str(item.login), "Dealer": "0", "Symbol": item.symbol,
        "Digits": str(item.digits), "DigitsCurrency": str(currency_digits),
        "ContractSize": f"{item.contract_size:.2f}", "State": str(item.state), "Reason": str(item.reason),
        "TimeSetup": str(item.placed_ms // 1000), "TimeExpiration": str(item.expires_s),
        "TimeDone": str(item.done_ms // 1000), "TimeSetupMsc": str(item.placed_ms), "TimeDoneMsc": str(item.done_ms),
        "ModifyFlags": "0", "Type": str(item.kind), "TypeFill": "0" if item.kind < 2 else "2",
        "TypeTime": "2" if item.expires_s else "0", "PriceOrder": f"{item.price:{price}}",
        "PriceTrigger": f"{0:{price}}", "PriceCurrent": f"{item.price:{price}}", "PriceSL": f"{item.sl:{price}}",
        "PriceTP": f"{item.tp:{price}}", "VolumeInitial": str(item.volume_e8 // _PER_VOLUME),
        "VolumeInitialExt": str(item.volume_e8), "VolumeCurrent": str(left // _PER_VOLUME),
        "VolumeCurrentExt": str(left), "ExpertID": str(item.magic), "PositionID": str(item.position),
        "PositionByID": "0", "Comment": item.comment, "ActivationMode": "0", "ActivationTime": "0",
        "ActivationPrice": f"{0:{price}}", "ActivationFlags": "0", "ApiData": [],
    }  # fmt: skip


def account(state: SimState) -> Fields:
    digits = state.currency_digits
    level = state.equity / state.margin * 100 if state.margin else Decimal(0)
    return {
        "Login": str(state.login), "CurrencyDigits": str(digits), "Balance": money(state.balance, digits),
        "Credit": money(state.credit, digits), "Margin": money(state.margin, digits),
        "MarginFree": money(state.margin_free, digits), "MarginLevel": f"{level:.2f}",
        "MarginLeverage": str(state.leverage), "MarginInitial": "0.00", "MarginMaintenance": "0.00",
        "Profit": money(state.profit, digits), "Storage": money(state.swap, digits), "Commission": "0.00",
        "Floating": money(state.floating, digits), "Equity": money(state.equity, digits), "SOActivation": "0",
        "SOTime": "0", "SOLevel": "0.00", "SOEquity": "0.00", "SOMargin": "0.00", "BlockedCommission": "0.00",
        "BlockedProfit": "0.00", "Assets": "0.00", "Liabilities": "0.00",
    }  # fmt: skip


def user(item: SimUser, state: SimState) -> Fields:
    first, _, last = item.name.rpartition(" ")
    fields: Fields = {
        "Login": str(item.login), "Group": item.group, "CertSerialNumber": "0", "Rights": str(item.rights), "MQID": "",
        "Registration": str(item.registered_s), "LastAccess": str(item.last_access_s or item.registered_s),
        "LastPassChange": str(item.password_changed_s or item.registered_s), "LastIP": "203.0.113.7",
        "Name": item.name, "FirstName": first or last,
        "LastName": last if first else "", "MiddleName": "", "Company": "", "Account": "", "Country": item.country,
        "Language": "1033",
        "ClientID": "0", "City": "", "State": "", "ZipCode": "", "Address": "", "Phone": "", "Email": item.email,
        "ID": "", "Status": "RE", "Comment": item.comment, "Color": "4278190080", "PhonePassword": "",
        "Leverage": str(item.leverage), "Agent": str(item.agent),
        "Balance": money(state.balance, state.currency_digits),
        "Credit": money(state.credit, state.currency_digits), "InterestRate": "0.00", "CommissionDaily": "0.00",
        "CommissionMonthly": "0.00", "CommissionAgentDaily": "0.00", "CommissionAgentMonthly": "0.00",
        "BalancePrevDay": "0.00", "BalancePrevMonth": "0.00", "EquityPrevDay": "0.00", "EquityPrevMonth": "0.00",
        "TradeAccounts": "", "LeadCampaign": "", "LeadSource": "", "LimitOrders": "0", "LimitPositions": "0",
        "ApiData": [],
    }  # fmt: skip
    fields.update(item.more)
    return fields


def group(item: SimGroup) -> Fields:
    return {
        "Group": item.name, "Server": "1", "PermissionsFlags": "2", "AuthMode": "0", "AuthPasswordMin": "8",
        "Company": "Simulated Broker", "CompanyPage": "", "CompanyEmail": "", "CompanySupportPage": "",
        "CompanySupportEmail": "", "CompanyCatalog": "", "Currency": item.currency,
        "CurrencyDigits": str(item.currency_digits), "ReportsMode": "0", "TradeFlags": "31", "MarginMode": "2",
        "MarginSOMode": "0", "MarginCall": "100.00", "MarginStopOut": "50.00", "DemoLeverage": str(item.leverage),
        "DemoDeposit": "0.00", "LimitHistory": "0", "LimitOrders": "0", "LimitSymbols": "0", "LimitPositions": "0",
        "Commissions": [], "Symbols": [],
    }  # fmt: skip


def symbol(item: SimSymbol) -> Fields:
    point = f"{Decimal(1).scaleb(-item.digits):f}"
    return {
        "Symbol": item.name, "Path": item.path, "Description": item.description, "CurrencyBase": item.currency_base,
        "CurrencyProfit": item.currency_profit, "CurrencyMargin": item.currency_base, "Digits": str(item.digits),
        "Point": point, "TickSize": point, "Multiply": f"{10**item.digits}.00",
        "ContractSize": f"{item.contract_size:.2f}", "VolumeMin": "100", "VolumeMinExt": "1000000",
        "VolumeMax": "10000000", "VolumeMaxExt": "100000000000", "VolumeStep": "100", "VolumeStepExt": "1000000",
        **dict.fromkeys(("CurrencyBaseDigits", "CurrencyProfitDigits", "CurrencyMarginDigits", "ExecMode"), "2"),
        **dict.fromkeys(_SYMBOL_TEXTS, ""), **dict.fromkeys(_SYMBOL_NUMBERS, "0"),
        **dict.fromkeys(_SYMBOL_RATES, "0.00"), "TradeMode": "4", "SwapMode": "1", "Swap3Day": "3",
        "Color": "4278190080", "ColorBackground": "4278190080", "FillFlags": "3", "ExpirFlags": "15",
        "OrderFlags": "127", "SessionsQuotes": _WEEK, "SessionsTrades": _WEEK,
    }  # fmt: skip


_SYMBOL_TEXTS = ("ISIN", "International", "Basis", "Source", "Page", "Category", "Exchange", "CFI", "Country")
_SYMBOL_NUMBERS = (
    "TickFlags", "TickBookDepth", "TickChartMode", "FilterSoft", "FilterSoftTicks", "FilterHard", "FilterHardTicks",
    "FilterDiscard", "FilterSpreadMax", "FilterSpreadMin", "FilterGap", "FilterGapTicks", "TradeFlags", "CalcMode",
    "GTCMode", "Spread", "SpreadBalance", "SpreadDiff", "SpreadDiffBalance", "StopsLevel", "FreezeLevel",
    "QuotesTimeout", "VolumeLimit", "VolumeLimitExt", "MarginFlags", "TimeStart", "TimeExpiration", "REFlags",
    "RETimeout", "IEFlags", "IECheckMode", "IETimeout", "IESlipProfit", "IESlipLosing", "IEVolumeMax",
    "IEVolumeMaxExt", "OptionMode", "OptionsMode", "SpliceType", "SpliceTimeType", "SpliceTimeDays", "Sector",
    "Industry", "SubscriptionsDelay",
)  # fmt: skip
_ORDER_KINDS = ("Buy", "Sell", "BuyLimit", "SellLimit", "BuyStop", "SellStop", "BuyStopLimit", "SellStopLimit")
_SYMBOL_RATES = (
    "TickValue", "MarginInitial", "MarginMaintenance", "MarginLiquidity", "MarginHedged", "MarginCurrency",
    "MarginLong", "MarginShort", "MarginLimit", "MarginStop", "MarginStopLimit", "SwapLong", "SwapShort",
    "PriceSettle", "PriceLimitMax", "PriceLimitMin", "PriceStrike", "FaceValue", "AccruedInterest",
    *(f"Margin{phase}{kind}" for phase in ("Initial", "Maintenance") for kind in _ORDER_KINDS),
)  # fmt: skip
_OPEN_DAY: list[Fields] = [{"Open": "0", "Close": "1440"}]
_WEEK: list[list[Fields]] = [[], *([_OPEN_DAY] * 5), []]
