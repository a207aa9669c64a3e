"""How far a round of settlement has come: the next step goes on there. Losing it costs time, nothing else."""

from commissions.settlement.models import SettlementProgress

_ROW = 1


def stated_until(*, closing_id: int) -> int:
    """Return the last payee who has all statements of the cuts up to `closing_id`; a newer cut begins anew."""
    SettlementProgress.objects.get_or_create(pk=_ROW)
    rows = SettlementProgress.objects.filter(pk=_ROW)
    rows.filter(closing_id__lt=closing_id).update(closing_id=closing_id, stated_until=0)
    known, until = rows.values_list("closing_id", "stated_until").get()
    return until if known == closing_id else 0


def note_stated(*, closing_id: int, payee_id: int) -> None:
    """Note that every payee up to this one has the statements of the cuts up to `closing_id`."""
    rows = SettlementProgress.objects.filter(pk=_ROW, closing_id=closing_id, stated_until__lt=payee_id)
    rows.update(stated_until=payee_id)


def paid_until() -> int:
    """Return the last payee of the pass over those settled in real time that is under way; 0: none is."""
    until = SettlementProgress.objects.filter(pk=_ROW).values_list("paid_until", flat=True).first()
    return until or 0


def note_paid(*, payee_id: int) -> None:
    """Note where the pass over those settled in real time goes on; 0: it is over."""
    SettlementProgress.objects.update_or_create(pk=_ROW, defaults={"paid_until": payee_id})
