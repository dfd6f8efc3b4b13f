"""The deeds of paying people out: their accounts, transfers to them, and transfers taken back."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from babel.numbers import get_territory_currencies
from django.db import transaction

from config.standin import connect_shapes, ids, money, refusals, webhooks
from config.standin.models import (
    AccountLink,
    ConnectedAccount,
    ConnectPlan,
    ConnectTransfer,
    Json,
    TransferReversal,
)

LINK_LIFE: Final = timedelta(minutes=5)
# What a fresh account is asked for (docs.stripe.com/connect/handling-api-verification, 2026-11).
FIRST_DUE: Final = ("external_account", "individual.first_name", "tos_acceptance.date")


class NoSuchAccount(refusals.Refused):
    """There is no account of that name, or not for this merchant."""


class TransfersNotAllowed(refusals.Refused):
    """The account cannot take transfers yet, or any more."""


class TooLittleBalance(refusals.Refused):
    """The merchant has not as much."""


class NotReversible(refusals.Refused):
    """More than is left of the transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a transfer is asked to be."""

    amount_minor: int
    currency: str
    destination: str
    transfer_group: str
    description: str
    metadata: Mapping[str, str]


def plan() -> ConnectPlan:
    """Return what tests have changed about transfers."""
    return ConnectPlan.objects.first() or ConnectPlan()


@transaction.atomic(durable=True)
def change_plan(*, seed: int, lag_s: float, is_broke: bool) -> ConnectPlan:
    """Let lists lag by a seed, or the merchant's balance be empty, from now on."""
    ConnectPlan.objects.all().delete()
    return ConnectPlan.objects.create(seed=seed, lag_s=lag_s, is_broke=is_broke)


@transaction.atomic
def open_account(
    *, country: str, email: str, metadata: Mapping[str, str], at: datetime
) -> ConnectedAccount:
    """Open an account of which nothing is known yet."""
    return ConnectedAccount.objects.create(
        public_id=ids.new_id("acct", length=16),
        created_at=at,
        country=country,
        currency=get_territory_currencies(country)[-1].lower(),
        email=email,
        metadata=dict(metadata),
        due=list(FIRST_DUE),
    )


@transaction.atomic
def link(
    *, account: ConnectedAccount, refresh_url: str, return_url: str, at: datetime
) -> AccountLink:
    """Make a link to the page where the account's person says who they are."""
    return AccountLink.objects.create(
        token=ids.new_id("link", length=40),
        account=account,
        created_at=at,
        expires_at=at + LINK_LIFE,
        refresh_url=refresh_url,
        return_url=return_url,
    )


@transaction.atomic
def onboard(*, token: str, is_complete: bool, at: datetime) -> AccountLink | None:
    """Use a link: say all, or leave something out. None: it is used or too old."""
    row = AccountLink.objects.select_related("account").filter(token=token, used_at=None).first()
    if row is None or row.expires_at <= at:
        return None
    row.used_at = at
    row.save(update_fields=["used_at"])
    due = () if is_complete else ("individual.verification.document",)
    change(account=row.account, is_submitted=True, due=due, disabled_reason="", at=at)
    return row


@transaction.atomic
def change(
    *,
    account: ConnectedAccount,
    is_submitted: bool,
    due: Sequence[str],
    disabled_reason: str,
    at: datetime,
) -> ConnectedAccount:
    """Change what the company knows and wants of an account, and tell of it."""
    account.is_submitted = is_submitted
    account.due = list(due)
    account.disabled_reason = disabled_reason
    account.save()
    webhooks.record(kind="account.updated", snapshot=connect_shapes.account(account), at=at)
    return account


@transaction.atomic
def transfer(*, wish: Wish, at: datetime, cause: webhooks.Cause) -> ConnectTransfer:
    """Move money to an account. Raises NoSuchAccount, TransfersNotAllowed, TooLittleBalance."""
    account = account_named(wish.destination, param="destination", code="account_invalid")
    if not account.is_enabled:
        raise TransfersNotAllowed(
            "Your destination account needs to have at least one of the following capabilities "
            "enabled: transfers, crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
        )
    now = plan()
    if now.is_broke:
        raise TooLittleBalance(
            "You have insufficient available funds in your Stripe account.",
            code="balance_insufficient",
        )
    row = ConnectTransfer.objects.create(
        public_id=ids.new_id("tr"),
        created_at=at,
        listed_at=at,
        amount_minor=wish.amount_minor,
        currency=wish.currency,
        destination=account,
        transfer_group=wish.transfer_group,
        description=wish.description,
        metadata=dict(wish.metadata),
    )
    dice = random.Random(f"{now.seed} {row.number}")  # noqa: S311 - a repeatable fate, no secret
    row.listed_at = at + timedelta(seconds=dice.uniform(0, now.lag_s))
    row.save(update_fields=["listed_at"])
    webhooks.record(
        kind="transfer.created", snapshot=connect_shapes.transfer(row), at=at, cause=cause
    )
    return row


@transaction.atomic
def reverse(
    *,
    public_id: str,
    amount_minor: int | None,
    metadata: Mapping[str, str],
    at: datetime,
    cause: webhooks.Cause | None = None,
) -> TransferReversal:
    """Take a transfer back, or a part of it. Raises NoSuchAccount, NotReversible."""
    row = ConnectTransfer.objects.select_related("destination").filter(public_id=public_id).first()
    if row is None:
        raise NoSuchAccount(
            f"No such transfer: '{public_id}'", code="resource_missing", param="transfer"
        )
    left = row.amount_minor - row.reversed_minor
    amount = left if amount_minor is None else amount_minor
    if not 0 < amount <= left:
        raise NotReversible(
            "Reversal amount is greater than unreversed amount on transfer "
            f"({money.shown(amount_minor=left, currency=row.currency)})",
            param="amount",
        )
    row.reversed_minor += amount
    row.save(update_fields=["reversed_minor"])
    made = TransferReversal.objects.create(
        public_id=ids.new_id("trr"),
        created_at=at,
        transfer=row,
        amount_minor=amount,
        metadata=dict(metadata),
    )
    webhooks.record(
        kind="transfer.reversed", snapshot=connect_shapes.transfer(row), at=at, cause=cause
    )
    return made


def account_named(
    public_id: str, *, param: str = "account", code: str = "resource_missing"
) -> ConnectedAccount:
    """Return an account by its public name. Raises NoSuchAccount."""
    row = ConnectedAccount.objects.filter(public_id=public_id).first()
    if row is None:
        raise NoSuchAccount(f"No such {param}: '{public_id}'", code=code, param=param)
    return row


def book() -> list[Json]:
    """Return every transfer, for reconciling by id."""
    rows = ConnectTransfer.objects.select_related("destination").order_by("number")
    return [
        {
            "id": row.public_id,
            "transfer_group": row.transfer_group,
            "destination": row.destination.public_id,
            "amount": row.amount_minor,
            "amount_reversed": row.reversed_minor,
            "currency": row.currency,
            "shown": money.shown(amount_minor=row.amount_minor, currency=row.currency),
        }
        for row in rows
    ]
