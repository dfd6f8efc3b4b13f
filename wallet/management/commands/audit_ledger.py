"""Prove the books: all that is derived is derived again and compared. Exits with 1 on findings."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from wallet import proofs
from wallet.ledger import Finding


class Command(BaseCommand):
    """Read the books in one snapshot, in which nothing moves; print every difference by its id."""

    help = "Prove the ledger and what hangs on it; exit with 1 and the ids of what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        found = _run_checks(Console(stderr=True))
        if options["json"]:
            lines = [{"check": one.check, "subject": one.subject} for one in found]
            self.stdout.write(json.dumps({"findings": lines}, indent=2))
        else:
            for one in found:
                self.stdout.write(f"{one.check}: {one.subject}")
            self.stdout.write(_verdict(found))
        if found:
            sys.exit(1)


def _run_checks(console: Console) -> list[Finding]:
    found: list[Finding] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with transaction.atomic(durable=True), Progress(*columns, console=console) as progress:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
        for looked_at, check in proofs.checks(at=timezone.now()):
            task = progress.add_task(looked_at, total=None)
            findings = check()
            found += findings
            words = "proven" if not findings else f"{len(findings)} found"
            progress.update(task, total=1, completed=1, description=f"{looked_at}: {words}")
    return found


def _verdict(found: list[Finding]) -> str:
    if not found:
        return "The books are proven: nothing differs."
    return (
        f"{len(found)} finding{'s' if len(found) > 1 else ''}: the books do not prove themselves."
    )
