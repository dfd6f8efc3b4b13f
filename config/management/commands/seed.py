"""Write the opening regions, prices, rate card and gifts, as the owner of the tables."""

from django.conf import settings
from django.core.management.base import BaseCommand

from config import database, seed


class Command(BaseCommand):
    """`manage.py seed`."""

    help = "Write the opening prices, rate card and gifts; what is there is left as it is."

    def handle(self, *_arguments: object, **_options: object) -> None:
        """Write them, and name each part on the way."""
        database.become_owner()
        seed.seed(holds=True, notice_days=settings.RATE_CARD_NOTICE_DAYS, step=self.stdout.write)
