"""Hand on what happened, as it happens, until Ctrl-C or SIGTERM."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from config import relay


class Command(BaseCommand):
    """`manage.py relay`."""

    help = "Hand on committed events and show them in their rooms, until Ctrl-C or SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to end; any number may run."""
        stop = threading.Event()
        for told in (signal.SIGINT, signal.SIGTERM):
            signal.signal(told, lambda *_: stop.set())
        relay.run(stop=stop)
