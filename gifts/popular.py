"""Reads of which gifts a creator is given most: ever, and lately.

Promises: what was given ever is read from sums; lately, from the creator's newest gifts alone and
never more than ``LATEST_MAX`` of them: where that does not reach back far enough, it says since
when it counts. Gifts whose payment a bank took back count in neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gifts import crowd
from gifts.models import ReceivedGift, Sending
from wallet import reversals

SHOWN_MAX: Final = 20
LATELY: Final = timedelta(days=30)
LATEST_MAX: Final = 5_000

type Sums = Mapping[int, tuple[str, int, int]]  # by gift: its slug, how many, and their coins


@dataclass(frozen=True, slots=True)
class Popular:
    """A gift, how many and for how many coins. ``share``: in percent of the first one's coins."""

    slug: str
    name: str
    gifts: int
    coins: int
    share: int
    art: str | None = None  # the digest of its artwork


@dataclass(frozen=True, slots=True)
class Lately:
    """The most popular gifts since a moment; ``is_whole``: that is as far back as was asked."""

    gifts: list[Popular]
    since: datetime
    is_whole: bool


def ever(*, creator_id: int) -> list[Popular]:
    """List the gifts that brought most coins, ever."""
    rows = (
        ReceivedGift.objects.filter(creator_id=creator_id, gifts__gt=0)
        .order_by("-coins", "-gifts", "gift_id")
        .values_list("gift_id", "gift__slug", "gifts", "coins")[:SHOWN_MAX]
    )
    return _named({gift_id: (slug, gifts, coins) for gift_id, slug, gifts, coins in rows})


def lately(*, creator_id: int, at: datetime) -> Lately:
    """List the gifts that brought most coins in the last 30 days, of the newest ones."""
    newest = Sending.objects.filter(creator_id=creator_id).order_by("-pk")
    rows = list(
        newest.values_list(
            "pk", "gift_version__gift_id", "gift_version__gift__slug", "quantity", "coins",
            "sent_at",
        )[:LATEST_MAX]
    )  # fmt: skip
    since = at - LATELY
    is_whole = len(rows) < LATEST_MAX or rows[-1][5] <= since
    recent = [row for row in rows if row[5] > since]
    gone = reversals.reversed_gifts(operation_ids=[row[0] for row in recent])
    sums: dict[int, tuple[str, int, int]] = {}
    for sending_id, gift_id, slug, quantity, coins, _ in recent:
        if sending_id not in gone:
            _, gifts, so_far = sums.get(gift_id, (slug, 0, 0))
            sums[gift_id] = (slug, gifts + quantity, so_far + coins)
    return Lately(_named(sums), since if is_whole else rows[-1][5], is_whole)


def _named(sums: Sums) -> list[Popular]:
    ordered: Sequence[tuple[int, tuple[str, int, int]]] = sorted(
        sums.items(), key=lambda one: (-one[1][2], -one[1][1], one[0])
    )[:SHOWN_MAX]
    named = crowd.names_and_art([gift_id for gift_id, _ in ordered])
    most = ordered[0][1][2] if ordered else 1
    return [
        Popular(
            slug, named[gift_id][0], gifts, coins, max(1, coins * 100 // most), named[gift_id][1]
        )
        for gift_id, (slug, gifts, coins) in ordered
    ]
