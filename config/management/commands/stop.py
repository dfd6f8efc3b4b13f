"""Stop the site that runs here, then Carat's own database and Valkey, whoever uses them."""

from django.conf import settings
from django.core.management.base import BaseCommand

from config import embedded, supervisor
from config.management.commands import status


class Command(BaseCommand):
    """`manage.py stop`."""

    help = "Stop the embedded database and Valkey, whoever uses them, and forget to keep them."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def handle(self, *_arguments: object, **_options: object) -> None:
        """Stop them and say which ones ran."""
        if supervisor.end_other(settings.CARAT_DATA_DIR):
            self.stdout.write("Stopped the site.")
        if not settings.EMBEDDED:
            self.stdout.write(
                f"Carat uses servers of your own ({status.outside_database()} and "
                f"{status.outside_valkey()}): stop them where they run."
            )
            return
        stopped = embedded.stop(settings.CARAT_DATA_DIR)
        self.stdout.write(
            f"Stopped {' and '.join(stopped)}." if stopped else "Nothing was running."
        )
