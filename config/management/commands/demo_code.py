"""Show the code that a demo person's second factor shows now."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from config import demo


class Command(BaseCommand):
    """`manage.py demo_code HANDLE`."""

    help = "Show the code of a demo person's second factor, as their phone would."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the person."""
        parser.add_argument("user", help="handle or email, as the demo printed it")

    def handle(self, *args: Any, user: str, **options: Any) -> None:
        """Print it."""
        try:
            people = demo.read_secrets(settings.CARAT_DATA_DIR).people
        except demo.NoDemoHere as refusal:
            raise CommandError(str(refusal)) from refusal
        login = people.get(user.partition("@")[0])
        if login is None or not login.totp_secret:
            known = ", ".join(one.handle for one in people.values() if one.totp_secret)
            raise CommandError(f"{user} has no second factor in this demo. These have: {known}.")
        self.stdout.write(demo.code(login, at=timezone.now()))
