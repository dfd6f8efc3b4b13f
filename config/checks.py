"""Start-up checks: what must hold before anyone's money goes through."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

STRIPE_API_URL = "https://api.stripe.com"  # docs.stripe.com/api, 2026-11
WEBHOOK_SECRET_CHARACTERS_MIN = 24
SANDBOX = "accounts.providers.sandbox.Sandbox"


@register(Tags.security)
def provider_addresses(**_kwargs: Any) -> Iterable[CheckMessage]:
    """A provider that is not the real one is used only when asked for by name."""
    if settings.ALLOW_STANDIN:
        return
    if settings.STRIPE_API_URL != STRIPE_API_URL:
        yield Error(
            f"STRIPE_API_URL is {settings.STRIPE_API_URL}, not {STRIPE_API_URL}.",
            hint="Leave it unset, or set ALLOW_STANDIN=true where no real money moves.",
            id="carat.E001",
        )
    if settings.STANDIN_BANK_URL:
        yield Error(
            "STANDIN_BANK_URL is set: payouts would go to a bank that does not exist.",
            hint="Unset it, or set ALLOW_STANDIN=true where no real money moves.",
            id="carat.E002",
        )
    if settings.STANDIN_IDENTITY_URL or SANDBOX in settings.IDENTITY_ADAPTERS:
        yield Error(
            "A sandbox would verify people: whoever says so is who they say.",
            hint="Unset STANDIN_IDENTITY_URL and take the sandbox out of IDENTITY_ADAPTERS, or set "
            "ALLOW_STANDIN=true where no real money moves.",
            id="carat.E004",
        )


@register(Tags.security)
def webhook_secret(**_kwargs: Any) -> Iterable[CheckMessage]:
    """An empty or short webhook secret would let anyone announce a payment."""
    if (
        settings.STRIPE_API_KEY
        and len(settings.STRIPE_WEBHOOK_SECRET) < WEBHOOK_SECRET_CHARACTERS_MIN
    ):
        yield Error(
            f"STRIPE_WEBHOOK_SECRET has fewer than {WEBHOOK_SECRET_CHARACTERS_MIN} characters.",
            hint="Copy the signing secret of the endpoint from the provider's dashboard.",
            id="carat.E003",
        )


@register(Tags.security)
def connect_secret(**_kwargs: Any) -> Iterable[CheckMessage]:
    """Paying by Stripe needs Stripe, and a secret that proves its notices about accounts."""
    secret = settings.STRIPE_CONNECT_WEBHOOK_SECRET
    is_short = len(secret) < WEBHOOK_SECRET_CHARACTERS_MIN
    if "stripe" in settings.PAYOUT_RAILS and (is_short or not settings.STRIPE_API_KEY):
        yield Error(
            "PAYOUT_RAILS has stripe, but STRIPE_API_KEY or STRIPE_CONNECT_WEBHOOK_SECRET is not "
            "set, or the secret is too short.",
            hint="Copy the signing secret of the endpoint for connected accounts from Stripe.",
            id="carat.E005",
        )


@register(Tags.security)
def sepa_debtor(**_kwargs: Any) -> Iterable[CheckMessage]:
    """SEPA files need an account that pays, or banks refuse them one by one."""
    if "sepa" not in settings.PAYOUT_RAILS:
        return
    try:
        IBAN(settings.SEPA_DEBTOR_IBAN)
        BIC(settings.SEPA_DEBTOR_BIC)
        is_right = bool(settings.SEPA_DEBTOR_NAME)
    except SchwiftyException:
        is_right = False
    if not is_right:
        yield Error(
            "PAYOUT_RAILS has sepa, but the account that pays is missing or has a mistake.",
            hint="Set SEPA_DEBTOR_NAME, SEPA_DEBTOR_IBAN and SEPA_DEBTOR_BIC.",
            id="carat.E004",
        )
