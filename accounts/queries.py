"""Reads about people, each scoped by whose they are."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import (
    BooleanField,
    Count,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Lower

from accounts.models import (
    HANDLE,
    Block,
    Consent,
    ConsentUse,
    Fingerprint,
    Follow,
    IdentityCheck,
    Notice,
    NoticeKind,
    NoticePreference,
    Review,
    Standing,
    StateChange,
    Terms,
    User,
)

ID_MAX: Final = 2**63 - 1
SHARED_MAX: Final = 50


class Among(Func):
    """Whether a column is one of many ids, for ``filter``: as ``__in`` for a crowd.

    The ids go over as one value: five hundred values took longer to write than to look up.
    """

    template = "%(expressions)s::bigint[])"
    arg_joiner = " = ANY("
    output_field = BooleanField()

    def __init__(self, column: str, ids: Iterable[int]) -> None:
        super().__init__(F(column), Value(f"{{{','.join(map(str, ids))}}}"))


@dataclass(frozen=True, slots=True)
class Preference:
    kind: NoticeKind
    on_site: bool
    by_email: bool


def unread_count(*, user_id: int) -> int:
    """How many notices on the site the person has not read."""
    return Notice.objects.filter(user_id=user_id, read_at=None, on_site=True).count()


def notices(*, user_id: int, before: int | None, limit: int) -> list[Notice]:
    """The person's notices on the site, newest first; ``before`` is the last id already shown."""
    rows = Notice.objects.filter(user_id=user_id, on_site=True).order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows[:limit])


def preferences(*, user_id: int) -> list[Preference]:
    """Where the person hears of each kind, in the order of the kinds."""
    chosen = {row.kind: row for row in NoticePreference.objects.filter(user_id=user_id)}
    return [_preference(kind, chosen.get(kind)) for kind in NoticeKind]


def places_to_tell(*, user_ids: Collection[int], kind: NoticeKind) -> dict[int, Preference]:
    """Where each of these people hears of one kind."""
    chosen: dict[int, NoticePreference] = {}
    if not kind.is_kept:
        rows = NoticePreference.objects.filter(Among("user_id", user_ids), kind=kind)
        chosen = {row.user_id: row for row in rows}
    return {user_id: _preference(kind, chosen.get(user_id)) for user_id in user_ids}


def follower_ids(*, creator_id: int, after: int, limit: int) -> list[int]:
    """Ids of a creator's followers, in order, above ``after``."""
    rows = Follow.objects.filter(creator_id=creator_id, fan_id__gt=after).order_by("fan_id")
    return list(rows.values_list("fan_id", flat=True)[:limit])


def paths_told(*, user_ids: Collection[int], subject_key: str) -> dict[int, str]:
    """Which of these people were told something, and where it led them."""
    rows = Notice.objects.filter(user_id__in=user_ids, subject_key=subject_key)
    return dict(rows.values_list("user_id", "path"))


def _preference(kind: NoticeKind, row: NoticePreference | None) -> Preference:
    if kind.is_kept:
        return Preference(kind, on_site=True, by_email=True)
    if row is None:
        return Preference(kind, on_site=True, by_email=kind.by_email_at_first)
    return Preference(kind, on_site=row.on_site, by_email=row.by_email)


def terms_in_force(*, at: datetime) -> Terms | None:
    """The terms that hold at ``at``."""
    return Terms.objects.filter(effective_at__lte=at).order_by("-effective_at").first()


def terms_to_accept(*, user: User, at: datetime) -> Terms | None:
    """The terms the person still has to accept, or None."""
    current = terms_in_force(at=at)
    if current is None or user.terms_acceptances.filter(terms=current).exists():
        return None
    return current


def standing_reason(*, user_id: int) -> StateChange | None:
    """The latest change of a person's standing."""
    return (
        StateChange.objects.filter(subject_type="accounts.user", subject_id=str(user_id))
        .order_by("-pk")
        .first()
    )


def consents(*, fan_id: int, at: datetime) -> QuerySet[Consent]:
    """The fan's consents in force, each with ``used_coins`` of this UTC day."""
    used = ConsentUse.objects.filter(consent=OuterRef("pk"), day=at.date()).values("coins")
    return (
        Consent.objects.filter(fan_id=fan_id, revoked_at=None, until__gt=at)
        .select_related("client")
        .annotate(used_coins=Coalesce(Subquery(used), 0, output_field=IntegerField()))
        .order_by("-pk")
    )


def creator(*, handle: str) -> User | None:
    """The creator of a public page. Suspended people have none."""
    return (
        User.objects.filter(handle__iexact=handle, is_creator=True)
        .exclude(standing=Standing.SUSPENDED)
        .select_related("creator_profile")
        .annotate(follower_count=Count("followers"))
        .first()
    )


def creators(*, words: str = "", limit: int) -> QuerySet[User]:
    """Creators by followers; with ``words`` those whose handle or name contains them."""
    rows = (
        User.objects.filter(is_creator=True)
        .exclude(standing=Standing.SUSPENDED)
        .annotate(follower_count=Count("followers"))
        .order_by("-follower_count", "pk")
    )
    if words:
        rows = rows.filter(
            Q(handle__icontains=words.lstrip("@")) | Q(display_name__icontains=words)
        )
    return rows[:limit]


def followed(*, fan_id: int, limit: int) -> QuerySet[User]:
    """The creators a fan follows, latest first."""
    return (
        User.objects.filter(followers__fan_id=fan_id)
        .exclude(standing=Standing.SUSPENDED)
        .annotate(followed_at=F("followers__followed_at"))
        .order_by("-followed_at", "pk")[:limit]
    )


def reference(given: int | str) -> int | str | None:
    """Read how somebody outside names a person: an id, or a handle. None: it can be neither.

    A handle of digits alone is told from an id by the @ before it.
    """
    words = str(given)
    if isinstance(given, int) or (words.isascii() and words.isdecimal()):
        return int(given) if 0 < int(words[:20]) <= ID_MAX else None
    handle = words.removeprefix("@").lower()
    return f"@{handle}" if re.fullmatch(HANDLE.regex, handle) else None


def person(given: int | str | None) -> User | None:
    """Find a person by what ``reference`` read."""
    if isinstance(given, int):
        return User.objects.filter(pk=given).first()
    if given is None:
        return None
    return User.objects.alias(small=Lower("handle")).filter(small=given.removeprefix("@")).first()


def is_following(*, fan_id: int, creator_id: int) -> bool:
    """Whether the fan follows the creator."""
    return Follow.objects.filter(fan_id=fan_id, creator_id=creator_id).exists()


def reviews_of(*, user_id: int) -> QuerySet[Review]:
    """Return the reviews the person may know of, newest first."""
    return Review.objects.filter(subject_id=user_id, is_told=True).order_by("-pk")


def review_of(*, user_id: int, review_id: int) -> Review | None:
    """Return one of the person's own reviews."""
    return reviews_of(user_id=user_id).filter(pk=review_id).first()


def restricting_reviews(
    *, user_id: int, restricts: Collection[str], at: datetime
) -> QuerySet[Review]:
    """Return the reviews that hold the person back in one of these ways, the latest promise last.

    Whatever has the furthest end comes last; what holds until further notice comes after that.
    """
    return (
        Review.objects.filter(subject_id=user_id, lifted_at=None, restricts__in=restricts)
        .exclude(restricts=Review.Restriction.NOTHING)
        .filter(Q(restricted_until=None) | Q(restricted_until__gt=at))
        .order_by(F("restricted_until").asc(nulls_last=True), "pk")
    )


def restricting_payouts(*, user_ids: Collection[int], at: datetime) -> dict[int, Review]:
    """Return for each of the people the review that holds their payouts longest, if one does."""
    rows = _holding_payouts(at=at).filter(Among("subject_id", user_ids))
    ordered = rows.order_by(F("restricted_until").asc(nulls_last=True), "pk")
    return {row.subject_id: row for row in ordered}


def held_from_payouts(*, at: datetime) -> QuerySet[Review, int]:
    """Return all people whose payouts a review holds, for other queries to leave out."""
    return _holding_payouts(at=at).values_list("subject_id", flat=True)


def _holding_payouts(*, at: datetime) -> QuerySet[Review]:
    rows = Review.objects.filter(lifted_at=None, restricts=Review.Restriction.PAYOUTS)
    return rows.filter(Q(restricted_until=None) | Q(restricted_until__gt=at))


def moves_of_review(*, review_id: int) -> QuerySet[StateChange]:
    """Return the review's changes of state, first to last."""
    return moves_of(subject_type="accounts.review", subject_id=str(review_id))


def moves_of(*, subject_type: str, subject_id: str) -> QuerySet[StateChange]:
    """Return the changes of state of any row, first to last."""
    rows = StateChange.objects.filter(subject_type=subject_type, subject_id=subject_id)
    return rows.order_by("id")


def is_quiet(*, user_id: int, reason: str, at: datetime) -> bool:
    """Whether staff looked at this lately and found nothing wrong."""
    return Review.objects.filter(subject_id=user_id, reason=reason, quiet_until__gt=at).exists()


def instruments_since(*, user_id: int, since: datetime) -> int:
    """How many payment instruments the person used since then."""
    return Fingerprint.objects.filter(
        user_id=user_id, kind=Fingerprint.Kind.INSTRUMENT, seen_at__gt=since
    ).count()


def people_sharing(*, user_id: int) -> list[tuple[User, list[str]]]:
    """Who used the same device, network or instrument as the person: for staff, at most 50."""
    theirs = Fingerprint.objects.filter(user_id=user_id).values("digest")
    rows = (
        Fingerprint.objects.filter(digest__in=theirs)
        .exclude(user_id=user_id)
        .select_related("user")
        .order_by("user_id", "kind")
        .distinct("user_id", "kind")[:SHARED_MAX]
    )
    found: dict[int, tuple[User, list[str]]] = {}
    for row in rows:
        found.setdefault(row.user_id, (row.user, []))[1].append(row.get_kind_display())
    return list(found.values())


def is_blocked(*, blocker_id: int, blocked_id: int) -> bool:
    """Whether one person has blocked another."""
    return Block.objects.filter(blocker_id=blocker_id, blocked_id=blocked_id).exists()


def blocks_of(*, user_id: int) -> QuerySet[Block]:
    """Return whom the person has blocked, latest first."""
    return Block.objects.filter(blocker_id=user_id).select_related("blocked").order_by("-pk")


def latest_identity(*, user_id: int) -> IdentityCheck | None:
    """Return the person's check that is under way or in force, else the latest that was."""
    return latest_identities(user_ids=[user_id]).first()


def latest_identities(*, user_ids: Collection[int]) -> QuerySet[IdentityCheck]:
    """Return the same for each of several people, in one query."""
    checks = IdentityCheck.objects.filter(Among("person_id", user_ids))
    return checks.order_by("person_id", "-asked_at", "-pk").distinct("person_id")


def is_identity_verified(*, user_id: int) -> bool:
    """Whether the person's identity is verified now."""
    return IdentityCheck.objects.filter(
        person_id=user_id, state=IdentityCheck.State.APPROVED
    ).exists()
