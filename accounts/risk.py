"""Who may spend and who may earn: facts of the person in, a refusal in their words out.

Reads nothing: every fact is on the user's row, so a gift pays no query for being checked.
"""

from datetime import UTC, date, datetime
from typing import ClassVar, Final

from accounts.models import AccountKind, Standing, User

# The field's own terms: 18 and over, 19 in South Korea (virtual items policies of 2026-01-22;
# South Korea: Youth Protection Act, article 2: a youth is a person under 19).
AGE_MIN: Final = 18
AGE_MIN_BY_COUNTRY: Final = {"KR": 19}
# Below it nobody may have an account: US COPPA, 16 CFR 312.2, "child means under the age of 13".
AGE_MIN_TO_JOIN: Final = 13

# Whose accounts are given no gifts, as the field has it: TikTok lets no gifts go to government,
# politician and party accounts (its help pages on gifts); Twitch allows no Bits for political
# candidates (its Bits terms as of 2026-08-22).
KINDS_WITHOUT_GIFTS: Final = frozenset({AccountKind.POLITICAL, AccountKind.GOVERNMENT})


class NotAllowed(Exception):
    """The person may not do this now. ``remedy`` names the page where they can change that."""

    remedy: ClassVar[str] = ""


class NotInGoodStanding(NotAllowed):
    remedy = "accounts:notifications"


class ProfileIncomplete(NotAllowed):
    remedy = "accounts:profile"


class TooYoung(NotAllowed):
    pass


class KindExcluded(NotAllowed):
    pass


class TermsNotAccepted(NotAllowed):
    remedy = "accounts:accept_terms"


def age_min(country: str) -> int:
    """The age from which people in ``country`` may buy, send and earn."""
    return AGE_MIN_BY_COUNTRY.get(country, AGE_MIN)


def age(birth_date: date, at: datetime) -> int:
    """Whole years at ``at`` in UTC. Whoever was born on 29 February is a year older on 1 March."""
    today = at.astimezone(UTC).date()
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    return today.year - birth_date.year - (not had_birthday)


def check_may_spend(user: User, at: datetime) -> None:
    """Let pass who may buy coins and send gifts.

    Raises NotInGoodStanding, ProfileIncomplete, TooYoung, TermsNotAccepted.
    """
    _check_standing(user, "buy coins or send gifts")
    _check_age(user, at, "buy coins and send gifts")
    if user.terms_due_at is not None and user.terms_due_at <= at:
        raise TermsNotAccepted(
            "Our terms have changed since you accepted them. Read and accept them, then try again."
        )


def check_may_earn(user: User, at: datetime) -> None:
    """Let pass who may receive gifts and be paid.

    Raises what ``check_may_create`` raises, and KindExcluded.
    """
    check_may_create(user, at)
    check_kind(user)


def check_kind(user: User) -> None:
    """Let pass whose kind of account may be given gifts. Raises KindExcluded."""
    if user.kind in KINDS_WITHOUT_GIFTS:
        raise KindExcluded(
            f"Yours is a {AccountKind(user.kind).label.lower()} account. Those are given no gifts "
            "and no payouts here: switch gifts off. Ask us if this is wrong."
        )


def check_may_create(user: User, at: datetime) -> None:
    """Let pass who may go live and post videos.

    Raises NotInGoodStanding, ProfileIncomplete, TooYoung.
    """
    _check_standing(user, "receive gifts or payouts")
    _check_age(user, at, "receive gifts and payouts")


def check_may_chat(user: User, at: datetime) -> None:
    """Let pass who may talk where others read it.

    Raises NotInGoodStanding, ProfileIncomplete, TooYoung.
    """
    _check_standing(user, "talk in rooms")
    _check_age(user, at, "talk in rooms")


def _check_standing(user: User, deeds: str) -> None:
    if user.standing == Standing.GOOD:
        return
    until = f" until {user.standing_until:%-d %B %Y}" if user.standing_until else ""
    raise NotInGoodStanding(
        f"Your account is {user.standing}{until}, so you cannot {deeds}. "
        "Your notifications say why and whom to ask."
    )


def _check_age(user: User, at: datetime, deeds: str) -> None:
    country = user.country.code  # read once: each reading of the field makes a Country
    if not country or user.birth_date is None:
        raise ProfileIncomplete(
            "We need your country and date of birth first. Add them to your profile."
        )
    years = age_min(country)
    if age(user.birth_date, at) < years:
        raise TooYoung(f"You must be {years} or older to {deeds} where you live.")
