"""Health: alive without anything else, ready with the database and its migrations."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection, connections
from django.test import Client
from pytest_django import Settings
from redis.exceptions import RedisError

from tests import database


@pytest.fixture
def without_database(django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Point the connection where no server is."""
    connections.close_all()
    with django_db_blocker.unblock():
        monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
        yield
        connections.close_all()


def test_alive_asks_no_database(without_database: None) -> None:
    with pytest.raises(DatabaseError):
        connection.ensure_connection()

    response = Client().get("/livez")

    assert (response.status_code, response.content) == (200, b"ok")


def test_ready_says_that_the_database_is_away(without_database: None) -> None:
    response = Client().get("/readyz")

    assert (response.status_code, response.content) == (503, b"the database does not answer")


def test_ready_with_the_database_and_its_migrations(db: None) -> None:
    response = Client().get("/readyz")

    assert (response.status_code, response.content) == (200, b"ok")


def test_ready_says_that_a_migration_waits(committed: str) -> None:
    with database.owner(committed) as owner:
        owner.execute(
            "DELETE FROM django_migrations WHERE app = 'payouts' AND name = ("
            "  SELECT max(name) FROM django_migrations WHERE app = 'payouts')"
        )

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert response.content.startswith(b"1 migrations wait")


def test_ready_does_not_need_valkey(db: None, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere/valkey.sock",
        }
    }
    with pytest.raises(RedisError):
        cache.get("anything")

    response = Client().get("/readyz")

    assert (response.status_code, response.content) == (200, b"ok")
