"""How allauth signs people in, and which services may ask for tokens."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.idp.oidc.adapter import DefaultOIDCAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in as allauth does it."""


class ServiceAdapter(DefaultOIDCAdapter):
    """Tokens for services, with Carat's scopes."""

    scope_display = {
        "catalogue:read": "Read the gift catalogue",
        "prices:read": "Read prices and rates",
        "balance:read": "Read a consenting fan's balance",
        "gifts:send": "Send gifts for a consenting fan",
        "rooms:read": "Read rooms and their gifts",
        "earnings:read": "Read creators' earnings",
        "ledger:read": "Read the ledger's seals and rate cards",
    }
