"""Bank accounts: what happens to a transfer is told by the last four signs of its destination."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fate(StrEnum):
    """What becomes of a transfer."""

    PAID = "paid"
    FAILS = "fails"
    RETURNED = "returned"
    UNANSWERED = "unanswered"
    LONG = "long"
    BREAKS_FIRST = "breaks_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One kind of destination."""

    ending: str
    fate: Fate
    meaning: str


ENDINGS: Final = (
    Ending(ending="0000", fate=Fate.FAILS, meaning="Fails at once: the account is closed (AC04)."),
    Ending(
        ending="1111",
        fate=Fate.RETURNED,
        meaning="Is paid, and returned a while later: the account is blocked (AC06).",
    ),
    Ending(
        ending="2222",
        fate=Fate.UNANSWERED,
        meaning="Is accepted, but the first answer never arrives: the line is cut. It is paid.",
    ),
    Ending(ending="3333", fate=Fate.LONG, meaning="Stays accepted for a long time, then is paid."),
    Ending(
        ending="4444",
        fate=Fate.BREAKS_FIRST,
        meaning="The first request is answered 500 and has no effect; the next is accepted.",
    ),
)
OTHERWISE: Final = "Any other account is paid after a short while."

# Reason codes of ISO 20022, external code set ExternalStatusReason1Code.
ACCOUNT_CLOSED: Final = "AC04"
ACCOUNT_BLOCKED: Final = "AC06"


def fate_of(*, account: str) -> Fate:
    """Return what becomes of a transfer to ``account``."""
    for ending in ENDINGS:
        if account.endswith(ending.ending):
            return ending.fate
    return Fate.PAID
