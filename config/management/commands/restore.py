"""Write a backup into an empty database, rebase its ledger, and audit it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat
from rich.console import Console

from config import backups, database, embedded
from wallet import ledger

REFUSALS = (
    backups.NotABackup,
    backups.NewerBackup,
    backups.DatabaseNotEmpty,
    backups.RebaseFailed,
    embedded.EmbeddedError,
    OSError,
)


class Command(BaseCommand):
    """`manage.py restore FILE`."""

    help = "Write a backup of your own into an empty database, rebase its ledger, and audit it."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file, or --rebase alone."""
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("file", type=Path, nargs="?", help="what `manage.py backup` wrote")
        source.add_argument(
            "--rebase",
            action="store_true",
            help="only rebase: for a database that other tools restored from another cluster",
        )

    def handle(self, *args: Any, file: Path | None, rebase: bool, **options: Any) -> None:
        """Restore, and say what was done."""
        target = backups.place()
        console = Console(stderr=True)
        try:
            if rebase or file is None:
                with console.status("Rebasing the ledger"):
                    backups.rebase(target=target)
                found = backups.counts(target)
            else:
                found = self._restore(console, file, target)
        except REFUSALS as error:
            raise CommandError(str(error)) from error
        self.stdout.write("The ledger was rebased onto this cluster; the app role has its grants.")
        call_command("migrate", verbosity=0, interactive=False)
        self._audit(found["operations"])

    def _restore(self, console: Console, file: Path, target: backups.Place) -> dict[str, int]:
        whole = filesizeformat(backups.read_manifest(file).database_bytes)
        with console.status("Restoring") as status:
            manifest = backups.restore(
                file=file,
                target=target,
                workspace=settings.CARAT_DATA_DIR if settings.EMBEDDED else file.absolute().parent,
                progress=lambda size: status.update(
                    f"Restoring: {filesizeformat(size)} of about {whole}"
                ),
            )
        found = backups.counts(target)
        if found != manifest.counts:
            raise CommandError(f"Restored {found}, but the backup has {manifest.counts}.")
        words = ", ".join(f"{count:,} {what}" for what, count in found.items())
        self.stdout.write(f"Restored the backup of {manifest.made_at}: {words}.")
        return found

    def _audit(self, operations: int) -> None:
        database.become_owner()
        with Console(stderr=True).status(f"Auditing {operations:,} operations"):
            findings = list(ledger.audit())
        for finding in findings:
            self.stderr.write(f"{finding.check}: {finding.subject}")
        if findings:
            raise CommandError(
                f"The audit found {len(findings)} differences. Do not open the site."
            )
        self.stdout.write("The audit found no difference.")
