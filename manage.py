#!/usr/bin/env python
"""Run a command. With DATABASE_URL and REDIS_URL unset, the embedded servers are started first."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config import embedded

# These read no database, or look after the servers themselves.
SERVERLESS = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "help",
    "makemessages",
    "settings_table",
    "spectacular",
    "status",
    "stop",
    "version",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    try:
        if settings.EMBEDDED and command not in SERVERLESS and not command.startswith("-"):
            embedded.ensure(settings.CARAT_DATA_DIR)
    except (ImproperlyConfigured, embedded.EmbeddedError) as refusal:
        sys.exit(str(refusal))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
