"""Write the roles of staff as groups, exactly as accounts.roles lists them."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts import roles


class Command(BaseCommand):
    help = "Write the roles of staff as groups."

    def handle(self, *args: Any, **options: Any) -> None:
        for role, count in roles.sync().items():
            self.stdout.write(f"{role}: {count} permissions")
