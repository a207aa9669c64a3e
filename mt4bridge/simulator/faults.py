"""Faults on switches, by name, and how often each was injected.

A switch is `name` (its usual rate), `name=0.05` (that share of the chances, seeded) or `name/7` (every seventh chance).
A chance is one request of the kind that the fault strikes."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FAULTS: dict[str, tuple[str, int]] = {
    "drop_mid_page": ("the connection is cut in the middle of a deal answer", 7),
    "truncated_json": ("a deal answer ends early, in a whole HTTP message", 7),
    "flap_403": ("a signed-in session gets 403 for one request and must sign in again", 9),
    "slow_answer": ("a read waits, by default 3 s, before it is answered", 11),
    "duplicate_rows": ("a deal answer repeats some of its rows", 5),
    "broken_row": ("one row of a deal answer loses its price and its login turns into text", 13),
    "late_deal": ("before a deal answer, a deal with an older time appears in the history", 6),
    "edited_deal": ("before a deal answer, a manager edits a deal of the last ones", 6),
    "deleted_deal": ("before a deal answer, a manager deletes a deal of the last ones", 12),
    "impostor": ("the server proves nothing: cli_rand_answer is wrong", 1),
    "busy": ("a read is refused with code 12, too frequent", 10),
    "not_json": ("a read is answered by a web page of a proxy", 10),
    "bad_gateway": ("a read is answered by HTTP status 502", 10),
    "maintenance": ("the server goes down for some seconds, by default 5", 400),
    "balance_lost": ("a balance operation is cut off before it is booked", 2),
    "balance_unanswered": ("a balance operation is booked and the connection cut before the answer", 2),
    "user_lost": ("a change of an account is cut off before it is carried out", 2),
    "user_unanswered": ("a change of an account is carried out and the connection cut before the answer", 2),
}
"""Name → what it does, and its usual rate: every n-th chance."""


class UnknownFault(ValueError):
    """A switch names no fault, or its rate makes no sense."""


@dataclass(slots=True)
class _Switch:
    every: int = 0
    share: float = 0.0
    chances: int = 0
    injected: int = 0


class Faults:
    """The switches of one server. Deterministic for a seed and an order of requests.

    `known` are the faults this server has: name → what it does, and its usual rate."""

    def __init__(
        self, switches: list[str], seed: int = 0, known: Mapping[str, tuple[str, int]] = MappingProxyType(FAULTS)
    ) -> None:
        self._known = known
        self._random = random.Random(seed)
        self._on: dict[str, _Switch] = {}
        self._injected: dict[str, int] = dict.fromkeys(known, 0)
        self.slow_seconds = 3.0
        self.maintenance_seconds = 5.0
        for switch in switches:
            self.turn_on(switch)

    def turn_on(self, switch: str) -> None:
        """Switch a fault on, or change its rate.

        :raises UnknownFault: no such fault, or a rate that is neither a share nor a number."""
        name, every, share = _parsed(switch, self._known)
        self._on[name] = _Switch(every=every, share=share)

    def turn_off(self, name: str) -> None:
        """Switch one fault off; "all" means every one."""
        if name == "all":
            self._on.clear()
        self._on.pop(name, None)

    def strikes(self, name: str) -> bool:
        """Say whether the fault strikes at this chance, and count it."""
        switch = self._on.get(name)
        if switch is None:
            return False
        switch.chances += 1
        hit = switch.chances % switch.every == 0 if switch.every else self._random.random() < switch.share
        if hit:
            self._injected[name] += 1
        return hit

    def pick(self, choices: list[int]) -> int:
        """Choose one of the choices (seeded)."""
        return self._random.choice(choices)

    def report(self) -> dict[str, int]:
        """Return how often each fault was injected since the start."""
        return dict(self._injected)

    def active(self) -> list[str]:
        return sorted(self._on)


def _parsed(switch: str, known: Mapping[str, tuple[str, int]]) -> tuple[str, int, float]:
    name, slash, every = switch.partition("/")
    name, equals, share = name.partition("=")
    if name not in known:
        raise UnknownFault(f"There is no fault {name!r}. The faults are: {', '.join(known)}.")
    try:
        if slash:
            return name, max(int(every), 1), 0.0
        if equals:
            return name, 0, float(share)
    except ValueError:
        raise UnknownFault(f"The rate in {switch!r} must be like {name}=0.05 or {name}/7.") from None
    return name, known[name][1], 0.0
