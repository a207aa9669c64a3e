"""Parameters of a request, read with the return codes of a real server."""

from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation

from mt4bridge.simulator.manager import Manager


class ApiError(Exception):
    """A call that ends with a return code other than 0."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


INVALID = 3
NOT_PERMITTED = 8
NOT_FOUND = 13
LARGEST = Decimal(10) ** 18
EVERYBODY = Manager(0, "")


class Query:
    """The parameters of one request and who asks. Names are in lower case; `body_names` came in a JSON body."""

    def __init__(
        self,
        params: Mapping[str, str],
        manager: Manager = EVERYBODY,
        body_names: Collection[str] = (),
    ) -> None:
        self._params = params
        self.manager = manager
        self.body_names = body_names

    def has(self, name: str) -> bool:
        return bool(self._params.get(name))

    def text(self, name: str, default: str | None = None) -> str:
        value = self._params.get(name, default)
        if value is None:
            raise ApiError(INVALID, f"Invalid parameters: {name}")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        if default is not None and not self.has(name):
            return default
        try:
            return int(self.text(name))
        except ValueError:
            raise ApiError(INVALID, f"Invalid parameters: {name}") from None

    def numbers(self, name: str) -> list[int]:
        """Return a comma list of numbers."""
        try:
            return [int(part) for part in self.text(name).split(",") if part.strip()]
        except ValueError:
            raise ApiError(INVALID, f"Invalid parameters: {name}") from None

    def either(self, *names: str) -> str:
        """Return the first of the parameters that is given and not empty; "" when none is."""
        return next((value for name in names if (value := self._params.get(name))), "")

    def decimal(self, name: str, default: Decimal) -> Decimal:
        return self.money(name) if self.has(name) else default

    def money(self, name: str) -> Decimal:
        try:
            value = Decimal(self.text(name))
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or abs(value) >= LARGEST:
            raise ApiError(INVALID, f"Invalid parameters: {name}")
        return value

    def items(self) -> list[tuple[str, str]]:
        return list(self._params.items())
