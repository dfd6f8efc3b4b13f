"""Lay our books beside the payment companies' and rails': ``manage.py reconcile --days 7``."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from payouts import reconciliations as rails
from wallet import reconciliations as providers
from wallet.models import Reconciliation


class Command(BaseCommand):
    """Compare by id in both directions; print each difference; exit 1 if there is any."""

    help = "Compare our books with each payment company's and rail's, by id; exit 1 on differences."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=2, help="how far back to look")

    def handle(self, *_args: Any, **options: Any) -> None:
        until = timezone.now()
        since = until - timedelta(days=options["days"])
        runs: list[Reconciliation] = []
        away: list[str] = []
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            for name, compare in _books(since=since, until=until):
                task = progress.add_task(name, total=None)
                try:
                    run = compare()
                except (*providers.NO_ANSWER, *rails.NO_ANSWER) as error:
                    away.append(f"{name}: {error}")
                    progress.update(task, total=1, completed=1, description=f"{name}: away")
                    continue
                runs.append(run)
                words = f"{name}: {run.compared} compared"
                progress.update(task, total=1, completed=1, description=words)
        differences = [str(one) for run in runs for one in run.differences.order_by("id")]
        for line in (*differences, *away):
            self.stdout.write(line)
        if differences or away:
            self.stdout.write(f"{len(differences)} differences, {len(away)} without an answer.")
            sys.exit(1)
        self.stdout.write("Our books and theirs say the same.")


def _books(*, since: datetime, until: datetime) -> list[tuple[str, Callable[[], Reconciliation]]]:
    """Everybody's book that ours is laid beside, by name."""
    companies = [
        (name, partial(providers.reconcile, provider=name, since=since, until=until))
        for name in providers.used_providers()
    ]
    ways = [
        (
            f"{rails.RAILS_MODULE}{name}",
            partial(rails.reconcile, rail=name, since=since, until=until),
        )
        for name in rails.used_rails(since=since)
    ]
    return [*companies, *ways]
