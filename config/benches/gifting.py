"""Gifts at a pace, through ``gifts.services``, from a process of their own.

Run as a program it sends what a line of its input asks for, and answers how long each took.
"""

import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import django


def paced(*, per_second: float, seconds: float) -> Iterator[None]:
    """Go on so often, each time at a random moment of its slot; whoever is late goes on at once.

    Ends when the time is up: what was not begun by then is left out.
    """
    chance = random.Random(7)  # noqa: S311 - load, not secrets
    began = time.monotonic()
    for place in range(math.ceil(per_second * seconds)):
        wait_s = began + (place + chance.random()) / per_second - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        if time.monotonic() - began >= seconds:
            return
        yield


def send(
    *, room: str, payers: tuple[int, int], per_second: float, seconds: float
) -> dict[str, list[float]]:
    """Send gifts of random fans to a room; the milliseconds of each."""
    from gifts import services  # noqa: PLC0415 - Django is set up only now
    from gifts.models import GiftVersion  # noqa: PLC0415
    from wallet import ledger  # noqa: PLC0415

    version = GiftVersion.objects.filter(gift__slug="finger-heart").latest("valid_from").pk
    chance = random.Random()  # noqa: S311 - load, not secrets
    took_ms = []
    for _ in paced(per_second=per_second, seconds=seconds):
        began = time.perf_counter()
        services.send_gift(
            operation_id=ledger.new_operation_id(),
            sender_id=chance.randrange(*payers),
            gift_version_id=version,
            quantity=1,
            room_id=UUID(room),
            at=datetime.now(UTC),
        )
        took_ms.append(round(1000 * (time.perf_counter() - began), 2))
    return {"took_ms": took_ms}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        print(json.dumps(send(**asked)), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
