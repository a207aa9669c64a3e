"""Parameters of a request, read with the return codes of a real server."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation


class ApiError(Exception):
    """A call that ends with a return code other than 0."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


INVALID = 3
NOT_FOUND = 13


class Query:
    def __init__(self, params: Mapping[str, str]) -> None:
        self._params = params

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

    def money(self, name: str) -> Decimal:
        try:
            value = Decimal(self.text(name))
        except InvalidOperation:
            raise ApiError(INVALID, f"Invalid parameters: {name}") from None
        if not value.is_finite():
            raise ApiError(INVALID, f"Invalid parameters: {name}")
        return value

    def items(self) -> list[tuple[str, str]]:
        return list(self._params.items())
