"""Buying coins: a purchase is agreed to, its page is opened, looked up, left or cancelled.

Promises: the intent is recorded before the provider is called, the call carries a key of the
purchase's own, and its outcome is recorded after; no transaction is open meanwhile. The same
purchase asked for again is the same purchase and the same page. ``payments`` has the rest.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction

from accounts import risk as people_risk
from accounts import states
from accounts.models import User
from wallet import alerts, captures, locations, own_limits, payments, queries, quotes, reviewing
from wallet.models import Purchase
from wallet.providers.base import Checkout, Declined, Order, Unavailable

logger = logging.getLogger(__name__)

State = Purchase.State

LOOK_PAUSE: Final = timedelta(seconds=2)
BATCH: Final = 100


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
    corrects_id: UUID | None = None,
    address: str = "",
    at: datetime,
) -> Purchase:
    """Record the purchase, then open its page at the provider: ``checkout_url``.

    The same id again gives the same purchase and page, so a double click or a retry buys once.
    ``shown_minor`` is the price the buyer agreed to. ``evidence`` is what ``locations.seen`` tells,
    ``address`` the network address they are at. ``corrects_id`` is a purchase that was let go: this
    one is at the right region's price, where the buyer confirmed that they live. Raises what a
    quote and ``accounts.risk.check_may_spend`` raise, reviewing.PurchasesPaused, PriceChanged,
    PurchaseConflict, CheckoutDeclined; and CheckoutUnavailable and own_limits.StillStarting: try
    the same id again.
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
        corrects_id=corrects_id,
        address=address,
        at=at,
    )
    if isinstance(purchase, reviewing.PurchasesPaused):
        raise purchase
    if purchase.state != State.CREATED:
        return purchase
    try:
        checkout = payments.provider_of(purchase).start_checkout(_order(purchase))
    except Unavailable as error:
        logger.warning("checkout of %s: %s", purchase.pk, error)
        raise CheckoutUnavailable from error
    except Declined as error:
        logger.warning("checkout of %s: %s", purchase.pk, error)
        payments.close(purchase_id=purchase.pk, to=State.FAILED, why=str(error), at=at)
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
    corrects_id: UUID | None,
    address: str,
    at: datetime,
) -> Purchase | reviewing.PurchasesPaused:
    """Write the purchase under its buyer's lock: what others have begun counts against limits.

    Or, when rules hold it back, what they said and the case they opened: stored, then raised.
    """
    there = Purchase.objects.select_related("method", "buyer").filter(pk=purchase_id)
    first = there.first()
    if first is None:
        people_risk.check_may_spend(user=user, at=at)
        network = own_limits.lock_buyer(user_id=user.pk, address=address)
        first = there.first()
    if first is None:
        corrected = _corrected(user, corrects_id)
        quote = quotes.quote(
            user=user,
            region=corrected.right_region if corrected else None,
            coins=coins,
            package_id=package_id,
            method_code=method_code,
            network=network,
            at=at,
        )
        known = _known(user, evidence, corrected)
        if shown_minor is not None and shown_minor != quote.gross_minor:
            raise PriceChanged(quote)
        paused = reviewing.screen_purchase(
            purchase_id=purchase_id,
            user_id=user.pk,
            gross_minor=quote.gross_minor,
            currency=quote.currency,
            at=at,
        )
        if paused is not None:
            return paused
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
                "evidence": known,
                "captures_later": captures.is_needed(
                    method=quote.method, pieces=locations.pieces_of(known)
                ),
                "corrects": corrected,
                "customer_ref": queries.customer_ref(
                    user_id=user.pk, provider=quote.method.provider
                ),
            },
        )
        if is_new:
            first.refresh_from_db(fields=["created_at"])
            own_limits.note_attempt(first, network=network, at=at)
    _check_same(first, user=user, coins=coins, method_code=method_code, shown_minor=shown_minor)
    return first


def _corrected(user: User, corrects_id: UUID | None) -> Purchase | None:
    """Find what the purchase corrects. Raises PurchaseConflict."""
    if corrects_id is None:
        return None
    found = queries.let_go(user_id=user.pk, purchase_id=corrects_id)
    if found is None:
        raise PurchaseConflict
    return found


def _known(user: User, seen: dict[str, Any], corrected: Purchase | None) -> dict[str, Any]:
    """What is known of where the buyer is before there is a card."""
    known = seen | {"country": str(user.country)}
    return known | {"declared": corrected.evidence["card_country"]} if corrected else known


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
    purchase = payments.locked(purchase_id)
    if not purchase.checkout_ref:
        purchase.checkout_ref, purchase.checkout_url = checkout.ref, checkout.url
        purchase.save(update_fields=["checkout_ref", "checkout_url"])
    if purchase.state == State.CREATED:
        states.move(purchase, to=State.PENDING, why="The payment page is open.", at=at)
    return purchase


def look_up(*, purchase_id: UUID, user_id: int, at: datetime) -> Purchase:
    """Settle a person's open purchase for a page that waits, at most every ``LOOK_PAUSE``.

    The page goes on waiting while the provider is away. Raises Purchase.DoesNotExist.
    """
    mine = Purchase.objects.filter(pk=purchase_id, buyer_id=user_id)
    due = mine.filter(state__in=queries.OPEN).exclude(checked_at__gt=at - LOOK_PAUSE)
    if due.update(checked_at=at):
        try:
            payments.settle_purchase(purchase_id=purchase_id, at=at)
        except (Unavailable, Declined, payments.PaymentDiffers) as error:
            logger.warning("look-up of %s: %s", purchase_id, error)
    return mine.select_related("method", "region", "right_region").get()


def cancel_purchase(*, purchase_id: UUID, user_id: int, at: datetime) -> Purchase:
    """Close the payment page, then the purchase. One that was paid meanwhile is credited instead.

    Raises Purchase.DoesNotExist (also for another person's), CannotCancelNow.
    """
    purchase = Purchase.objects.select_related("method").get(pk=purchase_id, buyer_id=user_id)
    if purchase.state not in (State.CREATED, State.PENDING):
        return purchase
    try:
        if purchase.checkout_ref:
            payments.provider_of(purchase).expire(purchase.checkout_ref)
    except Declined:
        return payments.settle_purchase(purchase_id=purchase_id, at=at)
    except Unavailable as error:
        raise CannotCancelNow from error
    return payments.close(purchase_id=purchase_id, to=State.CANCELLED, why="", at=at)


def sweep_purchases(*, at: datetime) -> int:
    """Look up open purchases whose time has come, so that a lost webhook only delays; how many.

    Tells staff of those paid and not credited.
    """
    due = list(queries.purchases_to_look_up(at=at).values_list("pk", flat=True)[:BATCH])
    for purchase_id in due:
        try:
            payments.settle_purchase(purchase_id=purchase_id, at=at)
        except Unavailable as error:
            logger.warning("sweep of %s: %s", purchase_id, error)
            break
        except (Declined, payments.PaymentDiffers) as error:
            logger.warning("sweep of %s: %s", purchase_id, error)
        except DatabaseError:
            # One purchase that cannot be credited must not hold up the others; staff will hear.
            logger.exception("sweep of %s", purchase_id)
    alerts.tell_of_uncredited(at=at)
    return len(due)


def _order(purchase: Purchase) -> Order:
    """What is sent to the provider: from the row alone, so that a retry sends the same."""
    address = settings.SITE_URL.rstrip("/") + payments.page_of(purchase)
    return Order(
        purchase_id=purchase.pk,
        coins=purchase.coins,
        amount_minor=purchase.gross_minor,
        currency=purchase.currency,
        email=purchase.buyer.email,
        language=purchase.buyer.language,
        expires_at=purchase.created_at + payments.CHECKOUT_LIFE,
        return_url=address,
        cancel_url=f"{address}?left=1",
        rail=purchase.method.rail,
        customer_ref=purchase.customer_ref,
        remembers_method=True,
        captures_later=purchase.captures_later,
    )
