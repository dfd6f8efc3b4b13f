"""Whether creators may be settled and paid, read now: the gate's facts and its checklist.

Promises: the facts of any number of creators are read in the same few queries; ``risk`` judges
them one by one, without a query.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from allauth.account.models import EmailAddress

from accounts import queries as people
from accounts.models import CreatorProfile, User
from payouts import risk
from payouts.models import Destination

type Checklist = tuple[risk.Line, ...]


def checklist(*, creator: User, at: datetime) -> Checklist:
    """The gate's lines for one creator, as they are now."""
    return gate(creator_ids=[creator.pk], at=at)[creator.pk]


def gate(*, creator_ids: Collection[int], at: datetime) -> Mapping[int, Checklist]:
    """The gate's lines for each of the creators, as they are now."""
    return {
        creator_id: risk.checklist(facts=facts, at=at)
        for creator_id, facts in _facts(creator_ids, at=at).items()
    }


def _facts(creator_ids: Collection[int], *, at: datetime) -> dict[int, risk.Facts]:
    with_profile = set(
        CreatorProfile.objects.filter(creator__in=creator_ids).values_list("creator_id", flat=True)
    )
    verified = set(
        EmailAddress.objects.filter(user__in=creator_ids, verified=True).values_list(
            "user_id", flat=True
        )
    )
    destinations = {
        row.creator_id: row
        for row in Destination.objects.filter(creator__in=creator_ids, replaced_at=None)
    }
    reviews = people.restricting_payouts(user_ids=creator_ids, at=at)
    persons = User.objects.filter(pk__in=creator_ids).only(
        "country", "birth_date", "standing", "standing_until", "kind"
    )
    return {
        person.pk: risk.Facts(
            has_profile=person.pk in with_profile,
            country=str(person.country.code or ""),
            birth_date=person.birth_date,
            has_verified_email=person.pk in verified,
            standing=person.standing,
            standing_until=person.standing_until,
            kind=person.kind,
            held_why=reviews[person.pk].get_reason_display() if person.pk in reviews else "",
            has_destination=person.pk in destinations,
            destination_blocked_why=(
                destinations[person.pk].blocked_why if person.pk in destinations else ""
            ),
            destination_usable_at=(
                destinations[person.pk].usable_at if person.pk in destinations else None
            ),
        )
        for person in persons
    }
