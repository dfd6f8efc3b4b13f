"""A payment company for the wallet's tests: the real stand-in program behind the real client."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.standin import Standin, running_standin
from wallet import providers


@pytest.fixture(scope="session")
def standin_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running_standin(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture
def standin(standin_program: Standin, settings: LazySettings) -> Iterator[Standin]:
    """The stand-in, with Carat pointed at it. It delivers no webhooks: tests bring them."""
    settings.STRIPE_API_URL = standin_program.url
    settings.STRIPE_API_KEY = standin_program.api_key
    settings.STRIPE_WEBHOOK_SECRET = standin_program.webhook_secret
    providers.load.cache_clear()
    yield standin_program
    providers.load.cache_clear()
