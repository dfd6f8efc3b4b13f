"""The whole site for an ASGI server: pages, API, and the rooms' event streams."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django = get_asgi_application()

from gifts import stream  # noqa: E402 - needs the settings


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request; the rooms' streams are not Django's."""
    answer = stream.application if stream.takes(scope) else django
    await answer(scope, receive, send)
