"""The gate before settling and paying: facts about a creator in, a checklist out.

Promises: pure functions, no clock and no database; every line says whether it is met, why it is
asked, and what to do when it is not. A creator is settled and paid when every line is met. Staff
may let a line pass for a time, but never those of ``EligibilityOverride.NEVER``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from accounts import risk as people_risk
from accounts.models import AccountKind, Standing
from payouts import rules
from payouts.models import EligibilityOverride

# What other modules know by these names.
State = rules.State
Verified = rules.Verified


class NotEligible(Exception):
    """A line of the checklist is not met. The message is that line's words."""


class Key(StrEnum):
    PROFILE = "profile"
    AGE = "age"
    COUNTRY = "country"
    EMAIL = "email"
    SECOND_FACTOR = "second_factor"
    IDENTITY = "identity"
    TAX = "tax"
    ACCOUNT_AGE = "account_age"
    FOLLOWERS = "followers"
    STANDING = "standing"
    REVIEW = "review"
    KIND = "kind"
    DESTINATION = "destination"
    HOLDER = "holder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A line that staff let pass: the reason they gave, and until when."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the gate looks at. ``destination_blocked_why`` is empty while the account is usable.

    Names are compared by their marks: the gate opens no secret.
    """

    has_profile: bool
    country: str
    is_country_supported: bool
    birth_date: date | None
    joined_at: datetime
    has_verified_email: bool
    has_second_factor: bool
    standing: str
    standing_until: datetime | None
    has_destination: bool
    destination_blocked_why: str
    holder_mark: str = ""
    identity: Verified = Verified()  # noqa: RUF009 - it is frozen
    tax_form: str = ""  # the form in use; empty: none
    tax_valid_until: datetime | None = None
    followers: int = 0
    kind: str = AccountKind.PERSONAL
    destination_usable_at: datetime | None = None  # after a change; None: at once
    held_why: str = ""  # why a review holds the creator's payouts; empty: none does
    waivers: Mapping[str, Waiver] = field(default_factory=dict)
    # What the operator asks for.
    days_min: int = 30
    followers_min: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the checklist. ``todo`` is empty when there is nothing to do but wait."""

    key: Key
    title: str
    state: State
    reason: str
    todo: str = ""
    is_waived: bool = False

    @property
    def is_met(self) -> bool:
        return self.state == State.DONE


def checklist(*, facts: Facts, at: datetime) -> tuple[Line, ...]:
    """All lines, in the order in which a new creator meets them."""
    lines = (
        _profile(facts),
        _age(facts, at),
        _country(facts),
        _email(facts),
        _second_factor(facts),
        _identity(facts),
        _tax(facts, at),
        _account_age(facts, at),
        *_followers(facts),
        _standing(facts),
        *_kind(facts),
        *_review(facts),
        _destination(facts, at),
        *_holder(facts),
    )
    return tuple(_waived(line, facts, at) for line in lines) if facts.waivers else lines


def _waived(line: Line, facts: Facts, at: datetime) -> Line:
    """Let a line pass that staff let pass, and say so; never one that nobody may let pass."""
    waiver = facts.waivers.get(line.key)
    if line.is_met or waiver is None or at >= waiver.until:
        return line
    if line.key in EligibilityOverride.NEVER:
        return line
    return replace(
        line,
        state=State.DONE,
        reason=f"Our staff let this pass until {waiver.until:%-d %B %Y}: {waiver.reason}",
        todo="",
        is_waived=True,
    )


def _country(facts: Facts) -> Line:
    said = rules.country(code=facts.country, is_supported=facts.is_country_supported)
    return _line(Key.COUNTRY, "Country", said)


def _second_factor(facts: Facts) -> Line:
    said = rules.second_factor(has_one=facts.has_second_factor)
    return _line(Key.SECOND_FACTOR, "Second factor", said)


def _identity(facts: Facts) -> Line:
    said = rules.identity(found=facts.identity, birth_date=facts.birth_date)
    return _line(Key.IDENTITY, "Identity", said)


def _tax(facts: Facts, at: datetime) -> Line:
    said = rules.tax(
        country=facts.country, form=facts.tax_form, valid_until=facts.tax_valid_until, at=at
    )
    return _line(Key.TAX, "Tax details", said)


def _account_age(facts: Facts, at: datetime) -> Line:
    said = rules.account_age(joined_at=facts.joined_at, days_min=facts.days_min, at=at)
    return _line(Key.ACCOUNT_AGE, "Time with us", said)


def _followers(facts: Facts) -> tuple[Line, ...]:
    """Only where the operator asks for followers."""
    if not facts.followers_min:
        return ()
    said = rules.followers(count=facts.followers, least=facts.followers_min)
    return (_line(Key.FOLLOWERS, "Followers", said),)


def _holder(facts: Facts) -> tuple[Line, ...]:
    """Only of who has an account: without one, that is what is said."""
    if not facts.has_destination:
        return ()
    said = rules.holder(found=facts.identity, holder_mark=facts.holder_mark)
    return (_line(Key.HOLDER, "An account in your own name", said),)


def _line(key: Key, title: str, said: rules.Said) -> Line:
    return Line(key=key, title=title, state=said.state, reason=said.reason, todo=said.todo)


def is_eligible(lines: Iterable[Line]) -> bool:
    return all(line.is_met for line in lines)


def check_eligible(lines: Iterable[Line]) -> None:
    """Raise NotEligible with the first line that is not met."""
    for line in lines:
        if not line.is_met:
            raise NotEligible(f"{line.reason} {line.todo}".strip())


def _profile(facts: Facts) -> Line:
    if facts.has_profile:
        return Line(
            key=Key.PROFILE,
            title="Creator profile",
            state=State.DONE,
            reason="Your creator profile is open.",
        )
    return Line(
        key=Key.PROFILE,
        title="Creator profile",
        state=State.TODO,
        reason="You have no creator profile yet.",
        todo="Open one: it is what your fans see.",
    )


def _age(facts: Facts, at: datetime) -> Line:
    """Of age: 18, in South Korea 19 (sources in ``accounts.risk``)."""
    title = "Age"
    if facts.birth_date is None or not facts.country:
        return Line(
            key=Key.AGE,
            title=title,
            state=State.TODO,
            reason="We do not know your country and birth date.",
            todo="Add them to your profile.",
        )
    years = people_risk.age_min(facts.country)
    if people_risk.age(facts.birth_date, at) >= years:
        return Line(key=Key.AGE, title=title, state=State.DONE, reason=f"You are {years} or older.")
    return Line(
        key=Key.AGE,
        title=title,
        state=State.BAD,
        reason=f"In your country creators are paid from the age of {years}.",
        todo="What you have earned stays yours until then.",
    )


def _email(facts: Facts) -> Line:
    """So that news about money arrive: YouTube, Twitch and Roblox ask for it too (2026)."""
    if facts.has_verified_email:
        return Line(
            key=Key.EMAIL,
            title="Email address",
            state=State.DONE,
            reason="Your address is verified.",
        )
    return Line(
        key=Key.EMAIL,
        title="Email address",
        state=State.TODO,
        reason="Your email address is not verified.",
        todo="Verify it with the code we send you.",
    )


def _standing(facts: Facts) -> Line:
    """Who broke the rules is heard first: the reason and the appeal are in their notices."""
    if facts.standing == Standing.GOOD:
        return Line(
            key=Key.STANDING,
            title="Standing",
            state=State.DONE,
            reason="Your account is in good standing.",
        )
    until = f" until {facts.standing_until:%d %B %Y}" if facts.standing_until else ""
    return Line(
        key=Key.STANDING,
        title="Standing",
        state=State.BAD,
        reason=f"Your account is {Standing(facts.standing).label.lower()}{until}.",
        todo="Your diamonds and money stay yours; your notifications say why, and how to answer.",
    )


def _kind(facts: Facts) -> tuple[Line, ...]:
    """Only of an account whose kind is not paid: others never hear of it."""
    if facts.kind not in people_risk.KINDS_WITHOUT_GIFTS:
        return ()
    kind = AccountKind(facts.kind).label.lower()
    return (
        Line(
            key=Key.KIND,
            title="Kind of account",
            state=State.BAD,
            reason=f"Yours is a {kind} account, and those are given no gifts and no payouts.",
            todo="Ask us if this is wrong.",
        ),
    )


def _review(facts: Facts) -> tuple[Line, ...]:
    """Only while a case holds payouts: who has none is not told that there could be."""
    if not facts.held_why:
        return ()
    return (
        Line(
            key=Key.REVIEW,
            title="A review",
            state=State.BAD,
            reason=f"Your payouts wait while we look into something: {facts.held_why}",
            todo="Your diamonds and money stay yours. The review says why and by when.",
        ),
    )


def _destination(facts: Facts, at: datetime) -> Line:
    title = "Where you are paid"
    if not facts.has_destination:
        return Line(
            key=Key.DESTINATION,
            title=title,
            state=State.TODO,
            reason="We do not know where to pay you.",
            todo="Add a bank account in your own name.",
        )
    if facts.destination_blocked_why:
        return Line(
            key=Key.DESTINATION,
            title=title,
            state=State.BAD,
            reason=f"Your bank did not take the last payout: {facts.destination_blocked_why}",
            todo="Check the account with your bank, or set another one.",
        )
    if facts.destination_usable_at is not None and facts.destination_usable_at > at:
        return Line(
            key=Key.DESTINATION,
            title=title,
            state=State.BAD,
            reason="You changed your account, so payouts wait until "
            f"{facts.destination_usable_at:%d %B %Y, %H:%M} UTC.",
            todo="There is nothing to do but wait. If you did not change it, write to us at once.",
        )
    return Line(key=Key.DESTINATION, title=title, state=State.DONE, reason="Your account is set.")
