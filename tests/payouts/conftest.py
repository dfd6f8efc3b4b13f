"""A rail in memory in place of every rail, for tests that say what the bank does."""

import pytest

from payouts.rails import base
from tests.payouts.memory_rail import MemoryRail


@pytest.fixture
def rail(monkeypatch: pytest.MonkeyPatch) -> MemoryRail:
    bank = MemoryRail()
    monkeypatch.setattr(base, "open_rail", lambda _code: bank)
    return bank
