"""Run a settlement now, to its end, showing how far it is.

It does what the clock would: opens the period's run, or goes on with the one that is open, and
sends the payouts that are due. Stopped anywhere, the next call goes on where it was.
"""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from payouts import periods, runs, settlements, submissions, watching
from payouts.models import SettlementRun
from wallet.money import money


class Command(BaseCommand):
    help = "Start or continue a settlement run now, to its end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--period", help="the period's key; without it, the one that is due")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what a run could come to, and start nothing"
        )
        parser.add_argument(
            "--no-payouts", action="store_true", help="leave sending payouts to the workers"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        if options["dry_run"]:
            console.print(_preview(at=timezone.now()))
            return
        watching.watch(at=timezone.now())
        run = self._open(options["period"])
        self._settle(run, console)
        run.refresh_from_db()
        if run.stopped_why:
            raise CommandError(f"{run} waits: {run.stopped_why}")
        console.print(_summary(run))
        if not options["no_payouts"]:
            sent = submissions.sweep_payouts(at=timezone.now(), limit=1_000_000)
            console.print(f"{sent:,} payouts brought one step on.")

    def _open(self, period_key: str | None) -> SettlementRun:
        at = timezone.now()
        running = SettlementRun.objects.filter(state=SettlementRun.State.RUNNING).first()
        if running is not None and period_key in {None, running.period_key}:
            return running
        period = periods.settlement_at(at=at)
        try:
            return settlements.start_settlement(
                period_key=period_key or period.key, cutoff_at=period.cutoff_at, at=at
            )
        except settlements.AnotherRunning as refusal:
            raise CommandError(str(refusal)) from refusal

    def _settle(self, run: SettlementRun, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
            task = bar.add_task(str(run), total=runs.run_progress(run).left)
            while True:
                progress = settlements.continue_settlement(
                    run_id=run.pk, at=timezone.now(), on_creators=lambda n: bar.advance(task, n)
                )
                if progress.is_done or progress.stopped_why:
                    return
                if progress.is_busy:
                    raise CommandError("A worker is at this run already. It goes on without you.")


def _preview(*, at: datetime) -> Table:
    table = Table(title="A settlement now would come to, at most")
    for name in ("Currency", "Creators", "Diamonds", "Cash"):
        table.add_column(name, justify="left" if name == "Currency" else "right")
    for row in settlements.preview(at=at):
        code = row["currency"]
        table.add_row(
            code or "no account or rate",
            f"{row['creators']:,}",
            f"{row['diamonds_milli'] // 1000:,}",
            str(money(row["amount_minor"], code)) if code else "-",
        )
    table.caption = "Nothing was started. Who is not eligible keeps what they have."
    return table


def _summary(run: SettlementRun) -> Table:
    table = Table(title=f"{run}: {run.get_state_display().lower()}")
    for name in ("Currency", "Creators", "Lines", "Settled"):
        table.add_column(name, justify="left" if name == "Currency" else "right")
    for row in runs.run_totals(run):
        table.add_row(
            str(row.amount.currency), f"{row.creators:,}", f"{row.lines:,}", str(row.amount)
        )
    table.caption = f"{run.payouts.count():,} payouts set aside"
    return table
