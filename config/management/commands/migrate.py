"""Migrate as the owner of the tables: the role the site runs as cannot change them."""

from typing import Any

from django.core.management.commands import migrate

from config import database


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        database.become_owner()
        super().handle(*args, **options)
