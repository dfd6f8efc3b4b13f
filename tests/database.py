"""Connections of a test's own, beside Django's: as the app role, or as the owner of the tables."""

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection


def connect(database: str) -> psycopg.Connection[Any]:
    """As the role the site runs as; every statement commits by itself."""
    return _connect(database, user=connection.settings_dict["USER"])


def owner(database: str) -> psycopg.Connection[Any]:
    """As the owner, to break what the app role cannot; every statement commits by itself."""
    return _connect(database, user=settings.DATABASE_OWNER["USER"])


def _connect(database: str, *, user: str) -> psycopg.Connection[Any]:
    place = settings.DATABASE_OWNER
    return psycopg.connect(
        host=place["HOST"], port=place["PORT"] or None, user=user, dbname=database, autocommit=True
    )
