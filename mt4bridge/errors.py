"""Everything that can go wrong with an MT server, each with a code and a sentence for people. Plain Python.

The sentences are msgids: doors and health pages translate them by `gettext` and fill in `fields`
(`queries.error_in_words`)."""


def gettext_noop(text: str) -> str:
    """Mark a msgid for extraction; the translation happens where it is shown."""
    return text


class BridgeError(Exception):
    """A talk with an MT server failed. `code` is stable; `message` is an English msgid with %(name)s fields."""

    code = "bridge_error"
    message = gettext_noop("The trading server could not be used.")

    def __init__(self, **fields: object) -> None:
        super().__init__()
        self.fields = fields

    def __str__(self) -> str:
        return self.message % self.fields if self.fields else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.fields)


def _rebuild(kind: type[BridgeError], fields: dict[str, object]) -> BridgeError:
    return kind(**fields)


class ServerUnreachable(BridgeError):
    """Nothing was sent: no route, refused, time-out of connect or TLS."""

    code = "server_unreachable"
    message = gettext_noop(
        "The trading server at %(address)s does not answer (%(detail)s). Check the address, the server's allow-list of "
        "IP addresses, and whether it is in maintenance."
    )


class UntrustedCertificate(BridgeError):
    code = "untrusted_certificate"
    message = gettext_noop(
        "The certificate of %(address)s is not the expected one (%(detail)s). Nothing was sent. Check the pin or the "
        "CA file with the broker's administrator."
    )


class WrongPassword(BridgeError):
    code = "wrong_password"
    message = gettext_noop(
        "The trading server refuses manager %(login)s: the API password or the manager's right to connect is wrong. "
        "Set the password again; it is not the master password."
    )


class KeyRefused(BridgeError):
    """A bridge over HTTP does not accept our key or signature."""

    code = "key_refused"
    message = gettext_noop(
        "The bridge at %(address)s refuses key %(key)s (%(detail)s). Check the key, its secret, and the clock of the "
        "machine it runs on."
    )


class ImpostorServer(BridgeError):
    code = "impostor_server"
    message = gettext_noop(
        "The server at %(address)s could not prove that it knows the manager password. It may not be the broker's "
        "server. Nothing was read; check the address before you try again."
    )


class SessionLost(BridgeError):
    code = "session_lost"
    message = gettext_noop("The connection to the trading server broke off during %(path)s.")


class AccessDenied(BridgeError):
    """403 again, right after a successful sign-in."""

    code = "access_denied"
    message = gettext_noop(
        "The trading server forbids %(path)s although the manager is signed in. The manager may lack the right for it, "
        "or another session of the same manager takes over."
    )


class TooSlow(BridgeError):
    code = "too_slow"
    message = gettext_noop("The trading server did not finish its answer to %(path)s within %(seconds)s seconds.")


class MalformedAnswer(BridgeError):
    code = "malformed_answer"
    message = gettext_noop("The trading server's answer to %(path)s cannot be understood: %(detail)s.")


class AnswerTooLarge(BridgeError):
    code = "answer_too_large"
    message = gettext_noop("The trading server's answer to %(path)s is larger than %(megabytes)s MB.")


class HistoryMoved(BridgeError):
    code = "history_moved"
    message = gettext_noop("The deals of login %(login)s changed each time they were read; they are read again later.")


class OutcomeUnknown(BridgeError):
    """A write was sent and its result is not known."""

    code = "outcome_unknown"
    message = gettext_noop(
        "It is not known whether the trading server carried out %(path)s (%(detail)s). Read its deals back before "
        "a retry."
    )


class ServerBusy(BridgeError):
    """An HTTP status that is neither an answer nor a refusal: a proxy, a gateway, a server in maintenance."""

    code = "server_busy"
    message = gettext_noop(
        "The trading server, or a proxy before it, answered %(path)s with HTTP status %(status)s. It may be in "
        "maintenance or limit the number of requests."
    )


class Unsupported(BridgeError):
    """This way to the server cannot do it, whatever the manager's rights."""

    code = "unsupported"
    message = gettext_noop("A connection of kind %(kind)s cannot do this: %(capability)s. Use another kind for it.")


class MirrorRefused(BridgeError):
    """The database of a mirror does not let the reader in, or not at this table."""

    code = "mirror_refused"
    message = gettext_noop(
        "The database at %(address)s refuses the user %(user)s (%(detail)s). Check user, password, its right to read, "
        "and the addresses that the database allows."
    )


class MirrorIncomplete(BridgeError):
    code = "mirror_incomplete"
    message = gettext_noop(
        "The mirror's database has no %(missing)s. Check database, schema and platform, and that the read-only user "
        "may see it."
    )


class RoundFailed(BridgeError):
    """Something nobody expected stopped a round. It names no message of the failure: that may hold what is secret."""

    code = "round_failed"
    message = gettext_noop(
        "The last round of this server stopped: %(kind)s in %(place)s. Nothing is lost and it is tried again by "
        "itself; if it stays, give the reference %(reference)s to whoever runs the installation: the log has the rest."
    )


class ClockMismatch(BridgeError):
    """Raised before the first deal is stored; later it is an alarm on the server's page."""

    code = "clock_mismatch"
    message = gettext_noop(
        "The trading server's clock is %(minutes)s minutes away from the one that is set (%(zone)s, %(shift)s minutes "
        "added). Its deals would get wrong times, so none is read. Set the server's time zone."
    )


class UnsupportedServer(BridgeError):
    code = "unsupported_server"
    message = gettext_noop("No adapter reaches a server of kind %(kind)s.")


class Refused(BridgeError):
    """The server answered with a return code that means no."""

    code = "refused"
    message = gettext_noop("The trading server refused %(path)s with code %(retcode)s (%(text)s).")

    @property
    def retcode(self) -> int:
        return int(str(self.fields["retcode"]))


class InvalidParameters(Refused):
    code = "invalid_parameters"
    message = gettext_noop(
        "The trading server found an error in the parameters of %(path)s (code %(retcode)s, %(text)s)."
    )


class NoPermission(Refused):
    code = "no_permission"
    message = gettext_noop(
        "The manager has no right for %(path)s (code %(retcode)s, %(text)s). Grant it in MetaTrader Administrator."
    )


class ServerTroubled(Refused):
    """Codes that say the server could not do it now; for a write the outcome is not certain."""

    code = "server_troubled"
    message = gettext_noop("The trading server has trouble of its own with %(path)s (code %(retcode)s, %(text)s).")


class TooFrequent(Refused):
    code = "too_frequent"
    message = gettext_noop(
        "The trading server says the requests come too often (%(path)s, code %(retcode)s, %(text)s)."
    )


class NotFound(Refused):
    code = "not_found"
    message = gettext_noop("The trading server does not have what %(path)s asked for (code %(retcode)s, %(text)s).")


class SignInRefused(Refused):
    code = "sign_in_refused"
    message = gettext_noop("The trading server does not let the manager in (code %(retcode)s, %(text)s).")


class ManagerUnknown(SignInRefused):
    code = "manager_unknown"
    message = gettext_noop(
        "The trading server does not know this manager, or the manager is disabled (code %(retcode)s, %(text)s). "
        "Check the manager login in MetaTrader Administrator."
    )


class AddressBlocked(SignInRefused):
    code = "address_blocked"
    message = gettext_noop(
        "The trading server blocks our IP address (code %(retcode)s, %(text)s). Add it to the manager's list of "
        "allowed addresses."
    )


class WebApiDisabled(SignInRefused):
    code = "web_api_disabled"
    message = gettext_noop(
        "The manager may not use the Web API (code %(retcode)s, %(text)s). Switch it on for the access server and the "
        "manager in MetaTrader Administrator."
    )


class PasswordExpired(SignInRefused):
    code = "password_expired"
    message = gettext_noop(
        "The manager must change its password first (code %(retcode)s, %(text)s). Set a new API password in "
        "MetaTrader Administrator and enter it here."
    )


class OneTimePasswordNeeded(SignInRefused):
    code = "one_time_password_needed"
    message = gettext_noop(
        "The trading server asks for a one-time password (code %(retcode)s, %(text)s). Use a manager without it for "
        "the Web API."
    )


class ClientTooOld(SignInRefused):
    code = "client_too_old"
    message = gettext_noop(
        "The trading server wants a newer client (code %(retcode)s, %(text)s). This installation must be updated."
    )


class LoginTaken(Refused):
    """3002 to 3004: the wanted number, or every number of the server's range, is in use."""

    code = "login_taken"
    message = gettext_noop(
        "The trading server cannot give the account this number: it is in use, reserved, or the range of numbers is "
        "exhausted (code %(retcode)s, %(text)s)."
    )


class UserLimitReached(Refused):
    code = "user_limit_reached"
    message = gettext_noop("The trading server's licence allows no more accounts (code %(retcode)s, %(text)s).")


class AccountInUse(Refused):
    code = "account_in_use"
    message = gettext_noop(
        "The account has open positions or orders, so the trading server keeps it (code %(retcode)s, %(text)s)."
    )


class WrongGroup(Refused):
    """3009, 3010: the group is of another server or currency."""

    code = "wrong_group"
    message = gettext_noop(
        "The account cannot be in this group: it belongs to another server or has another currency (code "
        "%(retcode)s, %(text)s)."
    )


class AlreadyThere(Refused):
    code = "already_there"
    message = gettext_noop("The trading server has this already (%(path)s, code %(retcode)s, %(text)s).")


class CommandMissing(Refused):
    """12000 to 12002: this build or this server of the cluster does not carry out the command."""

    code = "command_missing"
    message = gettext_noop(
        "This trading server cannot do %(path)s (code %(retcode)s, %(text)s). Its build may be too old, or the "
        "address is not the main server's."
    )


class TradingClosed(Refused):
    code = "trading_closed"
    message = gettext_noop("Trading is closed or disabled there (%(path)s, code %(retcode)s, %(text)s).")


class WeakPassword(Refused):
    code = "weak_password"
    message = gettext_noop("The trading server rejects the password (code %(retcode)s, %(text)s).")


class AmountTooLarge(Refused):
    code = "amount_too_large"
    message = gettext_noop("The amount is above the trading server's limit (code %(retcode)s, %(text)s).")


class NotEnoughMoney(Refused):
    code = "not_enough_money"
    message = gettext_noop("The trading account does not have enough free money (code %(retcode)s, %(text)s).")


_BY_RETCODE: dict[int, type[Refused]] = {
    3: InvalidParameters,
    4: InvalidParameters,
    8: NoPermission,
    12: TooFrequent,
    13: NotFound,
    17: AlreadyThere,
    **dict.fromkeys((2, 5, 6, 7, 9, 10, 11, 14, 15, 16, 10001, 10002, 10012, 12003, 12004), ServerTroubled),
    **dict.fromkeys(range(1000, 1035), SignInRefused),
    **dict.fromkeys((1001, 1002, 1011), ManagerUnknown),
    1010: ClientTooOld,
    1012: AddressBlocked,
    1018: TooFrequent,
    **dict.fromkeys((1024, 1034), WebApiDisabled),
    1026: PasswordExpired,
    **dict.fromkeys((1027, 1028), OneTimePasswordNeeded),
    **dict.fromkeys((3002, 3003, 3004), LoginTaken),
    3006: WeakPassword,
    **dict.fromkeys((3007, 3019), UserLimitReached),
    3008: AccountInUse,
    **dict.fromkeys((3009, 3010), WrongGroup),
    **dict.fromkeys((4002, 4006), AlreadyThere),
    4005: AmountTooLarge,
    6001: NotFound,
    10013: InvalidParameters,
    **dict.fromkeys((10017, 10018), TradingClosed),
    10019: NotEnoughMoney,
    10024: TooFrequent,
    **dict.fromkeys((12000, 12001, 12002), CommandMissing),
}

UNCERTAIN_RETCODES = frozenset({2, 7, 9, 10, 11, 14, 15, 16, 17, 10001, 10002, 10012, 12003, 12004})
"""Return codes after which a write may have been carried out all the same."""


def refused(*, path: str, retcode: int, text: str) -> Refused:
    """Return the named error of a return code."""
    return _BY_RETCODE.get(retcode, Refused)(path=path, retcode=retcode, text=text)


def _family(kind: type[BridgeError]) -> list[type[BridgeError]]:
    return [kind, *(member for child in kind.__subclasses__() for member in _family(child))]


BY_CODE: dict[str, type[BridgeError]] = {kind.code: kind for kind in _family(BridgeError)}
"""Every named error by its code."""
