"""Signing in, and what a signed-in manager may run: the same for REST and the raw protocol."""

import secrets
from dataclasses import dataclass, field

from mt4bridge.simulator.api import Api
from mt4bridge.simulator.faults import Faults
from mt4bridge.simulator.manager import FORBIDDEN_STATUS, Manager
from mt4bridge.simulator.outcome import Outcome
from mt4bridge.simulator.query import NOT_PERMITTED, ApiError, Query
from mt4bridge.webapi import wire

VERSION = "3661"
UNKNOWN_MANAGER, NOT_IMPLEMENTED = 1001, 12000


class Forbidden(Exception):
    """What HTTP answers by 403: not signed in, wrong password, or a command that is not allowed (on some servers)."""


@dataclass(slots=True)
class Visit:
    """One connection and who it is. A session dies with its connection."""

    manager: Manager | None = None  # signed in
    claimed: Manager | None = None  # has asked for a challenge
    srv_rand: str = field(default="", repr=False)


class Reception:
    def __init__(self, api: Api, faults: Faults, managers: list[Manager]) -> None:
        self._api = api
        self._faults = faults
        self._managers = {manager.login: manager for manager in managers}
        self._keys = {manager.login: wire.password_key(manager.password) for manager in managers}

    def start(self, visit: Visit, query: Query) -> str:
        """Hand out a challenge, whoever asks.

        :raises ApiError: 1001, no such manager."""
        visit.manager = None
        visit.claimed = self._managers.get(query.number("login"))
        if visit.claimed is None or query.text("type", "manager").lower() != "manager":
            raise ApiError(UNKNOWN_MANAGER, "Invalid account")
        visit.srv_rand = secrets.token_hex(16)
        return visit.srv_rand

    def finish(self, visit: Visit, query: Query) -> str:
        """Check the client's proof of the password and return the server's. A challenge is good for one try.

        :raises Forbidden: wrong. :raises ApiError: 3, not hexadecimal."""
        challenge, visit.srv_rand = visit.srv_rand, ""
        if visit.claimed is None or not challenge:
            raise Forbidden
        key = self._keys[visit.claimed.login]
        if not wire.same_proof(wire.answer_to(key, challenge), query.text("srv_rand_answer")):
            raise Forbidden
        try:
            proof = wire.answer_to(key, query.text("cli_rand"))
        except ValueError:
            raise ApiError(3, "Invalid parameters: cli_rand") from None
        visit.manager = visit.claimed
        return secrets.token_hex(16) if self._faults.strikes("impostor") else proof

    def key_of(self, manager: Manager) -> bytes:
        return self._keys[manager.login]

    def run(self, manager: Manager, path: str, query: Query) -> Outcome:
        """Carry out a command.

        :raises ApiError: with its return code. :raises Forbidden: as some servers refuse."""
        how = manager.forbidden.get(path)
        if how == FORBIDDEN_STATUS:
            raise Forbidden
        if how is not None:
            raise ApiError(NOT_PERMITTED, "Not enough permissions")
        command = self._api.commands.get(path)
        if command is None:
            raise ApiError(NOT_IMPLEMENTED, "Not implemented")
        return command(query)
