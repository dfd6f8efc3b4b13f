"""Buying coins: from a quote to coins in the wallet.

Promises: nothing is credited but what was fetched from the provider and found to be this purchase's
payment, in its amount and currency; each payment is credited once, whether a webhook, the return
page or the sweep brings it, in any order and any number of times; money that arrives after a
purchase failed, expired or was cancelled is credited too. No transaction is open while a provider
is called: the intent is recorded, the call made with a key of the purchase's own, its outcome recorded.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse

from accounts import risk as people_risk
from accounts import services as people
from accounts import states
from accounts.models import NoticeKind, User
from wallet import alerts, charges, events, ledger, providers, queries, quotes
from wallet.models import MethodFee, ProviderEvent, Purchase
from wallet.providers.base import (
    Checkout,
    Declined,
    Order,
    Payment,
    PaymentState,
    Provider,
    ProviderNotice,
    Unavailable,
)

logger = logging.getLogger(__name__)

State = Purchase.State

# A checkout can be paid this long. Stripe wants at least 30 minutes from its first request, which a
# retry may be the first to reach, so a purchase is retried within the other half.
CHECKOUT_LIFE: Final = timedelta(minutes=60)
LOOK_PAUSE: Final = timedelta(seconds=2)
BATCH: Final = 100
FAILURE_LENGTH: Final = 200


class PriceChanged(Exception):
    """The price is not the one the buyer saw. ``quote`` is the new one."""

    def __init__(self, quote: quotes.Quote) -> None:
        super().__init__(
            "The price has changed since you saw it. Check the new one before you pay."
        )
        self.quote = quote


class PurchaseConflict(Exception):
    """The purchase's id was used before, by somebody else or for something else."""

    def __init__(self) -> None:
        super().__init__("This form was sent before with other contents. Start again.")


class CheckoutUnavailable(Exception):
    """The payment company did not answer."""

    def __init__(self) -> None:
        super().__init__(
            "The payment company does not answer right now. You have not been charged. "
            "Try again in a minute."
        )


class CheckoutDeclined(Exception):
    """The payment company does not take this purchase."""

    def __init__(self) -> None:
        super().__init__(
            "The payment company does not accept this purchase. You have not been charged. "
            "Try another amount or another way to pay."
        )


class CannotCancelNow(Exception):
    """Whether the payment page is closed is not known."""

    def __init__(self) -> None:
        super().__init__(
            "The payment company does not answer, so the payment page may still be open. "
            "You are only charged if you pay there. Try to cancel again in a minute."
        )


class PaymentDiffers(Exception):
    """What was fetched is not the payment of this purchase. Nothing is credited; staff are told."""


def start_purchase(
    *,
    purchase_id: UUID,
    user: User,
    coins: int | None = None,
    package_id: int | None = None,
    method_code: str,
    shown_minor: int | None = None,
    return_path: str = "",
    evidence: Mapping[str, Any] | None = None,
    at: datetime,
) -> Purchase:
    """Record the purchase, then open its page at the provider: ``checkout_url`` of what is returned.

    The same id again gives the same purchase and page, so a double click or a retry buys once.
    ``shown_minor`` is the price the buyer agreed to. Raises what a quote and
    ``accounts.risk.check_may_spend`` raise, PriceChanged, PurchaseConflict, CheckoutUnavailable
    (try again with the same id), CheckoutDeclined.
    """
    purchase = _record_intent(
        purchase_id=purchase_id,
        user=user,
        coins=coins,
        package_id=package_id,
        method_code=method_code,
        shown_minor=shown_minor,
        return_path=return_path,
        evidence=dict(evidence or {}),
        at=at,
    )
    if purchase.state != State.CREATED:
        return purchase
    try:
        checkout = _provider(purchase).start_checkout(_order(purchase))
    except Unavailable as error:
        logger.warning("checkout of %s: %s", purchase.pk, error)
        raise CheckoutUnavailable from error
    except Declined as error:
        logger.warning("checkout of %s: %s", purchase.pk, error)
        _close(purchase_id=purchase.pk, to=State.FAILED, why=str(error), at=at)
        raise CheckoutDeclined from error
    return _record_checkout(purchase_id=purchase.pk, checkout=checkout, at=at)


@transaction.atomic(durable=True)
def _record_intent(
    *,
    purchase_id: UUID,
    user: User,
    coins: int | None,
    package_id: int | None,
    method_code: str,
    shown_minor: int | None,
    return_path: str,
    evidence: dict[str, Any],
    at: datetime,
) -> Purchase:
    first = Purchase.objects.select_related("method", "buyer").filter(pk=purchase_id).first()
    if first is None:
        people_risk.check_may_spend(user=user, at=at)
        quote = quotes.quote(
            user=user, coins=coins, package_id=package_id, method_code=method_code, at=at
        )
        if shown_minor is not None and shown_minor != quote.gross_minor:
            raise PriceChanged(quote)
        first, is_new = Purchase.objects.select_related("method", "buyer").get_or_create(
            pk=purchase_id,
            defaults={
                "buyer": user,
                "region": quote.region,
                "method": quote.method,
                "coins": quote.coins,
                "gross_minor": quote.gross_minor,
                "tax_minor": quote.tax_minor,
                "tax_bps": quote.tax_bps,
                "currency": quote.currency,
                "return_path": return_path,
                "evidence": evidence | {"country": str(user.country)},
            },
        )
        if is_new:
            first.refresh_from_db(fields=["created_at"])
    _check_same(first, user=user, coins=coins, method_code=method_code, shown_minor=shown_minor)
    return first


def _check_same(
    first: Purchase, *, user: User, coins: int | None, method_code: str, shown_minor: int | None
) -> None:
    is_same = (
        first.buyer_id == user.pk
        and first.method_id == method_code
        and coins in (None, first.coins)
        and shown_minor in (None, first.gross_minor)
    )
    if not is_same:
        raise PurchaseConflict


@transaction.atomic(durable=True)
def _record_checkout(*, purchase_id: UUID, checkout: Checkout, at: datetime) -> Purchase:
    """Keep the page's name in any state, so that money paid there is found; open the purchase."""
    purchase = _locked(purchase_id)
    if not purchase.checkout_ref:
        purchase.checkout_ref, purchase.checkout_url = checkout.ref, checkout.url
        purchase.save(update_fields=["checkout_ref", "checkout_url"])
    if purchase.state == State.CREATED:
        states.move(purchase, to=State.PENDING, why="The payment page is open.", at=at)
    return purchase


def settle_purchase(*, purchase_id: UUID, at: datetime) -> Purchase:
    """Ask the provider what became of a purchase, and do what follows: credit, fail, expire or wait.

    Raises Unavailable, Declined (the provider does not know the checkout), PaymentDiffers.
    """
    purchase = Purchase.objects.select_related("method").get(pk=purchase_id)
    if purchase.state not in (State.PAID, State.CREDITED):
        Purchase.objects.filter(pk=purchase_id).update(checked_at=at)
        if not purchase.checkout_ref:
            return _expire_unopened(purchase, at=at)
        payment = _provider(purchase).fetch(purchase.checkout_ref)
        try:
            _check_payment(purchase, payment)
            purchase = _record_payment(purchase_id=purchase_id, payment=payment, at=at)
        except PaymentDiffers as error:
            _report_difference(purchase_id=purchase_id, why=str(error), at=at)
            raise
    if purchase.state == State.PAID:
        purchase = _credit(purchase_id=purchase_id, at=at)
    return purchase


def look_up(*, purchase_id: UUID, user_id: int, at: datetime) -> Purchase:
    """Settle a person's open purchase for a page that waits, at most every ``LOOK_PAUSE``.

    The page goes on waiting while the provider is away. Raises Purchase.DoesNotExist.
    """
    mine = Purchase.objects.filter(pk=purchase_id, buyer_id=user_id)
    due = mine.filter(state__in=queries.OPEN).exclude(checked_at__gt=at - LOOK_PAUSE)
    if due.update(checked_at=at):
        try:
            settle_purchase(purchase_id=purchase_id, at=at)
        except (Unavailable, Declined, PaymentDiffers) as error:
            logger.warning("look-up of %s: %s", purchase_id, error)
    return mine.select_related("method", "region").get()


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
    purchase = _locked(purchase_id)
    if purchase.state in (State.PAID, State.CREDITED):
        return purchase
    match payment.state:
        case PaymentState.PAID:
            _record_paid(purchase, payment=payment, at=at)
        case PaymentState.PENDING:
            purchase.failure = payment.problem[:FAILURE_LENGTH]
            if not payment.is_page_open:
                purchase.checkout_url = ""  # paid there; the bank takes its time
            purchase.save(update_fields=["failure", "checkout_url"])
        case PaymentState.FAILED | PaymentState.EXPIRED:
            _record_closed(purchase, to=State(payment.state.value), why=payment.problem, at=at)
    return purchase


def _record_paid(purchase: Purchase, *, payment: Payment, at: datetime) -> None:
    states.move(purchase, to=State.PAID, why=f"Paid: {payment.payment_ref}", at=at)
    purchase.payment_ref = payment.payment_ref
    purchase.hold_class = charges.hold_class(
        method_class=purchase.method.hold_class, is_authenticated=payment.is_authenticated
    )
    purchase.fee_minor = payment.fee_minor
    if payment.fee_minor is None:
        fees = MethodFee.objects.filter(method=purchase.method_id, currency=purchase.currency)
        fee = fees.first() or MethodFee()
        purchase.fee_minor = charges.expected_fee_minor(gross_minor=purchase.gross_minor, fee=fee)
    purchase.evidence |= {"card_country": payment.card_country}
    purchase.failure = purchase.checkout_url = ""
    purchase.paid_at = at
    try:
        with transaction.atomic():
            purchase.save()
    except IntegrityError as error:
        raise PaymentDiffers(f"The payment {payment.payment_ref} paid another purchase.") from error


def _record_closed(purchase: Purchase, *, to: State, why: str, at: datetime) -> None:
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
            path=_path(purchase),
        )


@transaction.atomic(durable=True)
def _credit(*, purchase_id: UUID, at: datetime) -> Purchase:
    """Put paid coins into the wallet, tell the buyer, publish it. A second call does nothing."""
    purchase = _locked(purchase_id)
    if purchase.state == State.CREDITED:
        return purchase
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
    states.move(purchase, to=State.CREDITED, why="The coins are in the wallet.", at=at)
    purchase.credited_at = at
    purchase.save(update_fields=["credited_at"])
    events.purchase_credited(purchase)
    people.notify(
        user_id=purchase.buyer_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"purchase:{purchase.pk}:credited",
        title=f"{purchase.coins:,} coins arrived",
        body=f"You paid {purchase.money} by {purchase.method.name.lower()}.",
        path=_path(purchase),
    )
    return purchase


def cancel_purchase(*, purchase_id: UUID, user_id: int, at: datetime) -> Purchase:
    """Close the payment page, then the purchase. One that was paid meanwhile is credited instead.

    Raises Purchase.DoesNotExist (also for another person's), CannotCancelNow.
    """
    purchase = Purchase.objects.select_related("method").get(pk=purchase_id, buyer_id=user_id)
    if purchase.state not in (State.CREATED, State.PENDING):
        return purchase
    try:
        if purchase.checkout_ref:
            _provider(purchase).expire(purchase.checkout_ref)
    except Declined:
        return settle_purchase(purchase_id=purchase_id, at=at)
    except Unavailable as error:
        raise CannotCancelNow from error
    return _close(purchase_id=purchase_id, to=State.CANCELLED, why="", at=at)


@transaction.atomic(durable=True)
def _close(*, purchase_id: UUID, to: State, why: str, at: datetime) -> Purchase:
    purchase = _locked(purchase_id)
    _record_closed(purchase, to=to, why=why, at=at)
    return purchase


def _expire_unopened(purchase: Purchase, *, at: datetime) -> Purchase:
    """A purchase whose page was never shown cannot have been paid; its page is over by then too."""
    if purchase.state != State.CREATED or at < purchase.created_at + CHECKOUT_LIFE:
        return purchase
    return _close(purchase_id=purchase.pk, to=State.EXPIRED, why="", at=at)


def sweep_purchases(*, at: datetime) -> int:
    """Look up open purchases whose time has come, so that a lost webhook only delays; how many.

    Tells staff of those paid and not credited.
    """
    due = list(queries.purchases_to_look_up(at=at).values_list("pk", flat=True)[:BATCH])
    for purchase_id in due:
        try:
            settle_purchase(purchase_id=purchase_id, at=at)
        except Unavailable as error:
            logger.warning("sweep of %s: %s", purchase_id, error)
            break
        except (Declined, PaymentDiffers) as error:
            logger.warning("sweep of %s: %s", purchase_id, error)
        except DatabaseError:
            # One purchase that cannot be credited must not hold up the others; staff will hear.
            logger.exception("sweep of %s", purchase_id)
    alerts.tell_of_uncredited(at=at)
    return len(due)


@transaction.atomic(durable=True)
def record_event(*, provider: str, notice: ProviderNotice, body: bytes) -> bool:
    """Store a verified notice as it came, and ring for it; False when it came before."""
    event, is_new = ProviderEvent.objects.get_or_create(
        provider=provider,
        event_id=notice.event_id,
        defaults={"kind": notice.kind, "object_ref": notice.object_ref, "body": body.decode()},
    )
    if is_new:
        events.provider_notified(event)
    return is_new


def handle_provider_events(*, at: datetime) -> int:
    """Act on the notices that wait, oldest first; how many. Stops while the provider is away."""
    handled = 0
    for event in queries.events_waiting()[:BATCH]:
        try:
            outcome = _act_on(event, at=at)
        except Unavailable as error:
            logger.warning("event %s: %s", event.event_id, error)
            break
        except (Declined, PaymentDiffers) as error:
            outcome = str(error)
        ProviderEvent.objects.filter(pk=event.pk, handled_at=None).update(
            handled_at=at, outcome=outcome[:FAILURE_LENGTH]
        )
        handled += 1
    return handled


def _act_on(event: ProviderEvent, *, at: datetime) -> str:
    if not event.object_ref:
        return "Nothing to do"
    purchases = Purchase.objects.filter(method__provider=event.provider)
    purchase = purchases.filter(checkout_ref=event.object_ref).first() or _adopt(event)
    if purchase is None:
        return "No purchase of ours"
    return f"Purchase {purchase.pk}: {settle_purchase(purchase_id=purchase.pk, at=at).state}"


def _adopt(event: ProviderEvent) -> Purchase | None:
    """Find the purchase of a checkout whose name we never learnt, because its answer was lost."""
    payment = providers.load(event.provider).fetch(event.object_ref)
    try:
        purchase_id = UUID(payment.purchase_id)
    except ValueError:
        return None
    adopted = Purchase.objects.filter(
        pk=purchase_id, method__provider=event.provider, checkout_ref=""
    )
    adopted.update(checkout_ref=event.object_ref)
    return Purchase.objects.filter(pk=purchase_id, checkout_ref=event.object_ref).first()


@transaction.atomic(durable=True)
def _report_difference(*, purchase_id: UUID, why: str, at: datetime) -> None:
    purchase = _locked(purchase_id)
    purchase.failure = "We are checking this payment."
    purchase.save(update_fields=["failure"])
    if purchase.alerted_at is None:
        alerts.tell_staff(purchase, why=why, at=at)


def _locked(purchase_id: UUID) -> Purchase:
    return (
        Purchase.objects.select_for_update(no_key=True, of=("self",))
        .select_related("method")
        .get(pk=purchase_id)
    )


def _provider(purchase: Purchase) -> Provider:
    return providers.load(purchase.method.provider)


def _order(purchase: Purchase) -> Order:
    """What is sent to the provider: from the row alone, so that a retry sends the same."""
    address = settings.SITE_URL.rstrip("/") + _path(purchase)
    return Order(
        purchase_id=purchase.pk,
        coins=purchase.coins,
        amount_minor=purchase.gross_minor,
        currency=purchase.currency,
        email=purchase.buyer.email,
        language=purchase.buyer.language,
        expires_at=purchase.created_at + CHECKOUT_LIFE,
        return_url=address,
        cancel_url=f"{address}?left=1",
    )


def _path(purchase: Purchase) -> str:
    return reverse("wallet:return_page", args=[purchase.pk])
