"""Run the whole of Carat with demo people, a stand-in for the payment company, and an audience."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.table import Table

from config import database, demo, embedded, running, supervisor
from config.processes import Program
from config.running import Screen

PERIOD_S = 20
SETTLEMENT_INTERVAL_S = 120
PAYOUT_MINIMUM_USD_CENTS = 100


class Command(BaseCommand):
    """`manage.py demo`."""

    help = "Run everything with demo people and simulated gifts, until Ctrl-C. No real money moves."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port."""
        parser.add_argument("--port", type=int, default=running.PORT, help="on 127.0.0.1")

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        """Run until told to end."""
        if not settings.EMBEDDED:
            raise CommandError(
                "The demo runs on servers of its own, never on yours: unset DATABASE_URL and "
                "REDIS_URL. To run the site on yours: manage.py up"
            )
        screen = Screen()
        try:
            run(screen, port=port)
        except supervisor.Told:
            pass
        except (
            supervisor.RunsAlready,
            running.PortTaken,
            running.NotReady,
            demo.NotADemo,
        ) as refusal:
            raise CommandError(str(refusal)) from refusal
        finally:
            embedded.release(settings.CARAT_DATA_DIR)
        screen.say("Stopped. What happened is kept: run it again to go on.")


def run(screen: Screen, *, port: int) -> None:
    """Set the demo up, start it, and watch. The web server starts while the tables are made."""
    began = time.monotonic()
    data = settings.CARAT_DATA_DIR
    address = f"http://localhost:{port}"
    with supervisor.supervised(
        data=data, folder=settings.BASE_DIR, address=address, say=screen.say
    ) as here:
        running.check_port(port)
        standin_port = running.free_port(first=port + 1)
        database.become_owner()
        kept = demo.keep_secrets(data)
        environ = children_environment(kept.keys, port=port, standin_port=standin_port)
        here.start(
            running.standin(
                port=standin_port,
                data=data,
                webhook_url=f"http://{running.HOST}:{port}/hooks/stripe/",
                keys=kept.keys,
            )
        )
        here.start(running.web(port=port, environ=environ))
        running.set_up(screen, holds=False)
        with screen.step("Demo people"):
            database.become_app(role=f"{embedded.DATABASE}_app")
            demo.populate(kept, at=timezone.now())
        with screen.step("Web server"):
            running.wait_for(f"http://{running.HOST}:{port}/readyz", program="web", supervisor=here)
            running.wait_for(f"http://{running.HOST}:{port}/", program="web", supervisor=here)
        ready_s = time.monotonic() - began
        here.start(running.relay(environ=environ))
        here.start(running.worker(environ=environ))
        here.start(running.beat(data=data, environ=environ))
        here.start(audience(environ))
        screen.say(f"[bold green]{address}[/] answers after {ready_s:.1f} s.")
        with screen.step("Staff and service"):
            demo.employ(kept, at=timezone.now())
        _tell(screen, kept, address=address, standin_port=standin_port)
        here.watch(upkeep=running.upkeep(screen))


def children_environment(
    keys: Mapping[str, str], *, port: int, standin_port: int
) -> dict[str, str]:
    """Return what makes the site a demo: the stand-in's addresses, and short periods."""
    standin = f"http://{running.HOST}:{standin_port}"
    return dict(keys) | {
        "SITE_URL": f"http://localhost:{port}",
        "CARAT_DEMO": "true",
        "ALLOW_STANDIN": "true",
        "STRIPE_API_URL": standin,
        "STRIPE_CHECKOUT_ORIGIN": standin,
        "STANDIN_BANK_URL": f"{standin}/bank/",
        "STANDIN_IDENTITY_URL": f"{standin}/identity/",
        "IDENTITY_ADAPTERS": "accounts.providers.sandbox.Sandbox,accounts.providers.manual.Manual",
        "PERIOD_SECONDS": str(PERIOD_S),
        "SETTLEMENT_INTERVAL_SECONDS": str(SETTLEMENT_INTERVAL_S),
        "EARNINGS_FOLLOWERS_MIN": "0",  # the audience is thirty people, who need no screen
        "EARNINGS_VIEWERS_MIN": "0",
        "PAYOUT_MINIMUM_USD_CENTS": str(PAYOUT_MINIMUM_USD_CENTS),
    }


def audience(environ: Mapping[str, str]) -> Program:
    """Return the simulated fans. They buy more often than people may, never for more."""
    often = "1000000"
    return Program(
        name="audience",
        argv=(sys.executable, "manage.py", "audience"),
        stops=running.AUDIENCE,
        environ={
            **environ,
            "PURCHASES_A_DAY_MAX": often,
            "PURCHASE_ATTEMPTS_A_WEEK_MAX": often,
        },
    )


def _tell(screen: Screen, kept: demo.Secrets, *, address: str, standin_port: int) -> None:
    people = Table("Who", "Email", "Password", "Second factor", title="Sign in as")
    for login in kept.people.values():
        people.add_row(login.what, login.email, login.password, login.totp_secret or "none")
    places = Table("What", "Where", show_header=False)
    for what, where in (
        ("Site", address),
        ("Back office", f"{address}/admin/"),
        ("Emails", f"{address}/demo/mail/"),
        ("Stand-in's book", f"http://{running.HOST}:{standin_port}/book/"),
        ("Service", f"client {kept.service['id']}, secret {kept.service['secret']}"),
        ("Secrets", str(demo.secrets_path(settings.CARAT_DATA_DIR))),
        ("Logs", str(settings.CARAT_DATA_DIR / "log")),
    ):
        places.add_row(what, where)
    screen.say(people)
    screen.say("A second factor's code, as a phone would show it: manage.py demo_code alex")
    screen.say(places)
    screen.say(
        f"[bold green]Carat is at {address}[/]. Gifts mature every {PERIOD_S} s and are settled "
        f"every {SETTLEMENT_INTERVAL_S // 60} minutes. Press Ctrl-C to stop."
    )
