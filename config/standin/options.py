"""What the stand-in is started with: one table, read from the command line or the environment.

Each option is also a variable, ``STANDIN_`` and its name in capitals; the command line wins. Give
secrets by the environment: a command line can be read by every user of the machine.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Final

API_VERSION: Final = "2026-10-28.endive"  # stripe-python 16.1.0, stripe.api_version


class UnfitOptions(ValueError):
    """What the stand-in was started with cannot work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this stand-in runs. Times are seconds."""

    port: int
    book: str
    api_key: str
    webhook_url: str
    webhook_secret: str
    connect_webhook_url: str
    connect_webhook_secret: str
    bank_key: str
    identity_key: str
    merchant: str
    slow_s: float
    session_min_s: float
    key_life_s: float
    webhook_delays_s: tuple[float, ...]
    webhook_timeout_s: float
    webhook_life_s: float
    bank_delay_s: float
    bank_return_s: float
    bank_long_s: float
    tick_s: float
    with_parent: bool

    @property
    def public_url(self) -> str:
        """Where it is reached: by address, so its pages share no cookie with Carat's localhost."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class _Option:
    default: str
    meaning: str


_OPTIONS: Final[Mapping[str, _Option]] = {
    "port": _Option("8001", "port on 127.0.0.1; 0 takes a free one"),
    "book": _Option("", "path of its own SQLite file, made when missing (required)"),
    "api_key": _Option("", "the merchant's secret key, sk_test_… (required)"),
    "webhook_url": _Option("", "where events are posted; empty posts none"),
    "webhook_secret": _Option("", "signs the events, whsec_… (required with a webhook url)"),
    "connect_webhook_url": _Option("", "where events of accounts are posted; empty posts none"),
    "connect_webhook_secret": _Option("", "signs them, whsec_… (required with their url)"),
    "bank_key": _Option("", "the key of the bank's API (required)"),
    "identity_key": _Option("", "the key of who checks papers; empty: nobody gets in"),
    "merchant": _Option("Carat", "the name payers see on the hosted page"),
    "slow_s": _Option("20", "how long the slow card takes to settle"),
    "session_min_s": _Option("1800", "shortest life of a checkout session"),
    "key_life_s": _Option("86400", "how long an idempotency key is remembered"),
    "webhook_delays_s": _Option(
        "2,5,15,60,300,1800,3600", "pauses before each new try of an event; the last one repeats"
    ),
    "webhook_timeout_s": _Option("10", "how long an answer to an event is waited for"),
    "webhook_life_s": _Option("259200", "how long an event is tried"),
    "bank_delay_s": _Option("3", "from accepted to paid"),
    "bank_return_s": _Option("6", "from paid to returned, for accounts ending 1111"),
    "bank_long_s": _Option("3600", "from accepted to paid, for accounts ending 3333"),
    "tick_s": _Option("0.2", "how often the clock looks what is due"),
    "with_parent": _Option("0", "1: end when the process that started it ends"),
}


def read(*, arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Read the options, without judging them.

    Raises UnfitOptions when a number is none.
    """
    parser = argparse.ArgumentParser(
        prog="python -m config.standin",
        description="Carat's stand-in for the payment company and the bank. No real money moves.",
        allow_abbrev=False,
    )
    for name, option in _OPTIONS.items():
        parser.add_argument(
            f"--{name.removesuffix('_s').replace('_', '-')}",
            dest=name,
            default=environ.get(variable(name), option.default),
            help=f"{option.meaning} [{variable(name)}]",
        )
    given = {name: str(value) for name, value in vars(parser.parse_args(arguments)).items()}
    try:
        return _options(given)
    except ValueError as error:
        raise UnfitOptions(f"An option is not a number: {error}") from error


@cache
def current() -> Options:
    """Return the options of this process, which its start has put into the environment."""
    return read(arguments=[], environ=os.environ)


def check(options: Options) -> None:
    """Refuse what cannot work before anything is started. Raises UnfitOptions."""
    wrong = [
        message
        for is_wrong, message in (
            (not options.book, "--book is missing: name the file of its book."),
            (
                not options.api_key.startswith("sk_test_"),
                "--api-key must start with sk_test_: the stand-in never sees a live key.",
            ),
            (not options.bank_key, "--bank-key is missing."),
            (
                bool(options.webhook_url) and not options.webhook_secret.startswith("whsec_"),
                "--webhook-secret must start with whsec_ when there is a webhook url.",
            ),
            (
                bool(options.connect_webhook_url)
                and not options.connect_webhook_secret.startswith("whsec_"),
                "--connect-webhook-secret must start with whsec_ when there is a connect url.",
            ),
            (not options.webhook_delays_s, "--webhook-delays needs at least one number."),
        )
        if is_wrong
    ]
    if wrong:
        raise UnfitOptions(" ".join(wrong))


def variable(name: str) -> str:
    """Return the environment variable of an option."""
    return f"STANDIN_{name.upper()}"


def to_environ(options: Options) -> dict[str, str]:
    """Return the options as the environment the settings are read from."""
    return {variable(field.name): _text(getattr(options, field.name)) for field in fields(options)}


def _options(given: Mapping[str, str]) -> Options:
    return Options(
        port=int(given["port"]),
        book=str(Path(given["book"]).absolute()) if given["book"] else "",
        api_key=given["api_key"],
        webhook_url=given["webhook_url"],
        webhook_secret=given["webhook_secret"],
        connect_webhook_url=given["connect_webhook_url"],
        connect_webhook_secret=given["connect_webhook_secret"],
        bank_key=given["bank_key"],
        identity_key=given["identity_key"],
        merchant=given["merchant"],
        slow_s=float(given["slow_s"]),
        session_min_s=float(given["session_min_s"]),
        key_life_s=float(given["key_life_s"]),
        webhook_delays_s=tuple(
            float(part) for part in given["webhook_delays_s"].split(",") if part.strip()
        ),
        webhook_timeout_s=float(given["webhook_timeout_s"]),
        webhook_life_s=float(given["webhook_life_s"]),
        bank_delay_s=float(given["bank_delay_s"]),
        bank_return_s=float(given["bank_return_s"]),
        bank_long_s=float(given["bank_long_s"]),
        tick_s=float(given["tick_s"]),
        with_parent=given["with_parent"] == "1",
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)
