"""Read exchange rates: ``manage.py import_fx eurofxref-daily.xml``."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from wallet import ecb, exchange


class Command(BaseCommand):
    """Add what each file has and we do not; exit with 1 if anything needs a person."""

    help = (
        "Read reference rates of the European Central Bank's files (daily or 90-day XML, CSV, ZIP)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, help="the files")

    def handle(self, *_args: Any, **options: Any) -> None:
        at, needs_person = timezone.now(), False
        for path in options["paths"]:
            try:
                plan = exchange.import_file(content=path.read_bytes(), at=at)
            except (
                ecb.NotAnEcbFile,
                exchange.FxInTheFuture,
                exchange.FxDateTaken,
                exchange.FxUnknown,
                OSError,
            ) as refusal:
                self.stdout.write(f"{path.name}: {refusal}")
                needs_person = True
                continue
            self.stdout.write(
                f"{path.name}: {len(plan.added)} rates added, {plan.known} known, "
                f"{len(plan.waiting)} wait for a second person."
            )
            for rate in plan.waiting:
                self.stdout.write(
                    f"  {rate.currency} of {rate.quoted_at:%d %B %Y}: {rate.per_usd.normalize():f} "
                    f"for 1 USD, {rate.moved_words} away from the one before."
                )
            stale = [code for code, rate in plan.lacking.items() if exchange.is_stale(rate, at=at)]
            if stale:
                self.stdout.write(
                    f"  Not in the file, and too old in the table: {', '.join(stale)}. Type them."
                )
            needs_person = needs_person or bool(plan.waiting or stale)
        if needs_person:
            sys.exit(1)
