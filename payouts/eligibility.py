"""Whether creators may be settled and paid, read now: the gate's facts and its checklist.

Promises: the facts of any number of creators are read in the same few queries; ``risk`` judges
them one by one, without a query. What the gate said is kept for staff by ``store``; nothing is
settled or paid by what was kept.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef

from accounts import queries as people
from accounts.models import CreatorProfile, User, name_mark
from payouts import risk
from payouts.models import Destination, EligibilityOverride, TaxProfile
from wallet import queries as wallets

type Checklist = tuple[risk.Line, ...]

# Recovery codes alone are no second factor: they come with one of these.
FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)

# Of those who have none.
NOT_VERIFIED: Final = risk.Verified()
NO_WAIVERS: Final[Mapping[str, risk.Waiver]] = {}
NO_DESTINATION: Final = {"has_destination": False, "destination_blocked_why": ""}


def checklist(*, creator: User, at: datetime) -> Checklist:
    """The gate's lines for one creator, as they are now."""
    return gate(creator_ids=[creator.pk], at=at)[creator.pk]


def gate(*, creator_ids: Collection[int], at: datetime) -> Mapping[int, Checklist]:
    """The gate's lines for each of the creators, as they are now."""
    return {
        creator_id: risk.checklist(facts=facts, at=at)
        for creator_id, facts in _facts(creator_ids, at=at).items()
    }


STORE_SQL: Final = """
INSERT INTO payouts_eligibilityresult (creator_id, is_eligible, lines, unmet, evaluated_at)
SELECT creator_id, is_eligible, lines, unmet, %(at)s
  FROM json_to_recordset(%(results)s)
       AS result (creator_id bigint, is_eligible boolean, lines jsonb, unmet text)
 ORDER BY creator_id
    ON CONFLICT (creator_id) DO UPDATE
   SET (is_eligible, lines, unmet, evaluated_at)
     = (excluded.is_eligible, excluded.lines, excluded.unmet, excluded.evaluated_at)
"""


def store(results: Mapping[int, Checklist], *, at: datetime) -> None:
    """Keep what the gate said, one row a creator, in one statement however many they are.

    In words only what is not met, or met by the word of staff.
    """
    kept = [
        {
            "creator_id": creator_id,
            "is_eligible": risk.is_eligible(lines),
            "lines": [_kept(line) for line in lines if line.is_waived or not line.is_met],
            "unmet": ", ".join(line.key for line in lines if not line.is_met)[:200],
        }
        for creator_id, lines in results.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(STORE_SQL, {"results": json.dumps(kept), "at": at})


def _kept(line: risk.Line) -> dict[str, Any]:
    return {
        "key": line.key,
        "title": line.title,
        "state": line.state,
        "reason": line.reason,
        "is_waived": line.is_waived,
    }


def _facts(creator_ids: Collection[int], *, at: datetime) -> dict[int, risk.Facts]:
    destinations = _destinations(creator_ids)
    reviews = people.restricting_payouts(user_ids=creator_ids, at=at)
    verified = _verified(creator_ids)
    taxes = _taxes(creator_ids)
    waivers = _waivers(creator_ids, at=at)
    followers = _followers(creator_ids) if settings.ELIGIBLE_FOLLOWERS_MIN else {}
    supported = wallets.countries_sold_in()
    return {
        creator_id: risk.Facts(
            has_profile=has_profile,
            country=country or "",
            is_country_supported=country in supported,
            birth_date=birth_date,
            joined_at=joined_at,
            has_verified_email=has_verified_email,
            has_second_factor=has_second_factor,
            standing=standing,
            standing_until=standing_until,
            kind=kind,
            held_why=reviews[creator_id].get_reason_display() if creator_id in reviews else "",
            identity=verified.get(creator_id, NOT_VERIFIED),
            followers=followers.get(creator_id, 0),
            waivers=waivers.get(creator_id, NO_WAIVERS),
            days_min=settings.ELIGIBLE_AFTER_DAYS,
            followers_min=settings.ELIGIBLE_FOLLOWERS_MIN,
            **taxes.get(creator_id, {}),
            **destinations.get(creator_id, NO_DESTINATION),
        )
        for (
            creator_id, country, birth_date, joined_at, standing, standing_until, kind,
            has_profile, has_verified_email, has_second_factor,
        ) in _persons(creator_ids)
    }  # fmt: skip


def _destinations(creator_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """What the gate looks at of the accounts in use."""
    rows = Destination.objects.filter(creator__in=creator_ids, replaced_at=None)
    return {
        creator_id: {
            "has_destination": True,
            "destination_blocked_why": blocked_why,
            "destination_usable_at": usable_at,
            "holder_mark": name_mark(holder_name),
        }
        for creator_id, blocked_why, usable_at, holder_name in rows.values_list(
            "creator_id", "blocked_why", "usable_at", "holder_name"
        )
    }


def _persons(creator_ids: Collection[int]) -> Iterable[tuple[Any, ...]]:
    """Who they are, and what of them is there or not, in one query.

    Plain rows: making a model of each took longer than the query.
    """
    theirs = OuterRef("pk")
    return User.objects.filter(pk__in=creator_ids).values_list(
        "pk",
        "country",
        "birth_date",
        "joined_at",
        "standing",
        "standing_until",
        "kind",
        Exists(CreatorProfile.objects.filter(creator=theirs)),
        Exists(EmailAddress.objects.filter(user=theirs, verified=True)),
        Exists(Authenticator.objects.filter(user=theirs, type__in=FACTORS)),
    )


def _verified(creator_ids: Collection[int]) -> dict[int, risk.Verified]:
    return {
        creator_id: risk.Verified(state=state, why=why, birth_date=birth_date, name_mark=mark)
        for creator_id, state, why, birth_date, mark in people.latest_identities(
            user_ids=creator_ids
        ).values_list("person_id", "state", "why", "birth_date", "name_mark")
    }


def _taxes(creator_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    rows = TaxProfile.objects.filter(creator__in=creator_ids, replaced_at=None)
    return {
        creator_id: {"tax_form": form, "tax_valid_until": valid_until}
        for creator_id, form, valid_until in rows.values_list("creator_id", "form", "valid_until")
    }


def _waivers(creator_ids: Collection[int], *, at: datetime) -> dict[int, dict[str, risk.Waiver]]:
    rows = EligibilityOverride.objects.filter(
        creator__in=creator_ids, state=EligibilityOverride.State.IN_FORCE, until__gt=at
    )
    found: dict[int, dict[str, risk.Waiver]] = {}
    for row in rows:
        waiver = risk.Waiver(reason=row.reason, until=row.until)
        found.setdefault(row.creator_id, {})[row.line] = waiver
    return found


def _followers(creator_ids: Collection[int]) -> dict[int, int]:
    """How many follow each, counted no further than is asked for: a star costs no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT creator.id, counted.followers
              FROM unnest(%s::bigint[]) AS creator (id)
             CROSS JOIN LATERAL (
                   SELECT count(*) AS followers
                     FROM (SELECT 1 FROM accounts_follow
                            WHERE creator_id = creator.id LIMIT %s) AS follower
                   ) AS counted
            """,
            [list(creator_ids), settings.ELIGIBLE_FOLLOWERS_MIN],
        )
        return {int(creator_id): int(followers) for creator_id, followers in cursor.fetchall()}
