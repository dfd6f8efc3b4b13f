"""What is asked of a creator before they are paid, rule by rule, each with where it comes from.

Promises: small pure functions: facts in; what is so, why it is asked and what to do out. ``risk``
puts them into the checklist.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from accounts.models import IdentityCheck
from payouts.models import TaxForm, form_for

Identity = IdentityCheck.State

TAX_ENDS_SOON: Final = timedelta(days=60)  # from then on a form that still holds says so


class State(StrEnum):
    """The states of a line, as the checklist component names them."""

    DONE = "done"
    TODO = "todo"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a rule says. ``todo`` is empty when there is nothing to do but wait."""

    state: State
    reason: str
    todo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The latest check of who the creator is. ``state`` is empty where there was none.

    The name is here as its mark alone: what is compared is never read.
    """

    state: str = ""
    why: str = ""
    birth_date: date | None = None
    name_mark: str = ""

    @property
    def is_approved(self) -> bool:
        return self.state == Identity.APPROVED


def country(*, code: str, is_supported: bool) -> Said:
    """Where the operator has a region: only there are prices, taxes and rails set up."""
    if is_supported:
        return _done("We pay creators where you live.")
    if not code:
        return _todo("We do not know where you live.", "Add your country to your profile.")
    return _bad(
        "We do not pay creators in your country yet.",
        "What you have earned stays yours until we do.",
    )


def second_factor(*, has_one: bool) -> Said:
    """An account that is paid is worth stealing: Twitch asks partners for one (its help, 2026)."""
    if has_one:
        return _done("Signing in asks for more than your password.")
    return _todo(
        "Whoever knows your password could take your payouts.",
        "Add an authenticator app or a security key.",
    )


def identity(*, found: Verified, birth_date: date | None) -> Said:
    """Who is paid is known: Directive (EU) 2015/849, article 13; FATF recommendation 10."""
    if found.is_approved and found.birth_date == birth_date:
        return _done("Your identity is verified.")
    if found.is_approved:
        return _bad(
            "The date of birth that was verified is not the one in your profile.",
            "Write to us: a person looks at it.",
        )
    if found.state == Identity.SUBMITTED:
        return _todo("We are checking who you are.", "We tell you as soon as it is done.")
    if found.state == Identity.DECLINED:
        return _bad(f"Your identity could not be verified: {found.why}", "Try again.")
    return _todo("We do not know yet who you are.", "Verify your identity: it takes a few minutes.")


def tax(*, country: str, form: str, valid_until: datetime | None, at: datetime) -> Said:
    """A form that holds: US 26 CFR 1.6041-1 and 1.1441-1; EU Directive 2021/514 (DAC7)."""
    asked = form_for(country)
    todo = "Fill in the form. What you earn is kept for you meanwhile."
    if not form or valid_until is None:
        return _todo(f"We need your tax details: {asked.label}.", todo)
    if form not in (asked, TaxForm.W9):
        return _todo(f"Where you live now, another form is asked for: {asked.label}.", todo)
    if at >= valid_until:
        return _todo(f"Your tax details held until {valid_until:%-d %B %Y}.", todo)
    return Said(
        state=State.DONE,
        reason=f"Your tax details hold until {valid_until:%-d %B %Y}.",
        todo="Certify them again before then." if valid_until - at <= TAX_ENDS_SOON else "",
    )


def account_age(*, joined_at: datetime, days_min: int, at: datetime) -> Said:
    """Our own rule, as the field has it: 30 days before gifts on videos (TikTok's help, 2026)."""
    since = joined_at + timedelta(days=days_min)
    if at >= since:
        return _done(f"You joined on {joined_at:%-d %B %Y}.")
    return _todo(
        f"Creators are paid from {days_min} days after joining.",
        f"For you that is from {since:%-d %B %Y}. There is nothing to do but wait.",
    )


def followers(*, count: int, least: int) -> Said:
    """The operator's own rule; TikTok asks for 1,000 to 100,000 (its help, 2026)."""
    if count >= least:
        return _done(f"You have {least:,} followers or more.")
    return _todo(
        f"Creators are paid from {least:,} followers on; you have {count:,}.",
        "What you have earned stays yours until then.",
    )


def holder(*, found: Verified, holder_mark: str) -> Said:
    """In the creator's own name, as TikTok's and Roblox's terms ask (2026); FATF as above."""
    if not found.is_approved:
        return _todo(
            "We compare your account's holder with your verified name.",
            "Verify your identity first.",
        )
    if holder_mark == found.name_mark:
        return _done("The account is in the name that was verified.")
    return _bad(
        "The account's holder is not the name that was verified.",
        "Write the holder as on your papers, or set an account of your own.",
    )


def _done(reason: str) -> Said:
    return Said(state=State.DONE, reason=reason)


def _todo(reason: str, todo: str) -> Said:
    return Said(state=State.TODO, reason=reason, todo=todo)


def _bad(reason: str, todo: str) -> Said:
    return Said(state=State.BAD, reason=reason, todo=todo)
