"""The small broker of the tests of levels."""

import pytest

from tenancy.models import Broker
from tests.commissions.levels.world import LevelWorld, open_level_world


@pytest.fixture
def world(broker: Broker) -> LevelWorld:
    return open_level_world()
