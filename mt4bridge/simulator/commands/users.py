"""user/*: accounts, their passwords, their trade state, the archive."""

from mt4bridge.simulator import outcome, render
from mt4bridge.simulator.commands.desk import Command, Desk
from mt4bridge.simulator.outcome import DONE, Outcome, answer
from mt4bridge.simulator.query import INVALID, NOT_FOUND, NOT_PERMITTED, ApiError, Query
from mt4bridge.simulator.records import SimUser

FIRST_LOGIN = 100_001
EXISTS, WEAK_PASSWORD, HAS_TRADES, OTHER_CURRENCY = 3004, 3006, 3008, 3010
READ_ONLY, MUST_CHANGE = 0x200, 0x400
LENGTHS = {
    "Company": 63,
    "Address": 127,
    "Comment": 63,
    "ID": 31,
    "Status": 15,
    "Country": 31,
    "Email": 63,
    "Phone": 31,
}
PASSWORDS = {"main": ("passmain", "pass_main", "mainpassword"),
             "investor": ("passinvestor", "pass_investor", "investpassword")}  # fmt: skip
KINDS = ("main", "investor", "api")
_NAME_PARTS = ("FirstName", "MiddleName", "LastName")
_KEPT = (
    "MQID", "FirstName", "MiddleName", "LastName", "Company", "Account", "Language", "ClientID", "City", "State",
    "ZipCode", "Address", "Phone", "ID", "Status", "Color", "PhonePassword", "TradeAccounts", "LeadCampaign",
    "LeadSource", "LimitOrders", "LimitPositions",
)  # fmt: skip
_SPELLINGS = {**{name.lower(): name for name in _KEPT}, "pass_phone": "PhonePassword"}
_NUMBERS = frozenset(("Language", "ClientID", "Color", "LimitOrders", "LimitPositions"))


class Users:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._book = desk.book
        self.commands: dict[str, Command] = {
            "/api/user/get": self.get,
            "/api/user/get_external": self.get_external,
            "/api/user/get_batch": self.get_batch,
            "/api/user/logins": self.logins,
            "/api/user/total": lambda query: outcome.total(len(desk.logins_in(desk.groups(query)))),
            "/api/user/group": self.group,
            "/api/user/add": self.add,
            "/api/user/update": self.update,
            "/api/user/delete": self.delete,
            "/api/user/check_password": self.check_password,
            "/api/user/change_password": self.change_password,
            "/api/user/account/get": self.account_get,
            "/api/user/account/get_batch": self.account_get_batch,
            "/api/user/check_balance": self.check_balance,
            "/api/user/archive/add": self.archive_add,
            "/api/user/archive/get": self.archive_get,
            "/api/user/archive/get_batch": self.archive_get_batch,
            "/api/user/restore": self.restore,
        }

    def get(self, query: Query) -> Outcome:
        return self._shown(self._desk.user(query))

    def get_external(self, query: Query) -> Outcome:
        wanted = f"{query.text('gateway', '')}={query.text('account')}"
        for user in self._book.users.values():
            if wanted in user.more.get("TradeAccounts", "").split("|"):
                return self._shown(self._desk.permitted(query, user))
        raise ApiError(NOT_FOUND, "Not found")

    def get_batch(self, query: Query) -> Outcome:
        return answer([self._fields(self._book.users[login]) for login in self._desk.logins(query)])

    def logins(self, query: Query) -> Outcome:
        groups = self._desk.groups(query, query.text("group", "*") or "*")
        return answer([str(login) for login in self._desk.logins_in(groups)])

    def group(self, query: Query) -> Outcome:
        group = self._desk.user(query).group
        return answer({"group": group}, GROUP=group)

    def add(self, query: Query) -> Outcome:
        group, leverage = query.text("group"), query.number("leverage")
        if group not in self._desk.groups(query):
            unseen = group in self._book.groups
            raise ApiError(*((NOT_PERMITTED, "Not enough permissions") if unseen else (NOT_FOUND, "Not found")))
        login = query.number("login", 0) or max([*self._book.users, *self._book.archive, FIRST_LOGIN - 1]) + 1
        if login in self._book.users or login in self._book.archive:
            raise ApiError(EXISTS, "Login already exists")
        if login < 0 or leverage < 1 or not (query.either("name", "firstname", "lastname")):
            raise ApiError(INVALID, "Invalid parameters")
        now_s = self._desk.now_ms() // 1000
        user = SimUser(
            login=login, group=group, name="", leverage=leverage, registered_s=now_s, password_changed_s=now_s
        )
        for kind, spellings in PASSWORDS.items():
            user.passwords[kind] = strong(query.either(*spellings))
        fill(user, query)
        self._book.put_user(user)
        return self._shown(user)

    def update(self, query: Query) -> Outcome:
        user = self._desk.user(query)
        group = query.text("group", "") or user.group
        if group not in self._desk.groups(query):
            unseen = group in self._book.groups
            raise ApiError(*((NOT_PERMITTED, "Not enough permissions") if unseen else (NOT_FOUND, "Not found")))
        if self._book.groups[group].currency != self._book.groups[user.group].currency:
            raise ApiError(OTHER_CURRENCY, "Group currency differs")
        if self._desk.update_clears and query.body_names:
            user.more = {}
            user.email = user.country = user.comment = ""
            user.agent = 0
        user.group = group
        user.leverage = query.number("leverage", user.leverage)
        fill(user, query)
        self._book.put_user(user)
        return self._shown(user)

    def delete(self, query: Query) -> Outcome:
        user = self._desk.user(query)
        self._refuse_trades(user)
        self._book.remove_user(user.login)
        return DONE

    def check_password(self, query: Query) -> Outcome:
        user, kind, given = self._desk.user(query), _kind(query), query.text("password")
        if not given or user.passwords.get(kind) != given:
            raise ApiError(WEAK_PASSWORD, "Invalid password")
        return DONE

    def change_password(self, query: Query) -> Outcome:
        user, kind = self._desk.user(query), _kind(query)
        user.passwords[kind] = strong(query.text("password"))
        user.password_changed_s = self._desk.now_ms() // 1000
        user.rights &= ~MUST_CHANGE
        self._book.put_user(user)
        return DONE

    def account_get(self, query: Query) -> Outcome:
        return answer(render.account(self._book.state_of(self._desk.user(query).login)))

    def account_get_batch(self, query: Query) -> Outcome:
        return answer([render.account(self._book.state_of(login)) for login in self._desk.logins(query)])

    def check_balance(self, query: Query) -> Outcome:
        """The book's balances are always the sums of its deals, so both figures agree and nothing is ever fixed."""
        state = self._book.state_of(self._desk.user(query).login)
        balance = render.money(state.balance, state.currency_digits)
        credit = render.money(state.credit, state.currency_digits)
        return answer({"Balance": {"User": balance, "History": balance}, "Credit": {"User": credit, "History": credit}})

    def archive_add(self, query: Query) -> Outcome:
        user = self._desk.user(query)
        self._refuse_trades(user)
        self._book.archive_user(user.login)
        return DONE

    def archive_get(self, query: Query) -> Outcome:
        return answer(self._archived_fields(self._archived(query, query.number("login"))))

    def archive_get_batch(self, query: Query) -> Outcome:
        groups = self._desk.groups(query, query.text("group", "*") or "*")
        wanted = query.numbers("login") if query.has("login") else sorted(self._book.archive)
        users = [self._book.archive[login][0] for login in wanted if login in self._book.archive]
        return answer([self._archived_fields(user) for user in users if user.group in groups])

    def restore(self, query: Query) -> Outcome:
        return self._shown(self._book.restore_user(self._archived(query, query.number("login")).login))

    def _archived(self, query: Query, login: int) -> SimUser:
        if login not in self._book.archive:
            raise ApiError(NOT_FOUND, "Not found")
        return self._desk.permitted(query, self._book.archive[login][0])

    def _refuse_trades(self, user: SimUser) -> None:
        if self._book.positions_of(user.login) or self._book.orders_of(user.login, working=True):
            raise ApiError(HAS_TRADES, "User has trades")

    def _shown(self, user: SimUser) -> Outcome:
        return answer(self._fields(user), LOGIN=str(user.login))

    def _fields(self, user: SimUser) -> render.Fields:
        return render.user(user, self._book.state_of(user.login))

    def _archived_fields(self, user: SimUser) -> render.Fields:
        return render.user(user, self._book.state_of_deals(user, self._book.archive[user.login][1]))


def fill(user: SimUser, query: Query) -> None:
    """Set what the request names: spelled as documented, in any letter case, cut at the server's lengths."""
    given = {_SPELLINGS[name]: value for name, value in query.items() if name in _SPELLINGS}
    for name in _NUMBERS & given.keys():
        query.number(name.lower(), 0)  # refuses what is not a number
        given[name] = given[name] or "0"
    user.more.update({name: value[: LENGTHS.get(name, 127)] for name, value in given.items()})
    parts = [user.more.get(part, "") for part in _NAME_PARTS]
    if query.has("name"):
        user.name = query.text("name")[:127]
        if not given.keys() & set(_NAME_PARTS):
            user.more = {name: value for name, value in user.more.items() if name not in _NAME_PARTS}
    elif given.keys() & set(_NAME_PARTS):
        user.name = " ".join(filter(None, parts))[:127]
    user.email = query.text("email", user.email)[: LENGTHS["Email"]]
    user.country = query.text("country", user.country)[: LENGTHS["Country"]]
    user.comment = query.text("comment", user.comment)[: LENGTHS["Comment"]]
    user.agent = query.number("agent", user.agent)
    user.rights = query.number("rights", user.rights)


def strong(password: str) -> str:
    """Return a password that a real server would take: 8 to 16 characters of all four kinds.

    :raises ApiError: 3006."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    if not 8 <= len(password) <= 16 or not all(any(map(kind, password)) for kind in kinds):
        raise ApiError(WEAK_PASSWORD, "Invalid password")
    return password


def _kind(query: Query) -> str:
    kind = query.text("type", "main").lower()
    if kind not in KINDS:
        raise ApiError(INVALID, "Invalid parameters: type")
    return kind
