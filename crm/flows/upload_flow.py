"""Confirmed history files on their way into the store: the walker reads each file's period of the server's book."""

from datetime import datetime, timedelta

from crm.flows import account_flow, deal_flow
from crm.flows.alone import the_only_reader
from mt4bridge.models import MtServer
from mt4bridge.types import TradingServer
from mt4bridge.uploads import note_taken, uploads_to_take


def take_uploads(*, server: MtServer, gateway: TradingServer, now: datetime) -> int:
    """Record the files of a server that were confirmed; return how many. A crash between leaves the rest to do.

    Their deals are old, so the walker's cursor has passed them: each file's own period is read once more. While
    somebody else reads the server's accounts, files wait for the next round."""
    uploads = uploads_to_take(server.pk)
    if not uploads:
        return 0
    with the_only_reader(server.pk) as alone:
        if not alone:
            return 0
        account_flow.sync_structure(server=server, gateway=gateway, now=now)
    for upload in uploads:
        outcome = deal_flow.WalkOutcome()
        if upload.first_at is not None and upload.last_at is not None:
            until = upload.last_at + timedelta(milliseconds=1)
            deal_flow.read_period(
                server=server, gateway=gateway, since=upload.first_at, until=until, outcome=outcome, now=now
            )
        counts = {name: getattr(outcome, name) for name in ("new", "revised", "deleted", "held")}
        note_taken(upload=upload, outcome=counts, now=now)
    return len(uploads)
