"""Say how many coins nobody had used at a date: ``manage.py unused_balances --at 2026-03-31``."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from wallet import balances


class Command(BaseCommand):
    """Print unused coins and their net value by region and currency, as a table or CSV."""

    help = "Coins outstanding at the end of a day (UTC), by region and currency, with net value."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", help="the day, as 2026-03-31; without it: now")
        parser.add_argument("--csv", action="store_true", help="print CSV")

    def handle(self, *_args: Any, **options: Any) -> None:
        now = timezone.now()
        at = _end_of(options["at"]) if options["at"] else now
        if at > now:
            raise CommandError(f"{options['at']} has not ended (UTC). Give a day that is over.")
        found = balances.unused(at=at)
        if options["csv"]:
            for line in balances.csv_lines(found):
                self.stdout.write(line, ending="")
            return
        table = Table(*balances.HEAD, title=f"Unused before {at:%Y-%m-%d %H:%M} UTC")
        for row in found:
            numbers = (f"{number:,}" for number in (row.fans, row.lots, row.coins))
            where = (row.region or "given by staff", row.currency or "–")
            table.add_row(*where, *numbers, "–" if row.value is None else str(row.value))
        Console(file=self.stdout, soft_wrap=True).print(table)  # type: ignore[arg-type]


def _end_of(day: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC)
    except ValueError as error:
        raise CommandError(f"{day} is not a day. Write it as 2026-03-31.") from error
