"""Measure how fast Carat is on this machine: ``manage.py bench gifts --json``."""

import json
import os
import platform
from collections.abc import Callable
from functools import partial
from statistics import mean
from typing import Any, Final

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from config import running, seed, supervisor
from config.benches import (
    doors,
    knocks,
    laundering,
    postings,
    purchases,
    rooms,
    scratch,
    senders,
    settling,
    studio,
    talking,
)

TURNS: Final = 3  # of what the ledger is measured by

MEANINGS = {
    "tpcb": "pgbench's TPC-B, scale 50, 8 clients, prepared: transactions/s",
    "ledger_spread": "posting function, 100,000 payers to 1,000 creators: gifts/s",
    "ledger_hot": "the same to one creator",
    "ledger_batch": "the same in calls of 200",
    "service_spread": "gifts.services from 2 processes, 1,000 creators: gifts/s",
    "service_hot": "the same to one creator",
    "http": "API gift-sends on 2 web workers: requests/s",
    "http_floor": "a DRF endpoint with the same authentication doing one INSERT",
    "http_bare": "that endpoint without authentication",
    "hot_over_spread": "ledger_hot / ledger_spread",
    "ledger_over_tpcb": "ledger_spread / tpcb",
    "batch_over_single": "ledger_batch / the better of the single figures",
    "service_over_ledger": "service_spread / ledger_spread",
    "http_over_floor": "http / http_floor",
    "credited_per_s": "purchases/s from webhook through fetch to coins: 2 workers, the stand-in",
    "fetch_ms": "of a worker's time for one purchase: waiting for the stand-in's answer",
    "statements_ms": "statements of the database, without commits",
    "rest_ms": "commits and Python",
    "webhooks_per_s": "the webhook's door on 2 web workers, every event new: requests/s",
    "webhook_floor_per_s": "a bare signed endpoint doing one INSERT",
    "webhook_over_floor": "webhooks_per_s / webhook_floor_per_s",
    **rooms.MEANINGS,
    **settling.MEANINGS,
    **studio.MEANINGS,
    **laundering.MEANINGS,
}


class Command(BaseCommand):
    help = "Measure a part of Carat on a scratch database, on this server."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what",
            choices=["gifts", "purchases", "room", "settlement", "studio", "laundering"],
        )
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object on standard output"
        )
        parser.add_argument("--seconds", type=int, default=5, help="how long each part is measured")
        parser.add_argument(
            "--creators", type=int, default=100_000, help="creators of the settlement"
        )
        parser.add_argument("--viewers", type=int, default=1_000, help="open streams of the room")
        parser.add_argument("--gifts", type=int, default=100_000, help="gifts of the creator")
        parser.add_argument("--seeds", type=int, default=5, help="worlds with laundering in them")
        parser.add_argument("--first-seed", type=int, default=1, help="the number of the first one")

    def handle(self, *_args: Any, **options: Any) -> None:
        terminal = Console(stderr=True)
        measures: dict[str, Callable[[int, Console], dict[str, float]]] = {
            "gifts": measure_gifts,
            "purchases": measure_purchases,
            "room": partial(measure_room, viewers=options["viewers"]),
            "settlement": partial(measure_settlement, creators=options["creators"]),
            "studio": partial(measure_studio, gifts=options["gifts"]),
            "laundering": partial(
                measure_laundering,
                gifts=options["gifts"],
                seeds=range(options["first_seed"], options["first_seed"] + options["seeds"]),
            ),
        }
        try:
            figures = measures[options["what"]](options["seconds"], terminal)
        except supervisor.Told as told:
            raise CommandError("Stopped: nothing was measured.") from told
        except (
            supervisor.RunsAlready, running.NotReady, rooms.TooFewFiles, talking.Silent,
            knocks.Refused,
        ) as refusal:  # fmt: skip
            raise CommandError(str(refusal)) from refusal
        title = f"{options['what'].capitalize()}, {options['seconds']} s each part"
        table = Table("figure", "value", "what it is", title=title)
        for name, value in figures.items():
            table.add_row(name, f"{value:,.3f}" if value < 100 else f"{value:,.0f}", MEANINGS[name])
        terminal.print(table)
        terminal.print(f"{machine()}")
        if options["json"]:
            rounded = {name: round(value, 3) for name, value in figures.items()}
            self.stdout.write(
                json.dumps(rounded | {"seconds": options["seconds"], "machine": machine()})
            )


def measure_gifts(seconds: int, terminal: Console) -> dict[str, float]:
    with Progress(console=terminal) as progress, scratch.database_of_its_own("bench") as name:
        filling = progress.add_task(
            "100,000 fans and 1,000 creators", total=scratch.PAYERS + scratch.CREATORS
        )
        scratch.fill(lambda people: progress.advance(filling, people))
        senders.open_rooms(scratch.CREATORS)
        measuring = progress.add_task("Measuring", total=4 * TURNS + 2 + 3)

        def measured(figure: str, part: Callable[[int], float]) -> float:
            progress.update(measuring, description=figure)
            rate = part(seconds)
            progress.advance(measuring)
            return rate

        with postings.tpcb() as tpcb:
            ledger_parts: dict[str, Callable[[int], float]] = {
                "tpcb": tpcb,
                "ledger_spread": lambda seconds: postings.spread(name, seconds),
                "ledger_hot": lambda seconds: postings.hot(name, seconds),
                "ledger_batch": lambda seconds: postings.batch(name, seconds),
            }
            # In turns, because the machine's noise comes and goes and the ratios are what counts.
            turns = [
                {figure: measured(figure, part) for figure, part in ledger_parts.items()}
                for _ in range(TURNS)
            ]
        figures = {figure: mean(turn[figure] for turn in turns) for figure in ledger_parts}
        for figure, creators in (("service_spread", scratch.CREATORS), ("service_hot", 1)):
            figures[figure] = measured(figure, partial(senders.rate, name, creators=creators))
        progress.update(measuring, description="http")
        figures |= doors.rates(name, seconds)
        progress.advance(measuring, 3)
    return figures | ratios(figures)


def measure_purchases(seconds: int, terminal: Console) -> dict[str, float]:
    with Progress(console=terminal) as progress, scratch.database_of_its_own("buying") as name:
        task = progress.add_task("An empty database", total=None)
        call_command("migrate", verbosity=0)
        seed.seed(holds=True, notice_days=30)
        figures = purchases.rates(
            name, seconds, lambda part: progress.update(task, description=part)
        )
    floor = figures["webhook_floor_per_s"]
    return figures | {"webhook_over_floor": figures["webhooks_per_s"] / floor}


def measure_settlement(_seconds: int, terminal: Console, *, creators: int) -> dict[str, float]:
    small = max(1, creators // 10)
    with Progress(console=terminal) as progress:
        with scratch.database_of_its_own("settling_small"):
            task = progress.add_task(f"Filling {small:,} creators", total=small)
            settling.fill(small, partial(progress.advance, task))
            task = progress.add_task("Settling them", total=small)
            small_rate = small / settling.run(partial(progress.advance, task))["run_s"]
        with scratch.database_of_its_own("settling"):
            task = progress.add_task(f"Filling {creators:,} creators", total=creators)
            settling.fill(creators, partial(progress.advance, task))
            task = progress.add_task("Bare SQL", total=None)
            bare = settling.floor_rate(creators)
            task = progress.add_task("Settling", total=creators)
            figures = settling.run(partial(progress.advance, task))
    rate = creators / figures["run_s"]
    return {
        "creators": creators,
        **figures,
        "creators_per_s": rate,
        "sql_per_s": bare,
        "settlement_over_sql": rate / bare,
        "small_creators_per_s": small_rate,
        "time_per_creator_ratio": small_rate / rate,
    }


def measure_room(seconds: int, terminal: Console, *, viewers: int) -> dict[str, float]:
    rooms.allow_files(viewers + rooms.FILES_BESIDE)
    with Progress(console=terminal) as progress, scratch.database_of_its_own("room") as name:
        task = progress.add_task("Fans", total=rooms.PAYERS + 1)
        scratch.fill(lambda people: progress.advance(task, people), payers=rooms.PAYERS, creators=1)
        (room_id,) = senders.open_rooms(1)
        return rooms.figures(
            environ=scratch.environment(name),
            room_id=room_id,
            payers=range(scratch.FIRST_PAYER, scratch.FIRST_PAYER + rooms.PAYERS),
            viewers=viewers,
            seconds=seconds,
            say=lambda part: progress.update(task, description=part, total=None),
        )


def measure_studio(_seconds: int, terminal: Console, *, gifts: int) -> dict[str, float]:
    with Progress(console=terminal) as progress, scratch.database_of_its_own("studio") as name:
        task = progress.add_task("Fans", total=studio.FANS + 1)
        scratch.fill(lambda people: progress.advance(task, people), payers=studio.FANS, creators=1)
        return studio.figures(
            name,
            gifts=gifts,
            say=lambda part: progress.update(task, description=part, total=None),
        )


def measure_laundering(
    _seconds: int, terminal: Console, *, gifts: int, seeds: range
) -> dict[str, float]:
    found = []
    with Progress(console=terminal) as progress:
        task = progress.add_task("Laundering", total=len(seeds))
        for number in seeds:
            with scratch.database_of_its_own("laundering"):
                progress.update(task, description="An empty database")
                call_command("migrate", verbosity=0)
                seed.seed(holds=True, notice_days=30)
                one, words = laundering.figures(
                    gifts=gifts,
                    seed=number,
                    say=lambda part: progress.update(task, description=part),
                )
            found.append(one)
            terminal.print(
                f"Seed {number}: {one['found']:.0f} of {one['patterns']:.0f}", *words, sep="\n  "
            )
            progress.advance(task)
    return laundering.summed(gifts, found)


def ratios(figures: dict[str, float]) -> dict[str, float]:
    single = max(figures["ledger_spread"], figures["ledger_hot"])
    return {
        "hot_over_spread": figures["ledger_hot"] / figures["ledger_spread"],
        "ledger_over_tpcb": figures["ledger_spread"] / figures["tpcb"],
        "batch_over_single": figures["ledger_batch"] / single,
        "service_over_ledger": figures["service_spread"] / figures["ledger_spread"],
        "http_over_floor": figures["http"] / figures["http_floor"],
    }


def machine() -> str:
    """Say what was measured on. Asks as the owner: the app's role may not be there yet."""
    with scratch.server() as session:
        row = session.execute(
            "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings"
            " WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'shared_buffers')"
        ).fetchone()
    assert row is not None, "a sum over no rows is a row too"
    here = f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    return f"{here}; {row[0]}"
