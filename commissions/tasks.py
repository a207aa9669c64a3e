"""Jobs of this room: work that a change leaves behind for a worker."""

from datetime import datetime

from commissions.currencies import JOB as REPRICE_JOB
from commissions.currencies import queue_repriced_deals
from commissions.levels.evaluation import measure_progress
from commissions.levels.models import Ladder
from commissions.settlement.making import MAKE_JOB, make_statements
from commissions.settlement.paying import PAY_JOB, pay_statement
from commissions.symbols import queue_symbol_deals
from commissions.whatif import preview, simulations
from core import jobs


@jobs.handler(MAKE_JOB)
def make_statements_again(*, now: datetime, payee_id: int) -> None:
    """Make the statements of a payee for which that failed before."""
    make_statements(payee_id=payee_id, now=now)


@jobs.handler(PAY_JOB)
def pay_statement_again(*, now: datetime, statement_id: int) -> None:
    """Pay a statement for which that failed before."""
    pay_statement(statement_id=statement_id, now=now)


@jobs.handler("commissions.queue_symbol_deals")
def queue_deals_of_symbols(*, now: datetime, symbol_ids: list[int]) -> None:  # noqa: ARG001 -- every job gets `now`
    """Put the judged deals of symbols that got their group into the queue."""
    queue_symbol_deals(symbol_ids=symbol_ids)


@jobs.handler(REPRICE_JOB)
def queue_deals_of_a_currency(*, now: datetime, change_id: int) -> None:  # noqa: ARG001 -- every job gets `now`
    """Put the judged deals that a changed currency reprices into the queue."""
    queue_repriced_deals(change_id=change_id)


@jobs.handler("commissions.measure_levels")
def measure_levels(*, now: datetime, ladder_id: int) -> None:
    """Measure what the running period has brought the IBs of a ladder so far."""
    measure_progress(ladder=Ladder.objects.get(pk=ladder_id), now=now)


@jobs.handler(preview.JOB)
def preview_correction(*, now: datetime, correction_id: int, run: int) -> None:
    """Compare the next deals of a correction's preview."""
    preview.run_preview_step(correction_id=correction_id, run=run, now=now)


@jobs.handler(simulations.JOB)
def run_simulation(*, now: datetime, simulation_id: int, days_done: int) -> None:
    """Replay some days of a simulation."""
    simulations.run_simulation_step(simulation_id=simulation_id, days_done=days_done, now=now)
