"""Stripe, by its redirect Checkout: cards are typed on Stripe's page and never reach us.

Promises: every POST carries a key of our own making, so a retry after a lost answer gets the first
answer; a refund is looked for before it is ordered again, because Stripe forgets a key after a day;
a notice counts only when ``stripe_notices`` proved it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from wallet.providers import (
    stripe_calls,
    stripe_notices,
    stripe_rails,
    stripe_shapes,
    stripe_units,
)
from wallet.providers.base import (
    Activity,
    ChargeBounds,
    Checkout,
    Declined,
    Dispute,
    FraudWarning,
    Order,
    Payment,
    PaymentState,
    ProviderNotice,
    Rail,
    Refund,
    RefundOrder,
)

if TYPE_CHECKING:
    import stripe

EXPANDED: Final = ("payment_intent.latest_charge.balance_transaction",)
# The reasons that Stripe knows: docs.stripe.com/api/refunds/create, 2026-11.
REFUND_REASONS: Final = frozenset({"duplicate", "fraudulent", "requested_by_customer"})

# The languages of the hosted page (Session.locale, stripe-python 16.1); else the browser's.
LOCALES: Final = frozenset({
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR",
    "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
})  # fmt: skip


class Stripe:
    """The adapter. Addresses and secrets come from settings."""

    def charge_bounds(self, *, currency: str) -> ChargeBounds:
        return stripe_units.charge_bounds(currency)

    def rails(self) -> tuple[Rail, ...]:
        return stripe_rails.RAILS

    def start_checkout(self, order: Order) -> Checkout:
        try:
            return self._open(order, customer_ref=order.customer_ref)
        except stripe_calls.Missing:
            if not order.customer_ref:
                raise
            return self._open(order, customer_ref="")  # Stripe has forgotten who saved a card

    def _open(self, order: Order, *, customer_ref: str) -> Checkout:
        reference = str(order.purchase_id)
        key = f"checkout-{reference}" if customer_ref == order.customer_ref else f"anew-{reference}"
        parameters = _session_parameters(order, customer_ref=customer_ref)
        session = stripe_calls.answer(
            lambda: self._client.v1.checkout.sessions.create(
                parameters,  # type: ignore[arg-type]
                {"idempotency_key": key},
            )
        )
        if session["metadata"].get("purchase") != reference or not session["url"]:
            raise Declined(f"The checkout {session['id']} is not open for purchase {reference}.")
        return Checkout(
            ref=session["id"],
            url=session["url"],
            expires_at=stripe_shapes.at(session["expires_at"]),
        )

    def fetch(self, checkout_ref: str) -> Payment:
        session = stripe_calls.answer(
            lambda: self._client.v1.checkout.sessions.retrieve(
                checkout_ref, {"expand": list(EXPANDED)}
            )
        )
        return stripe_shapes.payment(session)

    def forget(self, customer_ref: str) -> None:
        try:
            stripe_calls.answer(lambda: self._client.v1.customers.delete(customer_ref))
        except stripe_calls.Missing:
            return

    def expire(self, checkout_ref: str) -> None:
        try:
            stripe_calls.answer(
                lambda: self._client.v1.checkout.sessions.expire(
                    checkout_ref, options={"idempotency_key": f"expire-{checkout_ref}"}
                )
            )
        except Declined:
            if self.fetch(checkout_ref).state != PaymentState.EXPIRED:
                raise

    def capture(self, payment_ref: str, *, key: str) -> None:
        try:
            stripe_calls.answer(
                lambda: self._client.v1.payment_intents.capture(
                    payment_ref, options={"idempotency_key": f"capture-{key}"}
                )
            )
        except Declined:
            if self._intent_status(payment_ref) != "succeeded":
                raise

    def void(self, payment_ref: str, *, key: str) -> None:
        try:
            stripe_calls.answer(
                lambda: self._client.v1.payment_intents.cancel(
                    payment_ref, options={"idempotency_key": f"void-{key}"}
                )
            )
        except Declined:
            if self._intent_status(payment_ref) != "canceled":
                raise

    def refund(self, order: RefundOrder) -> Refund:
        reference = str(order.refund_id)
        for known in self.refunds_of(order.payment_ref):
            if known.refund_id == reference:
                return known
        parameters: dict[str, Any] = {
            "payment_intent": order.payment_ref,
            "amount": stripe_units.to_stripe(order.amount_minor, order.currency),
            "metadata": {"refund": reference},
            "expand": ["charge"],
        }
        if order.reason in REFUND_REASONS:
            parameters["reason"] = order.reason
        made = stripe_calls.answer(
            lambda: self._client.v1.refunds.create(
                parameters,  # type: ignore[arg-type]
                {"idempotency_key": f"refund-{reference}"},
            )
        )
        return stripe_shapes.refund(made)

    def fetch_refund(self, ref: str) -> Refund:
        found = stripe_calls.answer(
            lambda: self._client.v1.refunds.retrieve(ref, {"expand": ["charge"]})
        )
        return stripe_shapes.refund(found)

    def refunds_of(self, payment_ref: str) -> list[Refund]:
        parameters = {"payment_intent": payment_ref, "expand": ["data.charge"]}
        found = [
            stripe_shapes.refund(one)
            for one in stripe_calls.every(self._client.v1.refunds.list, parameters)
            if stripe_shapes.moved_money(one)
        ]
        return found[::-1]

    def fetch_dispute(self, ref: str) -> Dispute:
        found = stripe_calls.answer(
            lambda: self._client.v1.disputes.retrieve(ref, {"expand": ["charge"]})
        )
        return stripe_shapes.dispute(found)

    def disputes_of(self, payment_ref: str) -> list[Dispute]:
        parameters = {"payment_intent": payment_ref, "expand": ["data.charge"]}
        rows = stripe_calls.every(self._client.v1.disputes.list, parameters)
        return [stripe_shapes.dispute(one) for one in rows][::-1]

    def fetch_warning(self, ref: str) -> FraudWarning:
        found = stripe_calls.answer(
            lambda: self._client.v1.radar.early_fraud_warnings.retrieve(ref)
        )
        return stripe_shapes.warning(found)

    def activity(self, *, since: datetime, until: datetime) -> Iterator[Activity]:
        made = {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())}}
        v1 = self._client.v1
        booked = ["data.latest_charge.balance_transaction"]
        for one in stripe_calls.every(v1.payment_intents.list, {**made, "expand": booked}):
            yield stripe_shapes.payment_activity(one)
        for one in stripe_calls.every(v1.refunds.list, {**made, "expand": ["data.charge"]}):
            if stripe_shapes.moved_money(one):
                yield stripe_shapes.refund_activity(one)
        for one in stripe_calls.every(v1.disputes.list, made):
            yield stripe_shapes.dispute_activity(one)

    def verify_event(
        self, *, body: bytes, headers: Mapping[str, str], at: datetime
    ) -> ProviderNotice:
        return stripe_notices.verify(body=body, headers=headers, at=at)

    def _intent_status(self, payment_ref: str) -> str:
        intent = stripe_calls.answer(lambda: self._client.v1.payment_intents.retrieve(payment_ref))
        return str(intent["status"])

    @cached_property
    def _client(self) -> "stripe.StripeClient":
        return stripe_calls.client()


def _session_parameters(order: Order, *, customer_ref: str) -> dict[str, Any]:
    reference = str(order.purchase_id)
    parameters: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": reference,
        "payment_method_types": [order.rail],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency.lower(),
                    "unit_amount": stripe_units.to_stripe(order.amount_minor, order.currency),
                    "product_data": {"name": f"{order.coins:,} coins"},
                },
            }
        ],
        # We quoted this currency and this amount; nobody converts it behind our back.
        "adaptive_pricing": {"enabled": False},
        "metadata": {"purchase": reference},
        "payment_intent_data": {
            "metadata": {"purchase": reference},
            "description": f"{order.coins:,} coins",
            # At once unless asked otherwise, so that the fee is known when the money is fetched.
            "capture_method": "manual" if order.captures_later else "automatic",
        },
        "locale": order.language if order.language in LOCALES else "auto",
        "expires_at": int(order.expires_at.timestamp()),
        "success_url": order.return_url,
        "cancel_url": order.cancel_url,
    }
    if customer_ref:
        parameters["customer"] = customer_ref
    else:
        parameters["customer_email"] = order.email
    if order.remembers_method:
        # docs.stripe.com/payments/save-during-payment, 2026-11: the buyer ticks a box to save it.
        parameters["saved_payment_method_options"] = {"payment_method_save": "enabled"}
        if not customer_ref:
            parameters["customer_creation"] = "always"
    return parameters
