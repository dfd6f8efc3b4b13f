"""Run the demo's simulated audience, until SIGTERM or until the demo that started it is gone."""

import os
import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import audience

LOOK_S = 1.0


class Command(BaseCommand):
    """`manage.py audience`."""

    help = "Run the demo's simulated audience. `manage.py demo` starts it."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to end."""
        stop = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        threading.Thread(target=_end_with, args=(os.getppid(), stop), daemon=True).start()
        try:
            audience.run(stop=stop)
        except audience.NoDemo as refusal:
            raise CommandError(str(refusal)) from refusal


def _end_with(parent: int, stop: threading.Event) -> None:
    while os.getppid() == parent and not stop.wait(LOOK_S):
        pass
    stop.set()
