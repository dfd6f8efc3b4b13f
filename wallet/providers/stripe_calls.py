"""Calls to Stripe by its official client, and what its errors mean: declined, or unavailable.

Promises: every call ends within ``TIMEOUT_S`` and a few retries. The client is imported when first
used: it takes 0.4 s, which no page without a purchase should pay (PLC0415 is switched off for it).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from wallet.providers.base import Declined, Unavailable

if TYPE_CHECKING:
    import stripe

API_VERSION: Final = "2026-10-28.endive"  # of stripe-python 16.1; an upgrade is a decision
TIMEOUT_S: Final = 8
NETWORK_RETRIES: Final = 2
PAGE: Final = 100  # docs.stripe.com/api/pagination, 2026-11: "between 1 and 100"


class Missing(Declined):
    """Stripe has nothing of that name."""


def client(*, retries: int = NETWORK_RETRIES) -> "stripe.StripeClient":
    """Make a client of the account that settings name. It tries again by itself so often."""
    import stripe  # noqa: PLC0415

    return stripe.StripeClient(
        settings.STRIPE_API_KEY,
        stripe_version=API_VERSION,
        base_addresses={"api": settings.STRIPE_API_URL},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
    )


def is_live() -> bool:
    """Tell whether our key moves real money."""
    return settings.STRIPE_API_KEY.startswith(("sk_live_", "rk_live_"))


def answer(call: "Callable[[], stripe.StripeObject]") -> dict[str, Any]:
    """Make the call, and sort what goes wrong. Raises Declined (Missing), Unavailable."""
    import stripe  # noqa: PLC0415

    try:
        found: dict[str, Any] = call().to_dict()
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        raise Unavailable(_words(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        # Our own key is wrong: nothing is known of the payment, and staff can put it right.
        raise Unavailable(_words(error)) from error
    except stripe.StripeError as error:
        if error.http_status in (409, 429) or (error.http_status or 0) >= 500:
            raise Unavailable(_words(error)) from error
        if error.code == "resource_missing":
            raise Missing(_words(error)) from error
        raise Declined(_words(error)) from error
    return found


def every(
    page: "Callable[[Any], stripe.StripeObject]", parameters: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Go through a list of Stripe's, newest first, page by page. Raises Declined, Unavailable."""
    asked = {"limit": PAGE, **parameters}
    while True:
        found = answer(lambda asked=asked: page(asked))  # type: ignore[misc]
        yield from found["data"]
        if not found["has_more"]:
            return
        asked = {**asked, "starting_after": found["data"][-1]["id"]}


def _words(error: "stripe.StripeError") -> str:
    return f"{type(error).__name__}: {error.user_message or error}"[:200]
