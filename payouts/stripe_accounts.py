"""Creators' accounts at Stripe: opened through Stripe's own page, mirrored, and then paid to.

Promises: what is asked of Stripe is written down before, so that a lost answer leads to no second
account; a notice of Stripe's is only a reason to look; an account becomes a destination once Stripe
says that it can be paid out, and is closed as one while Stripe says that it cannot. Stripe is never
called inside a transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from accounts.models import User
from payouts import destinations
from payouts.models import Destination, StripeAccount
from payouts.rails import base, stripe_connect
from wallet import ledger

LOOK_SOON: Final = timedelta(minutes=10)  # while somebody is about to be connected
LOOK_SELDOM: Final = timedelta(days=1)  # a notice that was lost is made up for by then
BATCH: Final = 50

log = structlog.get_logger(__name__)


class StripeAway(Exception):
    """Stripe does not answer, or does not want this account now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboarding:
    """Where the creator goes on, at Stripe."""

    account: StripeAccount
    url: str


def connect(
    *, creator: User, holder_name: str, return_url: str, refresh_url: str, at: datetime
) -> Onboarding:
    """Open the creator's account at Stripe, or go on with it; a link to Stripe's page.

    It becomes where they are paid once Stripe says it can be. Raises destinations.RailNotOffered,
    StripeAway.
    """
    account = _want(creator_id=creator.pk, holder_name=holder_name, at=at)
    rail = stripe_connect.StripeConnect()
    try:
        if not account.ref:
            made = rail.open_account(
                key=account.pk.hex, country=str(creator.country.code or ""), email=creator.email
            )
            _name(account, ref=made.ref)
        url = rail.onboarding_url(ref=account.ref, return_url=return_url, refresh_url=refresh_url)
    except (base.Unavailable, base.Declined) as error:
        log.warning("stripe_connect_away", account=str(account.pk), why=str(error))
        raise StripeAway("Stripe does not answer just now. Try again in a few minutes.") from error
    return Onboarding(account=account, url=url)


@transaction.atomic(durable=True)
def _want(*, creator_id: int, holder_name: str, at: datetime) -> StripeAccount:
    """Write down that the creator wants to be paid by Stripe, before Stripe is asked."""
    creator = User.objects.select_for_update(no_key=True).get(pk=creator_id)
    destinations.check_offered(rail=Destination.Rail.STRIPE, creator=creator)
    account, _ = StripeAccount.objects.get_or_create(
        creator=creator,
        defaults={"id": ledger.new_operation_id(), "holder_name": holder_name, "opened_at": at},
    )
    in_use = destinations.in_use(creator_id=creator_id)
    account.holder_name = holder_name
    if in_use is None or in_use.rail != Destination.Rail.STRIPE:
        account.wanted_id = ledger.new_operation_id()
    account.due_at = at + LOOK_SOON
    account.save(update_fields=["holder_name", "wanted_id", "due_at"])
    return account


@transaction.atomic(durable=True)
def _name(account: StripeAccount, *, ref: str) -> None:
    StripeAccount.objects.filter(pk=account.pk, ref="").update(ref=ref)
    account.ref = ref


def refresh(*, account_id: UUID, at: datetime) -> StripeAccount:
    """Ask Stripe how the account is, and do what follows. Raises StripeAway.

    Safe to repeat: killed anywhere, the next look goes on.
    """
    account = StripeAccount.objects.select_related("creator").get(pk=account_id)
    if not account.ref:
        return _postpone(account, at=at)
    try:
        found = stripe_connect.StripeConnect().fetch_account(ref=account.ref)
    except (base.Unavailable, base.Declined) as error:
        _postpone(account, at=at)
        raise StripeAway("Stripe does not answer just now. Try again in a few minutes.") from error
    account = _mirror(account, found=found, at=at)
    if account.is_enabled and account.wanted_id is not None:
        _use(account, at=at)
    return account


@transaction.atomic(durable=True)
def _postpone(account: StripeAccount, *, at: datetime) -> StripeAccount:
    account.due_at = at + (LOOK_SOON if account.wanted_id else LOOK_SELDOM)
    account.save(update_fields=["due_at"])
    return account


@transaction.atomic(durable=True)
def _mirror(
    account: StripeAccount, *, found: stripe_connect.Account, at: datetime
) -> StripeAccount:
    """Keep what Stripe shows; a destination is closed or opened with it."""
    locked = (
        StripeAccount.objects.select_for_update(no_key=True, of=("self",))
        .select_related("creator")
        .get(pk=account.pk)
    )
    if locked.fetched_at is not None and locked.fetched_at > at:
        return locked  # a later look has been here
    locked.currency = found.currency
    locked.is_submitted, locked.is_enabled = found.is_submitted, found.is_enabled
    locked.due, locked.disabled_reason = list(found.due), found.disabled_reason
    locked.fetched_at = at
    locked.due_at = at + (LOOK_SOON if locked.wanted_id else LOOK_SELDOM)
    locked.save()
    paid_to = destinations.in_use(creator_id=locked.creator_id)
    if paid_to is not None and paid_to.rail == Destination.Rail.STRIPE:
        if found.is_enabled:
            destinations.unblock(destination_id=paid_to.pk)
        else:
            why = "Stripe wants to know more before it pays you. Go on at Stripe."
            destinations.block(destination_id=paid_to.pk, why=why, at=at)
    return locked


def _use(account: StripeAccount, *, at: datetime) -> None:
    """Pay there from now on. The id was made when it was wanted, so it happens once."""
    assert account.wanted_id is not None, "the caller has looked"
    if account.currency not in settings.CURRENCIES:
        log.error("stripe_account_currency", account=str(account.pk), currency=account.currency)
        return
    destinations.set_destination(
        destination_id=account.wanted_id,
        creator=account.creator,
        holder_name=account.holder_name,
        account=account.ref,
        currency=account.currency,
        rail=Destination.Rail.STRIPE,
        at=at,
    )
    _wanted_no_more(account)


@transaction.atomic(durable=True)
def _wanted_no_more(account: StripeAccount) -> None:
    StripeAccount.objects.filter(pk=account.pk, wanted_id=account.wanted_id).update(wanted_id=None)
    account.wanted_id = None


@transaction.atomic(durable=True)
def note_change(*, ref: str, at: datetime) -> bool:
    """Stripe says that something changed: look at it soon. False: no account of ours."""
    return bool(StripeAccount.objects.filter(ref=ref).exclude(ref="").update(due_at=at))


def sweep(*, at: datetime) -> int:
    """Look at every account that is due; how many. Those that Stripe does not show wait."""
    due = StripeAccount.objects.filter(due_at__lte=at).order_by("due_at", "pk")
    looked = 0
    for account_id in list(due.values_list("pk", flat=True)[:BATCH]):
        try:
            refresh(account_id=account_id, at=at)
        except (StripeAway, destinations.RailNotOffered) as error:
            log.warning("stripe_account_look", account=str(account_id), why=str(error))
        else:
            looked += 1
    return looked
