"""The scenario files, played through services, walker steps and database; the broker's own role, rolled back."""

from pathlib import Path

import pytest

from crm.scenarios.documents import Document, read_documents
from crm.scenarios.stage import _outcome
from tenancy.models import Broker

FILES = Path(__file__).parent.parent / "scenarios"
DOCUMENTS = {document.name: document for document in read_documents([str(FILES)])}


@pytest.mark.integration
@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_scenario_ends_as_expected(name: str, broker: Broker) -> None:
    document: Document = DOCUMENTS[name]

    result = _outcome(document)

    assert (result.expected, result.got) == ({}, {})
