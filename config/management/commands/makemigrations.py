"""Make migrations as the owner: the app role may not exist before the first of them has run."""

from typing import Any

from django.core.management.commands import makemigrations

from config import database


class Command(makemigrations.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        database.become_owner()
        super().handle(*args, **options)
