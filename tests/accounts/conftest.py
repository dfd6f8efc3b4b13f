"""What tests of people share."""

from datetime import UTC, datetime
from typing import Final

import pytest
from allauth.idp.oidc.models import Client
from django.core.cache import cache

from accounts.models import Scope

AT: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_rate_limits_left_over() -> None:
    cache.clear()


def make_service(client_id: str = "tipbot") -> Client:
    service = Client(id=client_id, name="Tip Bot", grant_types="client_credentials")
    service.set_scopes([Scope.GIFTS_SEND, Scope.BALANCE_READ])
    service.save()
    return service
