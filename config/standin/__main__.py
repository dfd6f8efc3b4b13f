"""Starts the stand-in: ``python -m config.standin``.

It prints one line of JSON with its port and address once it answers, and ends on SIGTERM or SIGINT.
"""

import json
import os
import signal
import sys
import threading
from dataclasses import replace
from types import FrameType

import django
from django.core.management import call_command
from django.core.servers.basehttp import get_internal_wsgi_application
from django.utils.module_loading import import_string

from config.standin import options, server

STOP_WITHIN_S = 10


def main() -> int:
    """Run until told to stop, and return the exit status."""
    parent = os.getppid()
    try:
        given = options.read(arguments=sys.argv[1:], environ=os.environ)
        options.check(given)
        http = server.bind(port=given.port)
    except options.UnfitOptions as unfit:
        sys.stderr.write(f"The stand-in cannot start. {unfit}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"The stand-in cannot start: port {given.port}: {error.strerror}.\n")
        return 1
    given = replace(given, port=http.server_port)
    os.environ |= options.to_environ(given)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.standin.settings"
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    return _serve(http, given, parent=parent)


def _serve(http: server.Server, given: options.Options, *, parent: int) -> int:
    # The models can be imported only now that Django is set up.
    forget_unfinished = import_string("config.standin.idempotency.forget_unfinished")
    start_clock = import_string("config.standin.clock.start")
    stop, was_told = threading.Event(), threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        was_told.set()
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    forget_unfinished()
    http.set_app(get_internal_wsgi_application())
    answering = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.1})
    answering.start()
    threads = start_clock(stop=stop, parent=parent)
    sys.stdout.write(json.dumps({"port": given.port, "url": given.public_url}) + "\n")
    sys.stdout.flush()
    stop.wait()
    http.shutdown()
    for thread in [answering, *threads]:
        thread.join(STOP_WITHIN_S)
    http.server_close()
    ended_well = was_told.is_set() or given.with_parent
    return 0 if ended_well else 1


if __name__ == "__main__":
    sys.exit(main())
