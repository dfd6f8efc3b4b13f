"""Logs: one JSON object a line on standard error, with nothing secret in it.

Only what our own code names is logged: no bodies, no headers, no cookies, no query strings. Where
an address itself opens something, the part that does is left out, whoever logs it.
"""

import logging
import re
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

SECRET_WORDS = (
    "password",
    "secret",
    "token",
    "key",
    "authorization",
    "cookie",
    "iban",
    "account",
    "email",
)

# Addresses whose next part is a key: to an overlay, to a new password, to a guardian's claim.
KEYED_PATHS: Final = re.compile(
    r"(/overlay/|/accounts/password/reset/key/|/guardians/)[^/\s\"'?#]+", re.IGNORECASE
)


def _without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for name in event:
        if any(word in name.lower() for word in SECRET_WORDS):
            event[name] = "[left out]"
    return event


def _without_keyed_paths(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = KEYED_PATHS.sub(r"\1[left out]", value)
    return event


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _without_secrets,
    structlog.processors.format_exc_info,
    _without_keyed_paths,
]


def formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
        foreign_pre_chain=_SHARED,
    )


def settings(*, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything to standard error, as lines of JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "config.logs.formatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
    }


def configure() -> None:
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
