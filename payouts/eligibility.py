"""Whether creators may be settled and paid, read now: the gate's facts and its checklist.

Promises: the facts of any number of creators are read in the same few queries; ``risk`` judges
them one by one, without a query. What the gate said is kept for staff by ``store``; nothing is
settled or paid by what was kept.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from accounts import queries as people
from accounts.models import CreatorProfile, User, name_mark
from payouts import risk
from payouts.models import Destination, EligibilityOverride, EligibilityResult, TaxProfile
from wallet import queries as wallets

type Checklist = tuple[risk.Line, ...]

# Recovery codes alone are no second factor: they come with one of these.
FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def checklist(*, creator: User, at: datetime) -> Checklist:
    """The gate's lines for one creator, as they are now."""
    return gate(creator_ids=[creator.pk], at=at)[creator.pk]


def gate(*, creator_ids: Collection[int], at: datetime) -> Mapping[int, Checklist]:
    """The gate's lines for each of the creators, as they are now."""
    return {
        creator_id: risk.checklist(facts=facts, at=at)
        for creator_id, facts in _facts(creator_ids, at=at).items()
    }


def store(results: Mapping[int, Checklist], *, at: datetime) -> None:
    """Keep what the gate said, one row a creator, in one statement however many they are."""
    rows = [
        EligibilityResult(
            creator_id=creator_id,
            is_eligible=risk.is_eligible(lines),
            lines=[_kept(line) for line in lines],
            unmet=", ".join(line.key for line in lines if not line.is_met)[:200],
            evaluated_at=at,
        )
        for creator_id, lines in sorted(results.items())
    ]
    EligibilityResult.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["creator"],
        update_fields=["is_eligible", "lines", "unmet", "evaluated_at"],
    )


def _kept(line: risk.Line) -> dict[str, Any]:
    return {
        "key": line.key,
        "title": line.title,
        "state": line.state,
        "reason": line.reason,
        "is_waived": line.is_waived,
    }


def _facts(creator_ids: Collection[int], *, at: datetime) -> dict[int, risk.Facts]:
    destinations = {
        row.creator_id: row
        for row in Destination.objects.filter(creator__in=creator_ids, replaced_at=None)
    }
    reviews = people.restricting_payouts(user_ids=creator_ids, at=at)
    verified = _verified(creator_ids)
    taxes = dict(_taxes(creator_ids))
    waivers = _waivers(creator_ids, at=at)
    followers = _followers(creator_ids) if settings.ELIGIBLE_FOLLOWERS_MIN else {}
    supported = wallets.countries_sold_in()
    return {
        person.pk: risk.Facts(
            has_profile=person.has_profile,
            country=str(person.country.code or ""),
            is_country_supported=person.country.code in supported,
            birth_date=person.birth_date,
            joined_at=person.joined_at,
            has_verified_email=person.has_verified_email,
            has_second_factor=person.has_second_factor,
            standing=person.standing,
            standing_until=person.standing_until,
            kind=person.kind,
            held_why=reviews[person.pk].get_reason_display() if person.pk in reviews else "",
            identity=verified.get(person.pk, risk.Verified()),
            tax_form=taxes[person.pk][0] if person.pk in taxes else "",
            tax_valid_until=taxes[person.pk][1] if person.pk in taxes else None,
            followers=followers.get(person.pk, 0),
            waivers=waivers.get(person.pk, {}),
            days_min=settings.ELIGIBLE_AFTER_DAYS,
            followers_min=settings.ELIGIBLE_FOLLOWERS_MIN,
            **_destination(destinations.get(person.pk)),
        )
        for person in _persons(creator_ids)
    }


def _destination(row: Destination | None) -> dict[str, Any]:
    """What the gate looks at of the account in use."""
    if row is None:
        return {"has_destination": False, "destination_blocked_why": ""}
    return {
        "has_destination": True,
        "destination_blocked_why": row.blocked_why,
        "destination_usable_at": row.usable_at,
        "holder_mark": name_mark(row.holder_name),
    }


def _persons(creator_ids: Collection[int]) -> QuerySet[Any]:
    """Who they are, and what of them is there or not, in one query."""
    theirs = OuterRef("pk")
    return (
        User.objects.filter(pk__in=creator_ids)
        .annotate(
            has_profile=Exists(CreatorProfile.objects.filter(creator=theirs)),
            has_verified_email=Exists(EmailAddress.objects.filter(user=theirs, verified=True)),
            has_second_factor=Exists(Authenticator.objects.filter(user=theirs, type__in=FACTORS)),
        )
        .only("country", "birth_date", "joined_at", "standing", "standing_until", "kind")
    )


def _verified(creator_ids: Collection[int]) -> dict[int, risk.Verified]:
    return {
        creator_id: risk.Verified(
            state=row.state, why=row.why, birth_date=row.birth_date, name_mark=row.name_mark
        )
        for creator_id, row in people.latest_identities(user_ids=creator_ids).items()
    }


def _taxes(creator_ids: Collection[int]) -> list[tuple[int, tuple[str, datetime]]]:
    rows = TaxProfile.objects.filter(creator__in=creator_ids, replaced_at=None)
    return [
        (creator_id, (form, valid_until))
        for creator_id, form, valid_until in rows.values_list("creator_id", "form", "valid_until")
    ]


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
