"""People who get notices."""

from datetime import datetime

from access.enums import UserKind
from access.models import User
from access.services import create_user
from access.types import Actor


def make_user(email: str, *, now: datetime, kind: UserKind = UserKind.CLIENT, language: str = "en") -> User:
    return create_user(
        email=email, name="Iris Berg", kind=kind, actor=Actor.system("test"), now=now, password="a-long-Passw0rd!",
        language=language,
    )  # fmt: skip
