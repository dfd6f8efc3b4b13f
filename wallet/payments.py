"""The payment of a purchase: fetched from the provider, recorded, and turned into coins once.

Promises: nothing is credited but what was fetched and found to be this purchase's payment, in its
amount and currency; each payment is credited once, whether a webhook, the return page or the sweep
brings it, in any order and any number of times; money that arrives after a purchase failed, expired
or was cancelled is credited too, even over a limit. Money that was only set aside is taken or let
go as ``captures`` decides. No transaction is open while the provider is asked.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts import services as people
from accounts import states
from accounts.models import NoticeKind
from wallet import (
    alerts,
    captures,
    charges,
    events,
    ledger,
    own_limits,
    providers,
    queries,
    receipts,
    returns,
    reviewing,
)
from wallet.models import MethodFee, Purchase
from wallet.providers.base import Payment, PaymentState, Provider

State = Purchase.State

# A checkout can be paid this long. Stripe wants at least 30 minutes from its first request, which a
# retry may be the first to reach, so a purchase is retried within the other half.
CHECKOUT_LIFE: Final = timedelta(minutes=60)
FAILURE_LENGTH: Final = 200


class PaymentDiffers(Exception):
    """What was fetched is not the payment of this purchase. Nothing is credited; staff are told."""


def settle_purchase(*, purchase_id: UUID, at: datetime) -> Purchase:
    """Ask the provider what became of a purchase, then credit, fail, expire it or wait.

    Raises Unavailable, Declined (the provider does not know the checkout), PaymentDiffers.
    """
    purchase = Purchase.objects.select_related("method").get(pk=purchase_id)
    if purchase.state not in (State.PAID, State.CREDITED):
        Purchase.objects.filter(pk=purchase_id).update(checked_at=at)
        if not purchase.checkout_ref:
            return _expire_unopened(purchase, at=at)
        purchase = _look(purchase, at=at)
        if purchase.state == State.AUTHORISED:
            captures.carry_out(purchase)
            purchase = _look(purchase, at=at)
    if purchase.state == State.PAID:
        purchase = _credit(purchase_id=purchase_id, at=at)
    return purchase


def paid_by(*, provider: str, payment_ref: str, purchase_ref: str, at: datetime) -> Purchase | None:
    """Find the purchase that a provider's payment paid; None if it is not one of ours.

    A refund or dispute can be heard of before the payment itself: then what the payment says that
    it is for is settled first. Raises as ``settle_purchase``.
    """
    known = queries.purchase_paid_by(provider=provider, payment_ref=payment_ref)
    if known is not None:
        return known
    try:
        purchase_id = UUID(purchase_ref)
    except ValueError:
        return None
    unheard = Purchase.objects.filter(pk=purchase_id, method__provider=provider, payment_ref="")
    if not unheard.exists():
        return None
    settle_purchase(purchase_id=purchase_id, at=at)
    return queries.purchase_paid_by(provider=provider, payment_ref=payment_ref)


def _look(purchase: Purchase, *, at: datetime) -> Purchase:
    """Fetch the payment, and record it when it is this purchase's."""
    payment = provider_of(purchase).fetch(purchase.checkout_ref)
    try:
        _check_payment(purchase, payment)
        return _record_payment(purchase_id=purchase.pk, payment=payment, at=at)
    except PaymentDiffers as error:
        _report_difference(purchase_id=purchase.pk, why=str(error), at=at)
        raise


def _check_payment(purchase: Purchase, payment: Payment) -> None:
    """Refuse a payment that is not this purchase's, of our mode, in its amount and currency."""
    differences = [
        name
        for name, is_same in (
            ("its purchase", payment.purchase_id == str(purchase.pk)),
            ("its checkout", payment.checkout_ref == purchase.checkout_ref),
            ("its mode (live or test)", payment.is_ours),
            ("its currency", payment.currency == purchase.currency),
            ("its amount", payment.amount_minor == purchase.gross_minor),
        )
        if not is_same
    ]
    if differences:
        raise PaymentDiffers(f"The payment differs in {', '.join(differences)}.")


@transaction.atomic(durable=True)
def _record_payment(*, purchase_id: UUID, payment: Payment, at: datetime) -> Purchase:
    purchase = locked(purchase_id)
    if purchase.state in (State.PAID, State.CREDITED):
        return purchase
    match payment.state:
        case PaymentState.PAID:
            _record_paid(purchase, payment=payment, at=at)
        case PaymentState.AUTHORISED:
            captures.record(purchase, payment=payment, at=at)
            _keep(purchase, payment=payment)
        case PaymentState.PENDING:
            purchase.failure = payment.problem[:FAILURE_LENGTH]
            if not payment.is_page_open:
                purchase.checkout_url = ""  # paid there; the bank takes its time
            purchase.save(update_fields=["failure", "checkout_url"])
        case PaymentState.FAILED | PaymentState.EXPIRED:
            _record_closed(purchase, to=State(payment.state.value), why=payment.problem, at=at)
    return purchase


def _record_paid(purchase: Purchase, *, payment: Payment, at: datetime) -> None:
    was_closed = purchase.state not in (State.CREATED, State.PENDING, State.AUTHORISED)
    states.move(purchase, to=State.PAID, why=f"Paid: {payment.payment_ref}", at=at)
    purchase.payment_ref = payment.payment_ref
    purchase.customer_ref = payment.customer_ref or purchase.customer_ref
    purchase.hold_class = charges.hold_class(
        method_class=purchase.method.hold_class, is_authenticated=payment.is_authenticated
    )
    purchase.fee_minor = payment.fee_minor
    if payment.fee_minor is None:
        fees = MethodFee.objects.filter(method=purchase.method_id, currency=purchase.currency)
        fee = fees.first() or MethodFee()
        purchase.fee_minor = charges.expected_fee_minor(gross_minor=purchase.gross_minor, fee=fee)
    captures.judge(purchase, card_country=payment.card_country)
    purchase.failure = purchase.checkout_url = ""
    purchase.paid_at = at
    _keep(purchase, payment=payment)
    instrument = payment.instrument_fingerprint
    own_limits.note_payment(purchase, instrument=instrument, was_closed=was_closed, at=at)
    reviewing.payment_seen(purchase=purchase, instrument=instrument, at=at)


def _keep(purchase: Purchase, *, payment: Payment) -> None:
    """Save the purchase with its payment's name, which no other purchase may have."""
    try:
        with transaction.atomic():
            purchase.save()
    except IntegrityError as error:
        raise PaymentDiffers(f"The payment {payment.payment_ref} paid another purchase.") from error


def _record_closed(purchase: Purchase, *, to: State, why: str, at: datetime) -> None:
    if purchase.state == State.AUTHORISED:
        captures.record_gone(purchase, why=why, at=at)
        return
    if purchase.state not in (State.CREATED, State.PENDING):
        return
    states.move(purchase, to=to, why=why or to.label, at=at)
    purchase.failure, purchase.checkout_url = why[:FAILURE_LENGTH], ""
    purchase.save(update_fields=["failure", "checkout_url"])
    if to == State.FAILED:
        people.notify(
            user_id=purchase.buyer_id,
            kind=NoticeKind.PURCHASE,
            subject_key=f"purchase:{purchase.pk}:failed",
            title=f"Your payment for {purchase.coins:,} coins failed",
            body="You have not been charged. You can try again with another card.",
            path=page_of(purchase),
        )


@transaction.atomic(durable=True)
def _credit(*, purchase_id: UUID, at: datetime) -> Purchase:
    """Put paid coins into the wallet, tell the buyer, publish it. A second call does nothing."""
    purchase = locked(purchase_id)
    if purchase.state == State.CREDITED:
        return purchase
    return put_into_wallet(purchase, at=at)


def put_into_wallet(purchase: Purchase, *, at: datetime) -> Purchase:
    """Credit a paid purchase that the caller has locked, in the caller's transaction."""
    assert purchase.state == State.PAID
    assert purchase.hold_class is not None
    assert purchase.fee_minor is not None
    ledger.buy(
        operation_id=purchase.pk,
        buyer_id=purchase.buyer_id,
        purchase_id=purchase.pk,
        coins=purchase.coins,
        hold_class=purchase.hold_class,
        currency=purchase.currency,
        gross_minor=purchase.gross_minor,
        tax_minor=purchase.tax_minor,
        fee_minor=purchase.fee_minor,
        memo={
            "text": f"Bought {purchase.coins:,} coins",
            "method": purchase.method.name,
            "amount_minor": purchase.gross_minor,
            "currency": purchase.currency,
        },
    ).check()
    if queries.coins_owed(user_id=purchase.buyer_id):
        # Coins of a payment that was taken back are paid for first. Refused: nothing to pay with.
        returns.repay_coins(
            operation_id=ledger.new_operation_id(),
            payer_id=purchase.buyer_id,
            memo={"text": "Coins for a payment that your bank took back"},
        )
    states.move(purchase, to=State.CREDITED, why="The coins are in the wallet.", at=at)
    purchase.credited_at = at
    purchase.save(update_fields=["credited_at"])
    receipts.open_receipt(purchase)
    events.purchase_credited(purchase)
    people.notify(
        user_id=purchase.buyer_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"purchase:{purchase.pk}:credited",
        title=f"{purchase.coins:,} coins arrived",
        body=f"You paid {purchase.money} by {purchase.method.name.lower()}.",
        path=page_of(purchase),
        document_path=reverse("wallet:receipt", args=[purchase.pk]),
    )
    return purchase


@transaction.atomic(durable=True)
def close(*, purchase_id: UUID, to: State, why: str, at: datetime) -> Purchase:
    """End a purchase without money: failed, expired or cancelled, as ``to`` says."""
    purchase = locked(purchase_id)
    _record_closed(purchase, to=to, why=why, at=at)
    return purchase


def _expire_unopened(purchase: Purchase, *, at: datetime) -> Purchase:
    """A purchase whose page was never shown cannot have been paid; its page is over by then too."""
    if purchase.state != State.CREATED or at < purchase.created_at + CHECKOUT_LIFE:
        return purchase
    return close(purchase_id=purchase.pk, to=State.EXPIRED, why="", at=at)


@transaction.atomic(durable=True)
def _report_difference(*, purchase_id: UUID, why: str, at: datetime) -> None:
    purchase = locked(purchase_id)
    purchase.failure = "We are checking this payment."
    purchase.save(update_fields=["failure"])
    if purchase.alerted_at is None:
        alerts.tell_staff(purchase, why=why, at=at)


def locked(purchase_id: UUID) -> Purchase:
    """Return the purchase as it is now, locked until the caller's transaction ends."""
    return (
        Purchase.objects.select_for_update(no_key=True, of=("self",))
        .select_related("method", "region", "right_region")
        .get(pk=purchase_id)
    )


def provider_of(purchase: Purchase) -> Provider:
    """Return the adapter of the purchase's payment method."""
    return providers.load(purchase.method.provider)


def page_of(purchase: Purchase) -> str:
    """Return the path of the page that tells the buyer how it stands."""
    return reverse("wallet:return_page", args=[purchase.pk])
