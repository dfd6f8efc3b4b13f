"""What every rail promises: it takes a transfer once per reference, and can be asked about it.

``submit`` answers what the rail has made of the instruction, or raises one of three: *declined* is
final, nothing was or will be sent; *unavailable* means that this call had no effect, so it may be
made again; *unknown* means that nobody can tell, so only a look-up by reference leads on. The
adapter decides which; whoever calls never reads a status code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from django.utils.module_loading import import_string

# Adapters load by dotted path, by the rail a destination names.
ADAPTERS: Final = {
    "bank": "payouts.rails.bank.Bank",
    "stripe": "payouts.rails.stripe_connect.StripeConnect",
}

# Words for banks' reasons: ISO 20022 external code set ExternalStatusReason1Code, 2025-08.
REASONS: Final = {
    "AC01": "The account number is wrong.",
    "AC04": "The account is closed.",
    "AC06": "The account is blocked.",
    "AC13": "The account cannot take such transfers.",
    "AG01": "The account cannot take such transfers.",
    "AM09": "The amount is wrong.",
    "BE01": "The name does not match the account.",
    "MD07": "The account holder has died.",
    "MS02": "The account holder refused the money.",
    "MS03": "The bank gave no reason.",
    "RC01": "The bank's code is wrong.",
}
ABOUT_ACCOUNT: Final = ("AC", "AG", "BE", "MD07", "MS02", "RC")


class Declined(Exception):
    """The rail refuses for good; nothing was or will be sent under the reference."""

    def __init__(self, reason: str, *, is_about_account: bool) -> None:
        super().__init__(reason)
        self.is_about_account = is_about_account


class Unavailable(Exception):
    """This call had no effect: try again later."""


class Unknown(Exception):
    """The call may have had its effect: look up before anything else."""


class State(StrEnum):
    """How far a transfer has come. ``returned``: it was paid, and the money came back."""

    ACCEPTED = "accepted"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What to send where. ``reference`` is ours, and the same at every try."""

    reference: str
    amount_minor: int
    currency: str
    account: str
    holder_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What the rail has in its book under a reference. ``reason`` is its own code or words."""

    rail_ref: str
    reference: str
    amount_minor: int
    currency: str
    state: State
    reason: str = ""

    @property
    def reason_words(self) -> str:
        return REASONS.get(self.reason, self.reason) or REASONS["MS03"]

    @property
    def is_about_account(self) -> bool:
        """Whether the reason lies with the account, so that another try there would fail too."""
        return self.reason.startswith(ABOUT_ACCOUNT)


class Rail(Protocol):
    def submit(self, instruction: Instruction, /) -> Transfer:
        """Send. Raises Declined, Unavailable, Unknown."""

    def lookup(self, *, reference: str) -> Transfer | None:
        """What the rail knows of a reference. None: nothing. Raises Unavailable."""

    def list_since(self, *, since: datetime) -> Iterator[Transfer]:
        """All transfers taken since then, oldest first, for reconciling. Raises Unavailable."""


def open_rail(code: str) -> Rail:
    """The adapter of a rail, ready to be called."""
    adapter = import_string(ADAPTERS[code])
    rail: Rail = adapter()
    return rail
