"""Whether a creator may be settled and paid, read now: the gate's facts and its checklist."""

from datetime import datetime

from allauth.account.models import EmailAddress

from accounts.models import CreatorProfile, User
from payouts import queries, risk


def checklist(*, creator: User, at: datetime) -> tuple[risk.Line, ...]:
    """The gate's lines for the creator, as they are now."""
    return risk.checklist(facts=_facts(creator), at=at)


def _facts(creator: User) -> risk.Facts:
    destination = queries.destination_in_use(creator_id=creator.pk)
    return risk.Facts(
        has_profile=CreatorProfile.objects.filter(creator=creator).exists(),
        country=str(creator.country.code or ""),
        birth_date=creator.birth_date,
        has_verified_email=EmailAddress.objects.filter(user=creator, verified=True).exists(),
        standing=creator.standing,
        standing_until=creator.standing_until,
        kind=creator.kind,
        has_destination=destination is not None,
        destination_blocked_why=destination.blocked_why if destination else "",
    )
