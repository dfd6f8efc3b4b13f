"""Write the whole database to one file, while the site runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat
from rich.console import Console

from config import backups, embedded


class Command(BaseCommand):
    """`manage.py backup FILE`."""

    help = "Write the whole database to one file, while the site runs. Keep it secret."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path, help="where to; an older file there is replaced")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Write it, and say what is in it."""
        if not file.absolute().parent.is_dir():
            raise CommandError(f"{file.absolute().parent} is no directory. Make it first.")
        console = Console(stderr=True)
        try:
            with console.status("Writing the backup") as status:
                manifest = backups.back_up(
                    source=backups.place(),
                    target=file,
                    progress=lambda size: status.update(
                        f"Writing the backup: {filesizeformat(size)}"
                    ),
                )
        except (embedded.EmbeddedError, OSError) as error:
            raise CommandError(str(error)) from error
        found = ", ".join(f"{count:,} {words}" for words, count in manifest.counts.items())
        self.stdout.write(f"{file}: {filesizeformat(file.stat().st_size)}, {found}.")
