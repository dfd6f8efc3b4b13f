"""Where creators are paid: setting an account, and closing one that a bank has refused.

Promises: an account is never edited, a new one replaces it and the old row stays; its number is
encrypted and only masked ever shown; a change is told by email to the person, whoever made it, and
holds payouts for some days; an account that another person uses too opens a case about both, in the
same transaction.
"""

import re
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from schwifty import BIC, IBAN
from schwifty.exceptions import InvalidChecksumDigits, SchwiftyException

from accounts import encryption, reviewing
from accounts import services as people
from accounts.models import NoticeKind, Review, ReviewReason, User
from payouts.models import Destination
from payouts.rails import sepa

Rail = Destination.Rail

ACCOUNT_SHAPE: Final = re.compile(r"[A-Z0-9]{6,34}")
IBAN_SHAPE: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
MARKED_FOR: Final = "payout account"

# Where Stripe opens accounts that it pays out to (stripe.com/global, 2026-11).
STRIPE_COUNTRIES: Final = frozenset({
    "AE", "AT", "AU", "BE", "BG", "BR", "CA", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI",
    "FR", "GB", "GI", "GR", "HK", "HR", "HU", "IE", "IT", "JP", "LI", "LT", "LU", "LV", "MT",
    "MX", "MY", "NL", "NO", "NZ", "PL", "PT", "RO", "SE", "SG", "SI", "SK", "TH", "US",
})  # fmt: skip
# The geographical scope of the SEPA schemes (European Payments Council, EPC409-09, 2026).
SEPA_COUNTRIES: Final = frozenset({
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB",
    "GG", "GI", "GR", "HR", "HU", "IE", "IM", "IS", "IT", "JE", "LI", "LT", "LU", "LV", "MC",
    "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "SM", "VA",
})  # fmt: skip


class UnfitAccount(Exception):
    """The account number cannot be one, or not on this rail."""


class RailNotOffered(Exception):
    """This way of being paid is not offered to this person."""


def offered(*, country: str) -> list[Rail]:
    """The rails that settings enable and that reach the country, in the settings' order."""
    reach = {Rail.SEPA: SEPA_COUNTRIES, Rail.STRIPE: STRIPE_COUNTRIES}
    rails = [Rail(name) for name in settings.PAYOUT_RAILS]
    return [rail for rail in rails if rail not in reach or country in reach[rail]]


def check_offered(*, rail: str, creator: User) -> None:
    """Raise RailNotOffered when the creator cannot be paid that way."""
    if rail not in offered(country=str(creator.country.code or "")):
        raise RailNotOffered(
            f"{Rail(rail).label} is not offered where you live. Choose another way to be paid."
        )


def in_use(*, creator_id: int) -> Destination | None:
    """Where the creator is paid at present, for deeds that change it."""
    return Destination.objects.filter(creator=creator_id, replaced_at=None).first()


def normal_account(text: str) -> str:
    """The account without spaces and hyphens, in capitals. Raises UnfitAccount.

    What looks like an IBAN must be one.
    """
    account = re.sub(r"[\s-]", "", text).upper()
    if not ACCOUNT_SHAPE.fullmatch(account):
        raise UnfitAccount("An account number has 6 to 34 letters and digits. Check it.")
    if IBAN_SHAPE.fullmatch(account):
        _iban(account)
    return account


def sepa_account(text: str) -> str:
    """The IBAN without spaces, of a country that SEPA reaches. Raises UnfitAccount."""
    account = re.sub(r"[\s-]", "", text).upper()
    if not IBAN_SHAPE.fullmatch(account):
        raise UnfitAccount("This is not an IBAN. It begins with two letters and two digits.")
    iban = _iban(account)
    if iban.country_code not in SEPA_COUNTRIES:
        raise UnfitAccount("SEPA transfers do not reach this IBAN's country. Use another account.")
    return account


def sepa_name(text: str) -> str:
    """The name as given, which SEPA's signs must leave something of. Raises UnfitAccount."""
    if not sepa.latin(text, length=sepa.NAME_LENGTH):
        raise UnfitAccount("Banks need the name in Latin letters. Write it as your bank does.")
    return text


def sepa_bic(text: str, *, account: str) -> str:
    """The BIC as given, or as the IBAN tells it; empty where neither does. Raises UnfitAccount."""
    bic = re.sub(r"\s", "", text).upper()
    if not bic:
        known = IBAN(account).bic
        return str(known) if known else ""
    try:
        BIC(bic)
    except SchwiftyException as error:
        raise UnfitAccount("This BIC has a mistake. Check it, or leave it out.") from error
    return bic


def _iban(account: str) -> IBAN:
    try:
        return IBAN(account)
    except InvalidChecksumDigits as error:
        raise UnfitAccount(
            "This IBAN has a mistake: its check digits do not match. Check it."
        ) from error
    except SchwiftyException as error:
        raise UnfitAccount(
            "This IBAN has a mistake. Check its country, length and signs."
        ) from error


def account_of(destination: Destination) -> str:
    """The account's number, opened: only for the rail that pays there."""
    return encryption.decrypt(
        destination.account_sealed, context=context_of(destination.pk)
    ).decode()


def context_of(destination_id: UUID) -> str:
    """Name the one place where a sealed number opens."""
    return f"destination:{destination_id}:account"


@transaction.atomic(durable=True)
def set_destination(
    *,
    destination_id: UUID,
    creator: User,
    holder_name: str,
    account: str,
    currency: str,
    at: datetime,
    rail: str = Rail.BANK,
    bic: str = "",
) -> Destination:
    """Pay the creator there from now on. Payouts on their way still go to the account before.

    Any but the first account can be paid to after a hold. Locks the account's name, then the
    creator. The same id again is the same account. Raises UnfitAccount, RailNotOffered.
    """
    account, bic = _checked(account, bic=bic, rail=rail, currency=currency)
    if rail == Rail.SEPA:
        sepa_name(holder_name)
    mark = encryption.mark(account, purpose=MARKED_FOR)
    _wait_for_others(mark)  # before the creator: cases lock everybody who uses the account
    locked = User.objects.select_for_update(no_key=True).get(pk=creator.pk)
    known = Destination.objects.filter(pk=destination_id, creator=creator).first()
    if known is not None:
        return known
    check_offered(rail=rail, creator=locked)
    earlier = Destination.objects.filter(creator=creator)
    hold = timedelta(days=settings.DESTINATION_HOLD_DAYS if earlier.exists() else 0)
    earlier.filter(replaced_at=None).update(replaced_at=at)
    destination = Destination.objects.create(
        pk=destination_id,
        creator=creator,
        rail=rail,
        holder_name=holder_name,
        account_sealed=encryption.encrypt(account.encode(), context=context_of(destination_id)),
        last4=account[-4:],
        mark=mark,
        bic=bic,
        currency=currency,
        added_at=at,
        usable_at=at + hold,
    )
    _open_reviews(destination, at=at)
    _tell(destination, is_held=bool(hold))
    return destination


def _checked(account: str, *, bic: str, rail: str, currency: str) -> tuple[str, str]:
    if rail == Rail.STRIPE:
        return account, ""  # Stripe's own name of it, whose signs are not capitals alone
    if rail == Rail.BANK:
        return normal_account(account), ""
    if currency != "EUR":
        raise UnfitAccount("SEPA transfers are in euros. Choose another way for other currencies.")
    number = sepa_account(account)
    return number, sepa_bic(bic, account=number)


def _open_reviews(destination: Destination, *, at: datetime) -> None:
    """Open a case about everybody who uses this account, when it is more than one person."""
    others = set(
        Destination.objects.filter(mark=destination.mark)
        .exclude(creator=destination.creator_id)
        .values_list("creator_id", flat=True)
    )
    if not others:
        return
    for person_id in sorted({*others, destination.creator_id}):
        reviewing.open_review(
            subject_id=person_id,
            reason=ReviewReason.PAYOUT_DUP,
            subject_key=f"payout-account:{destination.mark[:24]}",
            grounds=reviewing.Grounds(
                signals=[("account", destination.masked), ("used by people", str(len(others) + 1))],
                is_by_rule=True,
            ),
            restricts=Review.Restriction.PAYOUTS,
            at=at,
        )


def _wait_for_others(mark: str) -> None:
    """Lock the account's name: of two people who set it at once, the second sees the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 5))", [mark])


def _tell(destination: Destination, *, is_held: bool) -> None:
    held = f" Payouts wait until {destination.usable_at:%d %B %Y, %H:%M} UTC." if is_held else ""
    people.notify(
        user_id=destination.creator_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"destination:{destination.pk}",
        title="Your account for payouts was changed",
        body=f"From now on you are paid by {destination.get_rail_display()} to the account ending "
        f"in {destination.last4}, in {destination.currency}.{held} "
        "If this was not you, change your password and write to us at once.",
        path="/studio/",
    )


def block(*, destination_id: UUID, why: str, at: datetime) -> None:
    """Send nothing more there: the bank refused it. Runs in the caller's transaction."""
    Destination.objects.filter(pk=destination_id, blocked_at=None).update(
        blocked_at=at, blocked_why=why[:200]
    )


def unblock(*, destination_id: UUID) -> None:
    """Send there again: what was in the way is put right. Runs in the caller's transaction."""
    Destination.objects.filter(pk=destination_id).update(blocked_at=None, blocked_why="")
