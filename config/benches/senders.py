"""Gifts a second through ``gifts.services`` from two processes.

Run as a program it is one of those processes: it sends for some seconds and prints how many.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import django

PROCESSES: Final = 2


def rate(name: str, seconds: int, *, creators: int) -> float:
    """Gifts a second that two processes send to that many creators' rooms."""
    from config.benches import scratch  # noqa: PLC0415 - the program below starts without Django set up

    command = [
        sys.executable,
        "-m",
        "config.benches.senders",
        "--seconds",
        str(seconds),
        "--creators",
        str(creators),
    ]
    running = [
        subprocess.Popen(command, env=scratch.environment(name), stdout=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(PROCESSES)
    ]
    printed = [process.communicate()[0] for process in running]
    return sum(float(json.loads(line)["per_second"]) for line in printed)


def open_rooms(count: int) -> list[UUID]:
    """The live rooms of the first creators; opened if they are not."""
    from config.benches import scratch  # noqa: PLC0415
    from gifts.models import Room  # noqa: PLC0415
    from wallet import ledger  # noqa: PLC0415

    ids = range(scratch.FIRST_CREATOR, scratch.FIRST_CREATOR + count)
    there = dict(Room.objects.filter(creator_id__in=ids).values_list("creator_id", "id"))
    Room.objects.bulk_create(
        Room(id=ledger.new_operation_id(), creator_id=creator, title="Bench")
        for creator in ids
        if creator not in there
    )
    return list(Room.objects.filter(creator_id__in=ids).values_list("id", flat=True))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--creators", type=int, required=True)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

    from config.benches import scratch  # noqa: PLC0415
    from gifts import services  # noqa: PLC0415
    from gifts.models import GiftVersion, Room  # noqa: PLC0415
    from wallet import ledger  # noqa: PLC0415

    last = scratch.FIRST_CREATOR + options.creators
    rooms = list(Room.objects.filter(creator_id__lt=last).values_list("id", flat=True))
    version = GiftVersion.objects.get(gift__slug="finger-heart").pk
    payers = random.Random(os.getpid())  # noqa: S311 - load, not secrets
    began = time.monotonic()
    sent = 0
    while time.monotonic() - began < options.seconds:
        services.send_gift(
            operation_id=ledger.new_operation_id(),
            sender_id=scratch.FIRST_PAYER + payers.randrange(scratch.PAYERS),
            gift_version_id=version,
            quantity=1,
            room_id=payers.choice(rooms),
            at=datetime.now(UTC),
        )
        sent += 1
    print(json.dumps({"per_second": sent / (time.monotonic() - began)}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
