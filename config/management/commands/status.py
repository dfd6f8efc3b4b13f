"""Tell how the database and Valkey are: Carat's own, or those that the environment names.

Exit code 0 when both answer, 3 when not. No password is shown.
"""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import redis
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, connection
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from config import embedded

EXIT_NOT_UP = 3


class Command(BaseCommand):
    """`manage.py status`."""

    help = "Tell how the database and Valkey are; exit code 3 when one does not answer."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def handle(self, *_arguments: object, **_options: object) -> None:
        """Print the table and what is known beside it."""
        if settings.EMBEDDED:
            state = embedded.state(settings.CARAT_DATA_DIR)
            self._print(own_servers(state, at=timezone.now()))
            for line in remarks(state):
                self.stdout.write(line)
            is_up = state.is_up
        else:
            answers = outside_servers()
            self._print(answers_table(answers))
            is_up = all(answers.values())
        if not is_up:
            sys.exit(EXIT_NOT_UP)

    def _print(self, table: Table) -> None:
        console = Console(width=None if self.stdout.isatty() else 120)
        with console.capture() as printed:
            console.print(table)
        self.stdout.write(printed.get())


def own_servers(state: embedded.State, *, at: datetime) -> Table:
    """Return the table of the embedded servers."""
    table = Table("Server", "State", "Process", "Version", "Up for", "Data")
    for server in (state.postgres, state.valkey):
        table.add_row(server.label, *_facts(server, at=at), filesizeformat(server.size_bytes))
    return table


def _facts(server: embedded.ServerState, *, at: datetime) -> tuple[str, str, str, str]:
    if server.pid is None:
        return "stopped", "", "", ""
    if server.answer is None:
        return "does not answer", str(server.pid), "", ""
    age = timedelta(seconds=int((at - server.answer.started_at).total_seconds()))
    return "running", str(server.pid), server.answer.version, str(age)


def remarks(state: embedded.State) -> Iterator[str]:
    """Say where the servers are, who uses them, and whether they stay."""
    for server in (state.postgres, state.valkey):
        yield f"{server.label}: {server.address}"
    if state.users:
        yield f"Used by: {', '.join(f'process {pid}' for pid in state.users)}"
    if state.is_kept:
        yield "Kept running without users, until `manage.py stop`."
    if not state.is_up:
        yield "Commands that need the servers start them; `manage.py up` does, with the site."


def outside_servers() -> dict[str, bool]:
    """Return the addresses of servers that are not ours, and whether each answers."""
    return {outside_database(): _database_answers(), outside_valkey(): _valkey_answers()}


def answers_table(answers: dict[str, bool]) -> Table:
    """Return the table of servers that are not ours."""
    table = Table("Server", "State", title="Servers of your own (DATABASE_URL, REDIS_URL)")
    for address, answers_now in answers.items():
        table.add_row(address, "answers" if answers_now else "does not answer")
    return table


def outside_database() -> str:
    """Return the database's address without password."""
    database = settings.DATABASES["default"]
    user, name, host = database["USER"], database["NAME"], database["HOST"]
    if host.startswith("/"):
        return f"postgresql://{user}@/{name}?host={host}"
    port = f":{database['PORT']}" if database["PORT"] else ""
    return f"postgresql://{user}@{host}{port}/{name}"


def outside_valkey() -> str:
    """Return Valkey's address without user, password and options."""
    address = urlsplit(settings.REDIS_URL)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"


def _database_answers() -> bool:
    try:
        connection.ensure_connection()
    except (Error, psycopg.OperationalError):
        return False
    return True


def _valkey_answers() -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
