"""Make and change account types."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import Forbidden, InvalidInput
from core.money import quantize
from trading.models import MtGroup
from trading.operations.account_models import AccountType

EDIT_RIGHT = "trading.edit_account_type"


class TypeNameTaken(InvalidInput):
    code = "account_type_name_taken"
    message = _("Another type of account has this name.")


@dataclass(frozen=True, slots=True)
class TypeTerms:
    """Everything that a type says but its name and its group."""

    leverages: list[int]  # ascending
    is_demo: bool = False
    starting_balance: Decimal = Decimal(0)  # group's currency; demo only
    most_per_client: int = 5
    login_from: int | None = None
    login_until: int | None = None
    needs_approval: bool = False
    leverage_needs_approval: bool = False
    leverage_margin_percent: int | None = None
    is_offered: bool = True


@transaction.atomic
def save_account_type(
    *, known: AccountType | None, name: str, mt_group: MtGroup, terms: TypeTerms, actor: Actor, now: datetime
) -> AccountType:
    """Make a type, or change one; accounts that are open keep what they have.

    :raises Forbidden: the actor may not.
    :raises InvalidInput: the starting balance has too many decimals. :raises TypeNameTaken: the name is used."""
    if not actor.has(EDIT_RIGHT):
        raise Forbidden
    if terms.starting_balance != quantize(terms.starting_balance, mt_group.currency_digits):
        raise InvalidInput(field="starting_balance")
    row = AccountType.objects.select_for_update(of=("self",)).get(pk=known.pk) if known else AccountType()
    before = _shown(row) if known else None
    row.name, row.mt_group, row.server_id = name, mt_group, mt_group.server_id
    for field, value in asdict(terms).items():
        setattr(row, field, value)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        if "name" not in str(error):
            raise
        raise TypeNameTaken(field="name") from error
    record_audit(
        actor=actor, action=EDIT_RIGHT, object_type="account_type", object_id=row.pk, before=before, after=_shown(row),
        now=now,
    )  # fmt: skip
    return row


def _shown(row: AccountType) -> dict[str, object]:
    fields = TypeTerms.__dataclass_fields__
    return {"name": row.name, "mt_group": row.mt_group.name, **{name: getattr(row, name) for name in fields}}
