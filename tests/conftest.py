"""The test world: real servers, a migrated and seeded database, and a cast of four.

Tests run as the app role, so whatever a test can do the site can do and no more. ``db`` is
pytest-django's transaction; ``committed`` is a database of its own, for tests whose point is what
two connections, a crash or a fold see of each other.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.test.utils import setup_databases
from hypothesis import HealthCheck
from hypothesis import settings as examples
from psycopg import sql

from accounts.models import User
from config import database, embedded, seed
from tests import factories

pytest_plugins = ["tests.browser", "tests.ci"]

# A busy machine is no fault of what is tested: no example is timed.
examples.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long proofs in full")


@pytest.fixture(scope="session")
def proof_size(request: pytest.FixtureRequest) -> int:
    """By how much the long proofs are run: 1 inside the suite, 20 in full."""
    return 20 if request.config.getoption("--full") else 1


def pytest_configure(config: pytest.Config) -> None:
    if settings.EMBEDDED:
        embedded.ensure(settings.CARAT_DATA_DIR)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_createdb: bool,
    django_db_blocker: Any,
) -> None:
    """Migrate as the owner and seed, once; then go on as the role the site runs as."""
    with django_db_blocker.unblock():
        database.become_owner()
        setup_databases(verbosity=0, interactive=False, keepdb=not django_db_createdb)
        seed.seed(holds=True, notice_days=30)
        database.become_app(role=f"{connection.settings_dict['NAME']}_app")


@pytest.fixture
def committed(
    django_db_setup: None, django_db_blocker: Any, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A seeded database of this test's own, where commits are real. Yields its name."""
    template = connection.settings_dict["NAME"]
    name = f"{template}_c{abs(hash(request.node.nodeid)) % 10**8}"
    connections.close_all()
    with _server() as server:
        _drop(server, name)
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    connection.settings_dict["NAME"] = name
    try:
        with django_db_blocker.unblock():
            yield name
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = template
        with _server() as server:
            _drop(server, name)


def _server() -> psycopg.Connection[Any]:
    """The server as the owner, outside every test's database."""
    owner = settings.DATABASE_OWNER
    return psycopg.connect(
        host=owner["HOST"],
        port=owner["PORT"] or None,
        user=owner["USER"],
        password=owner["PASSWORD"] or None,
        dbname="postgres",
        autocommit=True,
    )


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def alice(db: None) -> User:
    """A fan in Germany."""
    return factories.make_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    """A creator in Germany."""
    return factories.make_creator("bob")


@pytest.fixture
def mallory(db: None) -> User:
    """A fan who attacks."""
    return factories.make_user("mallory")


@pytest.fixture
def olga(db: None) -> User:
    """Staff, with a second factor and every role."""
    return factories.make_staff("olga")
