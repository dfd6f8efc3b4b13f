"""Reconciliation: our books beside a payment company's, by id, in both directions.

Promises: everything the company made in the span is looked for in our books, and everything of ours
in theirs; what was lost on the way (a notice that never came) is first asked for once more by the
same deeds that notices ring for, and only what still differs then is a difference. Money never
moves because the books differ: staff look.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from wallet import disputes, payments, providers, submissions
from wallet.models import (
    Difference,
    Dispute,
    HoldClass,
    PaymentMethod,
    Purchase,
    Reconciliation,
    Refund,
)
from wallet.money import money
from wallet.providers.base import (
    Activity,
    ActivityKind,
    Declined,
    DisputeState,
    PaymentState,
    RefundState,
    Unavailable,
)

# What a provider's side of it can end in: the run has no end then, and is made again.
NO_ANSWER: Final = (Declined, Unavailable)
NOTHING: Final = "nothing"
NIL: Final = UUID(int=0)
# What was made at the edge of the span may bear a time on the other side of it.
EDGE: Final = timedelta(hours=2)
# What is as young as this may still be on its way; the next run looks at it.
SETTLING: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Seen:
    """One difference, before it is written down."""

    kind: str
    ref: str
    purchase_id: UUID | None
    ours: str
    theirs: str


def used_providers() -> list[str]:
    """The adapters of all methods that call a company, offered now or not. Gift cards call none."""
    calling = PaymentMethod.objects.exclude(hold_class=HoldClass.GIFT_CARD)
    return sorted(set(calling.values_list("provider", flat=True)))


def reconcile(*, provider: str, since: datetime, until: datetime) -> Reconciliation:
    """Compare one provider's book with ours over [since, until). Safe to repeat.

    Raises Declined, Unavailable: the run has no end then, and the next one compares it again.
    """
    run = Reconciliation.objects.create(provider=provider, since=since, until=until)
    found: list[Seen] = []
    names: set[str] = set()
    compared = 0
    for one in providers.load(provider).activity(since=since - EDGE, until=until + EDGE):
        names.add(one.ref)
        if not since <= one.at < until:
            continue
        compared += 1
        found += _theirs(one, provider=provider, at=until)
    ours = list(_ours(provider=provider, since=since, until=until))
    compared += len(ours)
    found += [seen for seen in ours if seen.ref not in names]
    with transaction.atomic(durable=True):
        Difference.objects.bulk_create(
            Difference(
                reconciliation=run,
                kind=seen.kind,
                ref=seen.ref,
                purchase_id=seen.purchase_id,
                ours=seen.ours,
                theirs=seen.theirs,
            )
            for seen in found
        )
        run.compared, run.ended_at = compared, datetime.now(until.tzinfo)
        run.save(update_fields=["compared", "ended_at"])
    return run


def reconcile_recent(*, at: datetime, over: timedelta) -> list[Reconciliation]:
    """Compare the recent past of every provider; those that do not answer are left to the next."""
    runs = []
    for provider in used_providers():
        try:
            runs.append(reconcile(provider=provider, since=at - over, until=at - SETTLING))
        except (Declined, Unavailable):
            continue
    return runs


def _theirs(one: Activity, *, provider: str, at: datetime) -> Iterator[Seen]:
    """What differs about one thing of the provider's book."""
    match one.kind:
        case ActivityKind.PAYMENT:
            seen = _payment(one, provider=provider, at=at)
        case ActivityKind.REFUND:
            seen = _refund(one, provider=provider, at=at)
        case ActivityKind.DISPUTE:
            seen = _dispute(one, provider=provider, at=at)
    if seen is not None and seen.ours != seen.theirs:
        yield seen


def _payment(one: Activity, *, provider: str, at: datetime) -> Seen | None:
    if one.state != PaymentState.PAID:
        return None
    purchase = Purchase.objects.filter(pk=_id(one.order_ref), method__provider=provider).first()
    if purchase is not None and purchase.state != Purchase.State.CREDITED:
        try:
            purchase = payments.settle_purchase(purchase_id=purchase.pk, at=at)
        except (Declined, payments.PaymentDiffers):
            purchase.refresh_from_db()
    ours, purchase_id = NOTHING, None
    if purchase is not None:
        purchase_id = purchase.pk
        value = money(purchase.gross_minor, purchase.currency)
        is_this = purchase.payment_ref in ("", one.ref)
        ours = f"{purchase.state} {value}" if is_this else f"paid by {purchase.payment_ref}"
    theirs = f"{Purchase.State.CREDITED} {money(one.amount_minor, one.currency)}"
    return Seen(Difference.Kind.PAYMENT, one.ref, purchase_id, ours, theirs)


def _refund(one: Activity, *, provider: str, at: datetime) -> Seen | None:
    if one.state == RefundState.PENDING:
        return None
    with suppress(submissions.RefundDiffers, payments.PaymentDiffers):  # seen below, and told
        if not submissions.mirror(provider=provider, ref=one.ref, at=at):
            disputes.mirror_refund(provider=provider, ref=one.ref, at=at)
    value = money(one.amount_minor, one.currency)
    is_paid = one.state == RefundState.SUCCEEDED
    theirs = f"{Refund.State.PAID} {value}" if is_paid else str(Refund.State.FAILED)
    refund = Refund.objects.filter(pk=_id(one.order_ref)).select_related("purchase").first()
    if refund is not None:
        ours = (
            f"{refund.state} {refund.money}" if refund.state == Refund.State.PAID else refund.state
        )
        return Seen(Difference.Kind.REFUND, one.ref, refund.purchase_id, ours, theirs)
    booked = Dispute.objects.filter(provider_ref=one.ref).select_related("purchase").first()
    if booked is None:
        return Seen(Difference.Kind.REFUND, one.ref, None, NOTHING, theirs) if is_paid else None
    ours = f"{Refund.State.PAID} {money(booked.lost_minor, one.currency)}"
    return Seen(Difference.Kind.REFUND, one.ref, booked.purchase_id, ours, theirs)


def _dispute(one: Activity, *, provider: str, at: datetime) -> Seen | None:
    with suppress(payments.PaymentDiffers):
        disputes.learn(provider=provider, ref=one.ref, at=at)
    booked = Dispute.objects.filter(provider_ref=one.ref).first()
    theirs = Dispute.State.LEARNT if one.state == DisputeState.WARNING else one.state
    if booked is None:
        return Seen(Difference.Kind.DISPUTE, one.ref, None, NOTHING, theirs)
    return Seen(Difference.Kind.DISPUTE, one.ref, booked.purchase_id, booked.state, theirs)


def _ours(*, provider: str, since: datetime, until: datetime) -> Iterator[Seen]:
    """Everything of ours that the provider should have made in the span."""
    paid = Purchase.objects.filter(
        method__provider=provider,
        paid_at__gte=since,
        paid_at__lt=until,
        created_at__gte=since,
    ).exclude(payment_ref="")
    for purchase in paid.iterator():
        ours = f"{purchase.state} {purchase.money}"
        yield Seen(Difference.Kind.PAYMENT, purchase.payment_ref, purchase.pk, ours, NOTHING)
    sent = Refund.objects.filter(
        purchase__method__provider=provider,
        state=Refund.State.PAID,
        decided_at__gte=since,
        decided_at__lt=until,
        ended_at__lt=until,
    ).select_related("purchase")
    for refund in sent.iterator():
        ours = f"{refund.state} {refund.money}"
        yield Seen(Difference.Kind.REFUND, refund.provider_ref, refund.purchase_id, ours, NOTHING)


def _id(text: str) -> UUID:
    """Our id that a thing of theirs carries; the nil id, which nothing has, if it carries none."""
    try:
        return UUID(text)
    except ValueError:
        return NIL
