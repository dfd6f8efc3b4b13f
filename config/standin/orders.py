"""Reads what a merchant orders from the parameters of ``POST /v1/checkout/sessions``.

It accepts what Carat sends and refuses the rest by name, as the real API refuses what it does not
know; so what works here works there.
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from babel.numbers import list_currencies

from config.standin import customers, money, options, rails, refusals, sessions
from config.standin.models import Customer, epoch, moment
from config.standin.parameters import ParameterRefused, Parameters

LONGEST_LIFE: Final = timedelta(hours=24)  # docs.stripe.com/api/checkout/sessions: expires_at
LINE_ITEMS_MAX: Final = 100
CURRENCIES: Final = frozenset(code.lower() for code in list_currencies())


class AmountTooSmall(refusals.Refused):
    """The total is below what the company charges in that currency."""

    is_kept = False


class AmountNotSendable(refusals.Refused):
    """The currency is charged in steps, and the total is none of them."""

    is_kept = False


def read_order(parameters: Parameters, *, at: datetime) -> sessions.Order:
    """Return the order that the parameters describe.

    Raises ParameterRefused, AmountTooSmall, AmountNotSendable.
    """
    parameters.choice("mode", ("payment",))
    parameters.choice("ui_mode", ("hosted_page", "hosted"), default="hosted_page")
    currency, line_items = _read_line_items(parameters)
    intent = parameters.nested("payment_intent_data")
    _read_what_changes_nothing(parameters, intent)
    captures_later = _read_capture(intent)
    customer = _read_customer(parameters)
    saving = parameters.nested("saved_payment_method_options")
    order = sessions.Order(
        currency=currency,
        line_items=line_items,
        success_url=_read_url(parameters, "success_url", is_required=True),
        cancel_url=_read_url(parameters, "cancel_url"),
        expires_at=_read_expiry(parameters, at=at),
        client_reference_id=parameters.text("client_reference_id", length_max=200),
        customer_email=customer.email if customer else _read_email(parameters),
        metadata=parameters.metadata("metadata"),
        intent_metadata=intent.metadata("metadata"),
        intent_description=intent.text("description", length_max=1000),
        locale=_read_locale(parameters),
        submit_type=parameters.choice(
            "submit_type", ("auto", "book", "donate", "pay"), default="auto"
        ),
        three_d_secure=parameters.nested("payment_method_options")
        .nested("card")
        .choice("request_three_d_secure", ("automatic", "any", "challenge"), default="automatic"),
        method_types=_read_method_types(parameters, currency, captures_later=captures_later),
        captures_later=captures_later,
        customer=customer,
        makes_customer=_read_customer_creation(parameters, customer),
        offers_saving=saving.choice(
            "payment_method_save", ("disabled", "enabled"), default="disabled"
        )
        == "enabled",
    )
    parameters.finish()
    _check_amount(order)
    return order


def _read_line_items(parameters: Parameters) -> tuple[str, list[dict[str, Any]]]:
    """Return the one currency of all line items, and the items."""
    given = parameters.items("line_items")
    if not given:
        raise ParameterRefused(
            "Missing required param: line_items.", code="parameter_missing", param="line_items"
        )
    if len(given) > LINE_ITEMS_MAX:
        raise ParameterRefused(
            f"You can have up to {LINE_ITEMS_MAX} line items.", param="line_items"
        )
    currencies: set[str] = set()
    items: list[dict[str, Any]] = []
    for one in given:
        price = one.nested("price_data")
        currencies.add(_read_currency(price))
        product = price.nested("product_data")
        amount = price.whole("unit_amount", maximum=money.AMOUNT_MAX, is_required=True)
        quantity = one.whole("quantity", minimum=1, maximum=999_999, is_required=True)
        items.append(
            {
                "name": product.text("name", is_required=True, length_max=250),
                "description": product.text("description", length_max=1000),
                "unit_amount": amount,
                "quantity": quantity,
            }
        )
    if len(currencies) > 1:
        raise ParameterRefused("All line items must have the same currency.", param="line_items")
    return currencies.pop(), items


def _read_currency(price: Parameters) -> str:
    currency = price.text("currency", is_required=True, length_max=3).lower()
    if currency not in CURRENCIES:
        raise ParameterRefused(f"Invalid currency: {currency}", param=price.name("currency"))
    return currency


def _read_what_changes_nothing(parameters: Parameters, intent: Parameters) -> None:
    """Accept what the real company knows and the stand-in has no use for."""
    parameters.nested("adaptive_pricing").truth("enabled")
    parameters.choice("billing_address_collection", ("auto", "required"), default="auto")
    intent.text("statement_descriptor_suffix", length_max=22)


def _read_capture(intent: Parameters) -> bool:
    ways = ("automatic", "automatic_async", "manual")
    return intent.choice("capture_method", ways, default="automatic") == "manual"


def _read_method_types(
    parameters: Parameters, currency: str, *, captures_later: bool
) -> tuple[str, ...]:
    """Return what the page takes: cards unless the merchant names others, each fit for it."""
    kinds = parameters.texts("payment_method_types") or ("card",)
    for kind in kinds:
        rail = rails.BY_NAME.get(kind)
        if kind != "card" and rail is None:
            raise ParameterRefused(
                f"The payment method type provided: {kind} is invalid. The stand-in takes card, "
                f"{', '.join(rails.BY_NAME)}.",
                param="payment_method_types",
            )
        if rail is not None and currency not in rail.currencies:
            raise ParameterRefused(
                f"The payment method type {kind} cannot be used with {currency}.",
                param="payment_method_types",
            )
        if rail is not None and captures_later:
            raise ParameterRefused(
                f"The payment method type {kind} cannot be used with manual capture here.",
                param="payment_intent_data[capture_method]",
            )
    return kinds


def _read_customer(parameters: Parameters) -> Customer | None:
    name = parameters.text("customer", length_max=40)
    if not name:
        return None
    if parameters.has("customer_email"):
        raise ParameterRefused(
            "You may only specify one of these parameters: customer, customer_email.",
            param="customer",
        )
    return customers.named(name)


def _read_customer_creation(parameters: Parameters, customer: Customer | None) -> bool:
    if customer is not None and parameters.has("customer_creation"):
        raise ParameterRefused(
            "`customer_creation` cannot be used with `customer`.", param="customer_creation"
        )
    ways = ("if_required", "always")
    return parameters.choice("customer_creation", ways, default="if_required") == "always"


def _read_url(parameters: Parameters, key: str, *, is_required: bool = False) -> str:
    url = parameters.text(key, is_required=is_required)
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ParameterRefused("Not a valid URL", code="url_invalid", param=key)
    return url


def _read_expiry(parameters: Parameters, *, at: datetime) -> datetime:
    given = parameters.whole("expires_at")
    if given is None:
        return moment(epoch(at + LONGEST_LIFE))
    shortest_s = options.current().session_min_s
    if given < epoch(at) + shortest_s:
        raise ParameterRefused(
            f"The `expires_at` timestamp must be at least {round(shortest_s / 60)} minutes from "
            "Checkout Session creation.",
            param="expires_at",
        )
    if given > epoch(at + LONGEST_LIFE):
        raise ParameterRefused(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return moment(given)


def _read_email(parameters: Parameters) -> str:
    email = parameters.text("customer_email", length_max=512)
    if email and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise ParameterRefused(
            f"Invalid email address: {email}", code="email_invalid", param="customer_email"
        )
    return email


def _read_locale(parameters: Parameters) -> str:
    locale = parameters.text("locale", length_max=10)
    if locale and not re.fullmatch(r"auto|[a-z]{2,3}(-[A-Z0-9]{2,3})?", locale):
        raise ParameterRefused(f"Invalid locale: {locale}", param="locale")
    return locale


def _check_amount(order: sessions.Order) -> None:
    amount, currency = order.amount_minor, order.currency
    smallest = money.SMALLEST_CHARGE.get(currency, 1)
    if amount < smallest:
        raise AmountTooSmall(
            "The Checkout Session's total amount due must add up to at least "
            f"{money.shown(amount_minor=smallest, currency=currency)} {currency}",
            code="amount_too_small",
        )
    step = money.step(currency=currency)
    if amount % step or amount > money.AMOUNT_MAX:
        raise AmountNotSendable(
            f"Amounts in {currency.upper()} must be a multiple of {step}, "
            f"and at most {money.AMOUNT_MAX}: {amount} cannot be charged.",
            code="parameter_invalid_integer",
            param="line_items[0][price_data][unit_amount]",
        )
