"""What a command answers, before it takes the form of REST or of the raw protocol."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of a successful command."""

    text: str = ""  # JSON of the `answer` member; "" when the answer is the return code alone
    keys: Mapping[str, str] = field(default_factory=dict)  # what the raw protocol says before the JSON: TOTAL, TICKET…
    is_bare: bool = False  # the raw protocol says it by `keys` alone
    beside: Mapping[str, str] = field(default_factory=dict)  # members next to `answer` (trans_id)

    def rest(self) -> str:
        """Return the body of the HTTP answer."""
        head = retcode_member(0, "Done") + "".join(
            f",{_json(key)}:{_json(value)}" for key, value in self.beside.items()
        )
        return "{" + head + (f',"answer":{self.text}' if self.text else "") + "}"


DONE = Outcome()


def answer(value: object, **keys: str) -> Outcome:
    """Return an outcome with an answer made of plain values."""
    return Outcome(_json(value), keys)


def bare(value: object, **keys: str) -> Outcome:
    """Return an outcome that the raw protocol says without JSON."""
    return Outcome(_json(value), keys, is_bare=True)


def rows(texts: list[str]) -> Outcome:
    """Return an outcome of rows that are JSON text already."""
    return Outcome("[" + ",".join(texts) + "]", {"TOTAL": str(len(texts))})


def total(count: int) -> Outcome:
    return bare({"total": str(count)}, TOTAL=str(count))


def refusal(number: int, text: str) -> str:
    """Return the body of an HTTP answer that is a return code alone."""
    return "{" + retcode_member(number, text) + "}"


def retcode_member(number: int, text: str) -> str:
    return f'"retcode":{_json(f"{number} {text}")}'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
