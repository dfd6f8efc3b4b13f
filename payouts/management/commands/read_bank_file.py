"""Read files that the bank wrote: ``manage.py read_bank_file status.xml returns.xml``."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from payouts import bank_files
from payouts.models import BankFileLine


class Command(BaseCommand):
    """Follow each file; print what each line did; exit 1 if a line or a file needs a person."""

    help = "Read pain.002 and camt.054 files of the bank; exit with 1 if anything needs a person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, help="the files")

    def handle(self, *_args: Any, **options: Any) -> None:
        troubles = 0
        for path in options["paths"]:
            try:
                file = bank_files.read_bank_file(
                    content=path.read_bytes(), name=path.name, at=timezone.now()
                )
            except (bank_files.UnreadableFile, OSError) as error:
                self.stdout.write(f"{path}: {error}")
                troubles += 1
                continue
            lines = list(file.lines.order_by("number"))
            for line in lines:
                self.stdout.write(f"{path.name} {line.number}: {line} {line.get_outcome_display()}")
            troubles += sum(line.outcome in BankFileLine.TROUBLES for line in lines)
        if troubles:
            self.stdout.write(f"{troubles} need a person.")
            sys.exit(1)
