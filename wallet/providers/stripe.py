"""Stripe, by its redirect Checkout: cards are typed on Stripe's page and never reach us.

Promises: every POST carries a key made from the purchase's id, so a retry after a lost answer gets
the first answer; every call ends within ``TIMEOUT_S`` and a few retries; a notice counts only when
it was signed with our secret, within five minutes of now on either side, in the mode of our key.
The official client is imported when first used: it takes 0.4 s, which no page without a purchase
should pay (PLC0415 is switched off for that).
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from wallet import money
from wallet.providers.base import (
    ChargeBounds,
    Checkout,
    Declined,
    Forged,
    Order,
    Payment,
    PaymentState,
    ProviderNotice,
    Unavailable,
)

if TYPE_CHECKING:
    import stripe

API_VERSION: Final = "2026-10-28.endive"  # of stripe-python 16.1; an upgrade is a decision
TIMEOUT_S: Final = 8
NETWORK_RETRIES: Final = 2
TOLERANCE_S: Final = 300  # docs.stripe.com/webhooks/signature, 2026-11
EXPANDED: Final = ("payment_intent.latest_charge.balance_transaction",)

# How Stripe counts amounts, where it differs from ISO 4217's decimals or from steps of one:
# docs.stripe.com/currencies, 2026-11. ISK and UGX have none, yet are sent with two, both zeros;
# three-decimal currencies are charged in tens.
DECIMALS: Final = {"ISK": 2, "UGX": 2}
STEPS: Final = {"ISK": 100, "UGX": 100, "KWD": 10, "BHD": 10, "JOD": 10, "OMR": 10, "TND": 10}
ISO_ZERO_DECIMALS: Final = {"ISK", "UGX"}
# The smallest charge, in minor units (same page). A currency without one has the equivalent of
# half a US dollar as its minimum, which the method's fee reaches long before.
MINIMUMS: Final = {
    "AED": 200, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "EUR": 50, "GBP": 30, "INR": 50,
    "JPY": 50, "MXN": 1000, "USD": 50,
}  # fmt: skip
AMOUNT_MAX: Final = 99_999_999  # "up to eight digits": docs.stripe.com/api/payment_intents, 2026-11

# The languages of the hosted page (Session.locale, stripe-python 16.1); else the browser's.
LOCALES: Final = frozenset({
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR",
    "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
})  # fmt: skip
SESSION_EVENTS: Final = "checkout.session."


class Stripe:
    """The adapter. Addresses and secrets come from settings."""

    def charge_bounds(self, *, currency: str) -> ChargeBounds:
        factor = _factor(currency)
        step = max(1, STEPS.get(currency, 1) // factor)
        return ChargeBounds(
            minimum_minor=MINIMUMS.get(currency, 1) // factor or 1,
            maximum_minor=AMOUNT_MAX // factor // step * step,
            step_minor=step,
        )

    def start_checkout(self, order: Order) -> Checkout:
        reference = str(order.purchase_id)
        parameters: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": reference,
            "customer_email": order.email,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": order.currency.lower(),
                        "unit_amount": to_stripe(order.amount_minor, order.currency),
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
                # At once, so that the fee is known when the money is fetched.
                "capture_method": "automatic",
            },
            "locale": order.language if order.language in LOCALES else "auto",
            "expires_at": int(order.expires_at.timestamp()),
            "success_url": order.return_url,
            "cancel_url": order.cancel_url,
        }
        session = _answer(
            lambda: self._client.v1.checkout.sessions.create(
                parameters,  # type: ignore[arg-type]
                {"idempotency_key": f"checkout-{reference}"},
            )
        )
        if session["metadata"].get("purchase") != reference or not session["url"]:
            raise Declined(f"The checkout {session['id']} is not open for purchase {reference}.")
        return Checkout(
            ref=session["id"],
            url=session["url"],
            expires_at=datetime.fromtimestamp(session["expires_at"], UTC),
        )

    def fetch(self, checkout_ref: str) -> Payment:
        session = _answer(
            lambda: self._client.v1.checkout.sessions.retrieve(
                checkout_ref, {"expand": list(EXPANDED)}
            )
        )
        currency = session["currency"].upper()
        intent = session["payment_intent"] or {}
        charge = intent.get("latest_charge") or {}
        card = (charge.get("payment_method_details") or {}).get("card") or {}
        proof = card.get("three_d_secure") or {}
        state = _state(session, intent)
        return Payment(
            state=state,
            checkout_ref=session["id"],
            purchase_id=session["metadata"].get("purchase", ""),
            amount_minor=from_stripe(session["amount_total"], currency),
            currency=currency,
            is_ours=session["livemode"] is _is_live(),
            is_page_open=session["status"] == "open",
            payment_ref=intent.get("id", "") if state == PaymentState.PAID else "",
            # "attempt_acknowledged" and "exempted" passed without the holder doing anything.
            is_authenticated=proof.get("result") == "authenticated",
            card_country=card.get("country") or "",
            fee_minor=_fee_minor(charge.get("balance_transaction"), currency),
            problem=(intent.get("last_payment_error") or {}).get("message") or "",
        )

    def expire(self, checkout_ref: str) -> None:
        try:
            _answer(
                lambda: self._client.v1.checkout.sessions.expire(
                    checkout_ref, options={"idempotency_key": f"expire-{checkout_ref}"}
                )
            )
        except Declined:
            if self.fetch(checkout_ref).state != PaymentState.EXPIRED:
                raise

    def verify_event(
        self, *, body: bytes, headers: Mapping[str, str], at: datetime
    ) -> ProviderNotice:
        import stripe  # noqa: PLC0415

        header = headers.get("Stripe-Signature", "")
        try:
            stripe.WebhookSignature.verify_header(body, header, settings.STRIPE_WEBHOOK_SECRET)
            event = json.loads(body)
            signed_at = _signed_at(header)
            notice = ProviderNotice(
                event_id=str(event["id"])[:100],
                kind=str(event["type"])[:80],
                object_ref=_checkout_of(event),
            )
            is_live = event["livemode"]
        except (
            stripe.SignatureVerificationError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:
            raise Forged("The signature or the notice does not hold.") from error
        # The library looks at the past only; a signature from the future could be kept for later.
        if abs(at.timestamp() - signed_at) > TOLERANCE_S:
            raise Forged("The signature is too old, or from the future.")
        if is_live is not _is_live():
            raise Forged("The notice is of the other mode, live or test.")
        return notice

    @cached_property
    def _client(self) -> "stripe.StripeClient":
        import stripe  # noqa: PLC0415

        return stripe.StripeClient(
            settings.STRIPE_API_KEY,
            stripe_version=API_VERSION,
            base_addresses={"api": settings.STRIPE_API_URL},
            max_network_retries=NETWORK_RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
        )


def to_stripe(amount_minor: int, currency: str) -> int:
    """Count ISO 4217 minor units as Stripe does."""
    return amount_minor * _factor(currency)


def from_stripe(amount: int, currency: str) -> int:
    """Count Stripe's units as ISO 4217 does. Raises Declined for a fraction of a minor unit."""
    amount_minor, rest = divmod(amount, _factor(currency))
    if rest:
        raise Declined(f"{amount} is not an amount of {currency}.")
    return amount_minor


def _factor(currency: str) -> int:
    if currency in ISO_ZERO_DECIMALS:
        return int(10 ** DECIMALS[currency])
    return 1


def _is_live() -> bool:
    return settings.STRIPE_API_KEY.startswith(("sk_live_", "rk_live_"))


def _checkout_of(event: Mapping[str, Any]) -> str:
    """The checkout that a notice is about; several notices tell of one payment, one is enough."""
    if not event["type"].startswith(SESSION_EVENTS):
        return ""
    return str(event["data"]["object"]["id"])[:100]


def _signed_at(header: str) -> int:
    stamps = [part.removeprefix("t=") for part in header.split(",") if part.startswith("t=")]
    return int(stamps[0])  # the one the library signed with is the first


def _state(session: Mapping[str, Any], intent: Mapping[str, Any]) -> PaymentState:
    """A page that is open can still be paid, whatever the last card did."""
    if session["payment_status"] == "paid":
        return PaymentState.PAID
    if session["status"] == "expired":
        return PaymentState.EXPIRED
    is_over = session["status"] == "complete" and intent.get("status") in (
        "requires_payment_method",
        "canceled",
    )
    return PaymentState.FAILED if is_over else PaymentState.PENDING


def _fee_minor(booked: Mapping[str, Any] | None, currency: str) -> int | None:
    """The fee in the payment's currency, half up where Stripe settles in another one."""
    if not booked:
        return None
    settled = booked["currency"].upper()
    if settled == currency:
        return from_stripe(booked["fee"], currency)
    rate = booked.get("exchange_rate")
    if not rate or settled not in money.CURRENCY_NUMBERS:
        return None
    units = Fraction(from_stripe(booked["fee"], settled), 10 ** money.decimals(settled))
    # The rate turns the payment's currency into the settled one.
    return money.half_up(units / Fraction(Decimal(str(rate))) * 10 ** money.decimals(currency))


def _answer(call: "Callable[[], stripe.StripeObject]") -> dict[str, Any]:
    """Make the call, and sort what goes wrong into declined and unavailable."""
    import stripe  # noqa: PLC0415

    try:
        answer: dict[str, Any] = call().to_dict()
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        raise Unavailable(_words(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        # Our own key is wrong: nothing is known of the payment, and staff can put it right.
        raise Unavailable(_words(error)) from error
    except stripe.StripeError as error:
        if error.http_status in (409, 429) or (error.http_status or 0) >= 500:
            raise Unavailable(_words(error)) from error
        raise Declined(_words(error)) from error
    return answer


def _words(error: "stripe.StripeError") -> str:
    return f"{type(error).__name__}: {error.user_message or error}"[:200]
