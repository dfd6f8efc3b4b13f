"""Lay our books beside the payment companies': ``manage.py reconcile --days 7``."""

import sys
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from wallet import reconciliations
from wallet.models import Reconciliation
from wallet.providers.base import Declined, Unavailable


class Command(BaseCommand):
    """Compare by id in both directions; print each difference; exit 1 if there is any."""

    help = "Compare our books with each payment company's, by id; exit with 1 on differences."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=2, help="how far back to look")

    def handle(self, *_args: Any, **options: Any) -> None:
        until = timezone.now()
        since = until - timedelta(days=options["days"])
        runs: list[Reconciliation] = []
        away: list[str] = []
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            for provider in reconciliations.used_providers():
                task = progress.add_task(provider, total=None)
                try:
                    run = reconciliations.reconcile(provider=provider, since=since, until=until)
                except (Declined, Unavailable) as error:
                    away.append(f"{provider}: {error}")
                    progress.update(task, total=1, completed=1, description=f"{provider}: away")
                    continue
                runs.append(run)
                words = f"{provider}: {run.compared} compared"
                progress.update(task, total=1, completed=1, description=words)
        differences = [str(one) for run in runs for one in run.differences.order_by("id")]
        for line in (*differences, *away):
            self.stdout.write(line)
        if differences or away:
            self.stdout.write(f"{len(differences)} differences, {len(away)} without an answer.")
            sys.exit(1)
        self.stdout.write("Our books and theirs say the same.")
