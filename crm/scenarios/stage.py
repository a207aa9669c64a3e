"""A scratch broker for each scenario, removed afterwards whatever happens."""

import secrets
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError

from core.errors import DomainError
from crm.flows.brokers import open_broker
from crm.scenarios.documents import Document
from crm.scenarios.outcome import Comparison, compare, read_pairs
from crm.scenarios.player import play
from tenancy.context import broker_context
from tenancy.services import BrokerSpec, remove_broker

_OPENED_AT = datetime(2000, 1, 1, tzinfo=UTC)


def run_scenario(document: Document) -> Comparison:
    """Play the document on a broker of its own and compare. Runs under the owner's login."""
    code = f"scenario-{secrets.token_hex(6)}"
    broker = open_broker(BrokerSpec(code=code, name=code, hosts=(f"{code}.localhost",)), now=_OPENED_AT)
    try:
        with broker_context(broker):
            return _outcome(document)
    finally:
        remove_broker(broker)


def _outcome(document: Document) -> Comparison:
    try:
        return compare(document, read_pairs(play(document)))
    except DomainError as error:
        return _refused(document, error.code, str(error))
    except KeyError as error:
        return _refused(document, "document_invalid", f"the document needs {error} and does not say it")
    except (ArithmeticError, LookupError, TypeError, ValueError, ObjectDoesNotExist, DatabaseError) as error:
        return _refused(document, "document_invalid", f"{type(error).__name__}: {error}")


def _refused(document: Document, code: str, sentence: str) -> Comparison:
    expected: Any = document.expect.get("error")
    if code == expected:
        return Comparison({}, {})
    return Comparison({"error": expected}, {"error": code, "message": sentence})
