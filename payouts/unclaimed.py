"""Money that could not be paid to creators for a long time: who, how much, why; and telling them.

Promises: a creator is told once in ``DAYS_BETWEEN`` days, whoever asks how often; each telling is
kept with who asked for it. When unclaimed money is to be handed to a state, and after how many
years, differs by law: the operator looks up theirs; nothing here moves money.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from accounts import services as people
from accounts.models import NoticeKind, User
from payouts import held
from payouts.models import EligibilityResult, PayoutChoice, UnclaimedReminder
from wallet import history
from wallet.money import in_diamonds

DAYS_BETWEEN: Final = 30
CHUNK: Final = 500
HEAD: Final = (
    "Creator", "Diamonds", "Money", "US$ about", "Least payout reached", "Why", "Not paid since",
    "Last seen", "Told last",
)  # fmt: skip
# Since the last payout, or since there was first something to pay; not while one is under way.
_SILENT: Final = """
WITH held AS (
    SELECT a.owner_id, min(a.opened_at) AS since
      FROM ledger.account a JOIN ledger.balance b ON b.account_id = a.id AND b.credits > b.debits
     WHERE a.code IN (211, 310) GROUP BY a.owner_id
)
SELECT held.owner_id, coalesce(paid.at, held.since)
  FROM held
 CROSS JOIN LATERAL (SELECT max(p.resolved_at) AS at FROM payouts_payout p
                      WHERE p.creator_id = held.owner_id AND p.state = 'paid') AS paid
 WHERE coalesce(paid.at, held.since) < %(before)s
   AND (%(creator)s::bigint IS NULL OR held.owner_id = %(creator)s)
   AND NOT EXISTS (SELECT 1 FROM payouts_payout p WHERE p.creator_id = held.owner_id
                      AND p.state IN ('requested', 'checked', 'reserved', 'sending', 'unknown',
                                      'submitted'))
 ORDER BY 2, 1 LIMIT %(limit)s OFFSET %(skip)s
"""


class RemindedLately(Exception):
    """The creator was told within the last days."""


class NothingUnclaimed(Exception):
    """The creator has nothing that was not paid for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """A creator's money that nobody could pay them, and why."""

    creator_id: int
    handle: str
    held: held.Holding
    is_above_least: bool
    why: str
    since: datetime
    seen_at: datetime | None
    told_at: datetime | None

    def may_be_told(self, at: datetime) -> bool:
        return self.told_at is None or at >= self.told_at + timedelta(days=DAYS_BETWEEN)


def silent_since(at: datetime) -> datetime:
    """Who was not paid since then is listed: months of 30 days before now."""
    return at - timedelta(days=30 * settings.UNCLAIMED_AFTER_MONTHS)


def unclaimed(
    *, at: datetime, creator_id: int | None = None, skip: int = 0, limit: int
) -> tuple[list[Unclaimed], bool]:
    """Who was not paid for so long, longest first, and whether more follow."""
    facts: dict[str, Any] = {
        "before": silent_since(at), "creator": creator_id, "skip": skip, "limit": limit + 1,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SILENT, facts)
        rows = cursor.fetchall()
    ids = [creator for creator, _ in rows[:limit]]
    who = User.objects.in_bulk(ids)
    holdings = held.holdings_of(ids, at=at)
    results = {row.pk: row for row in EligibilityResult.objects.filter(pk__in=ids)}
    on_request = set(
        PayoutChoice.objects.filter(pk__in=ids, is_automatic=False).values_list("pk", flat=True)
    )
    told = dict(
        UnclaimedReminder.objects.filter(creator__in=ids)
        .values("creator")
        .annotate(last=Max("at"))
        .values_list("creator", "last")
    )
    found = [
        _row(who[creator], holdings[creator], results.get(creator), since,
             is_on_request=creator in on_request, told_at=told.get(creator))
        for creator, since in rows[:limit]
    ]  # fmt: skip
    return found, len(rows) > limit


def _row(
    person: User, holding: held.Holding, result: EligibilityResult | None, since: datetime, *,
    is_on_request: bool, told_at: datetime | None,
) -> Unclaimed:  # fmt: skip
    cents = holding.usd_cents
    is_above = cents is None or cents >= settings.PAYOUT_MINIMUM_USD_CENTS
    if result is not None and not result.is_eligible:
        why = f"Checklist: {held.unmet_words(result)}"
    elif not is_above:
        why = "Less than the least payout"
    elif is_on_request:
        why = "Asks for payouts themselves, and has not"
    else:
        why = "Never looked at by a run" if result is None else "Nothing is in the way: look why"
    return Unclaimed(
        creator_id=person.pk,
        handle=person.handle,
        held=holding,
        is_above_least=is_above,
        why=why,
        since=since,
        seen_at=person.last_login,
        told_at=told_at,
    )


@transaction.atomic(durable=True)
def remind(*, creator_id: int, by_id: int, at: datetime) -> UnclaimedReminder:
    """Tell a creator by notice and email of what waits for them. Locks the creator.

    Raises NothingUnclaimed, RemindedLately.
    """
    User.objects.select_for_update(no_key=True).get(pk=creator_id)
    found, _ = unclaimed(at=at, creator_id=creator_id, limit=1)
    if not found:
        raise NothingUnclaimed(
            "Nothing of theirs has waited for so long. Look at the list again: it may have changed."
        )
    if not found[0].may_be_told(at):
        assert found[0].told_at is not None, "otherwise they may be told"
        raise RemindedLately(
            f"They were told on {found[0].told_at:%-d %B %Y}. Tell them again {DAYS_BETWEEN} days "
            "after that."
        )
    words = in_words(found[0].held)
    reminder = UnclaimedReminder.objects.create(
        creator_id=creator_id, by_id=by_id, held=words[:200], at=at
    )
    people.notify(
        user_id=creator_id,
        kind=NoticeKind.PAYOUT,
        subject_key=f"unclaimed:{reminder.pk}",
        title="Money is waiting for you",
        body=f"You have {words} that we could not pay you. Your studio says what is missing.",
        path="/studio/",
    )
    return reminder


def in_words(holding: held.Holding) -> str:
    """What somebody has, in words."""
    parts = [str(amount) for amount in holding.cash]
    if holding.milli:
        parts.append(f"{in_diamonds(holding.milli)} diamonds")
    return " and ".join(parts)


def csv_lines(*, at: datetime) -> Iterator[str]:
    """All of them as the lines of a CSV file, that no spreadsheet takes for formulas."""
    yield history.csv_line(HEAD)
    skip, has_more = 0, True
    while has_more:
        found, has_more = unclaimed(at=at, skip=skip, limit=CHUNK)
        skip += CHUNK
        for row in found:
            cents = row.held.usd_cents
            yield history.csv_line(
                (
                    row.handle,
                    in_diamonds(row.held.milli),
                    " ".join(f"{amount.amount} {amount.currency}" for amount in row.held.cash),
                    "" if cents is None else f"{cents // 100}.{cents % 100:02d}",
                    "yes" if row.is_above_least else "no",
                    row.why,
                    _day(row.since),
                    _day(row.seen_at),
                    _day(row.told_at),
                )
            )


def _day(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}" if at else ""
