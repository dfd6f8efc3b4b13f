"""The owner's login. The site runs as the app role, which cannot change tables or write the ledger;
commands that must, become the owner first.
"""

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base


def become_owner() -> None:
    """Sign this process's connection in as the owner of the tables, from now on."""
    _sign_in(
        user=settings.DATABASE_OWNER["USER"], password=settings.DATABASE_OWNER.get("PASSWORD", "")
    )


def become_app(*, role: str) -> None:
    """Sign in as the app role that migrations made."""
    _sign_in(user=role, password="")


def _sign_in(*, user: str, password: str) -> None:
    connection = connections[DEFAULT_DB_ALIAS]
    assert isinstance(connection, base.DatabaseWrapper)
    connection.close()
    if connection.pool is not None:
        connection.close_pool()
    connection.settings_dict.update(USER=user, PASSWORD=password)
    connection.settings_dict["OPTIONS"].pop("pool", None)
