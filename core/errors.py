"""Expected failures: every refusal a person can meet is a DomainError with a code and a sentence."""

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """An expected failure. Doors map it to `http_status`; payload faults are 422.

    `message` may hold %(name)s fields, filled from the keyword arguments."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 409
    message: ClassVar["str | Promise"] = _("This could not be done.")

    def __init__(self, *, field: str | None = None, **params: Any) -> None:
        super().__init__(self.code)
        self.field = field
        self.params = params

    def __str__(self) -> str:
        text = str(self.message)
        return text % self.params if self.params else text


class InvalidInput(DomainError):
    """A value that was sent cannot be used; `field` names it."""

    code = "invalid_input"
    http_status = 422
    message = _("This value cannot be used.")


class NotFound(DomainError):
    """What was asked for does not exist here, or the actor may not see it."""

    code = "not_found"
    http_status = 404
    message = _("This does not exist.")


class Forbidden(DomainError):
    """The actor lacks a right."""

    code = "forbidden"
    http_status = 403
    message = _("You do not have the right to do this.")
