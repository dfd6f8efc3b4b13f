"""Logs: one JSON object a line on standard error, with nothing secret in it.

Only what our own code names is logged: no bodies, no headers, no cookies, no query strings.
"""

import logging
from typing import Any

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


def _without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for name in event:
        if any(word in name.lower() for word in SECRET_WORDS):
            event[name] = "[left out]"
    return event


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _without_secrets,
    structlog.processors.format_exc_info,
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
