"""Run the site: servers, tables, web, worker and beat, until Ctrl-C or SIGTERM."""

import os
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import demo, embedded, running, supervisor
from config.running import Screen


class Command(BaseCommand):
    """`manage.py up`."""

    help = "Run the site: web, worker and beat under one supervisor, until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port."""
        parser.add_argument("--port", type=int, default=running.PORT, help="on 127.0.0.1")

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        """Run until told to end."""
        screen = Screen()
        try:
            run(screen, port=port)
        except supervisor.Told:
            pass
        except (supervisor.RunsAlready, running.PortTaken, running.NotReady) as refusal:
            raise CommandError(str(refusal)) from refusal
        finally:
            if settings.EMBEDDED:
                embedded.release(settings.CARAT_DATA_DIR)
        screen.say("Stopped.")


def run(screen: Screen, *, port: int) -> None:
    """Set the site up, start it, and watch."""
    began = time.monotonic()
    data = settings.CARAT_DATA_DIR
    # An address that was not given is the one we listen on.
    address = os.environ.get("SITE_URL", f"http://localhost:{port}")
    environ = {"SITE_URL": address}
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with supervisor.supervised(
        data=data, folder=settings.BASE_DIR, address=address, say=screen.say
    ) as here:
        running.check_port(port)
        running.set_up(screen, holds=True)
        with screen.step("Web server"):
            here.start(running.web(port=port, environ=environ))
            running.wait_for(f"http://{running.HOST}:{port}/readyz", program="web", supervisor=here)
        here.start(running.relay(environ=environ))
        here.start(running.worker(environ=environ))
        here.start(running.beat(data=data, environ=environ))
        if demo.is_demo(data):
            screen.say(
                f"[yellow]This is the demo's database: its people and passwords are in "
                f"{demo.secrets_path(data)}. Before real use, name an empty CARAT_DATA_DIR.[/]"
            )
        screen.say(f"Carat runs at [bold]{address}[/] after {time.monotonic() - began:.1f} s.")
        screen.say(f"Logs: {data / 'log'}. Press Ctrl-C to stop.")
        here.watch(upkeep=running.upkeep(screen))
