"""What a fan lets a service do: give, revoke, and spend under it.

Promises: a service never spends more of a fan's coins on one UTC day than the fan's cap, however
many of its requests run at once; a revoked or ended consent lets nothing through from that moment.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from allauth.idp.oidc.models import Client
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts import statements
from accounts.models import Consent, ConsentUse, Scope

DAYS_MAX: Final = 365

# A part of a statement, because every gift of a service pays for it: ``counted`` has a row if the
# fan's consent let the coins through, ``use_facts`` are the values. The consent's lock makes a
# revocation wait or be seen; the count is compared with the cap as it is once its row is ours.
COUNTED_SQL: Final = """
     consent AS (
     SELECT id, daily_cap_coins FROM accounts_consent
      WHERE fan_id = %(fan)s AND client_id = %(client)s AND scope = %(scope)s
        AND revoked_at IS NULL AND until > %(at)s AND {when}
        FOR NO KEY UPDATE
     ),
     counted AS (
     INSERT INTO accounts_consentuse AS used (consent_id, day, coins)
     SELECT id, %(day)s, %(coins)s FROM consent WHERE %(coins)s <= daily_cap_coins
         ON CONFLICT (consent_id, day) DO UPDATE SET coins = used.coins + excluded.coins
      WHERE used.coins + excluded.coins <= (SELECT daily_cap_coins FROM consent)
     RETURNING id, consent_id, day, coins
     )
"""
USE_SQL: Final = f"""
WITH {COUNTED_SQL.format(when="true")}
SELECT id, consent_id, day, coins FROM counted
"""  # noqa: S608 - our own words


_WHAT: Final = {
    Scope.GIFTS_SEND: "send gifts for",
    Scope.BALANCE_READ: "see the balance of",
    Scope.REFUNDS_ASK: "ask for refunds for",
    Scope.GIFT_CARDS_REDEEM: "redeem gift cards for",
    Scope.REVIEWS_READ: "see the reviews of",
    Scope.REVIEWS_APPEAL: "appeal against reviews of",
    Scope.ROOMS_MANAGE: "start and end lives for",
    Scope.PAYOUTS_CHOOSE: "choose how payouts go out for",
}
_CREATORS: Final = {Scope.ROOMS_MANAGE, Scope.PAYOUTS_CHOOSE}


class UnknownService(Exception):
    pass


class ScopeNotOffered(Exception):
    """The service itself may not do this, so nobody can let it."""


class BadConsent(Exception):
    """A cap or an end that makes no sense."""


class ConsentMissing(Exception):
    pass


class ConsentCapReached(Exception):
    pass


def offered(*, client_id: str, scope: str) -> Client:
    """The service that asks, if it may do it. Raises UnknownService, ScopeNotOffered."""
    client = Client.objects.filter(pk=client_id).first()
    if client is None:
        raise UnknownService("There is no such service here. Ask the service for a new link.")
    if scope not in Scope.values or scope not in client.get_scopes():
        raise ScopeNotOffered(f"{client.name} cannot ask for this. Nothing was changed.")
    return client


@transaction.atomic(durable=True)
def give(
    *,
    fan_id: int,
    client_id: str,
    scope: str,
    daily_cap_coins: int,
    until: datetime,
    at: datetime,
) -> Consent:
    """Let a service act for a fan until a date. Replaces what the fan said before about the same.

    Raises UnknownService, ScopeNotOffered, BadConsent.
    """
    offered(client_id=client_id, scope=scope)
    if not at < until <= at + timedelta(days=DAYS_MAX):
        raise BadConsent("Choose an end between now and a year from now.")
    if scope == Scope.GIFTS_SEND and daily_cap_coins < 1:
        raise BadConsent("Choose how many coins a day it may spend: at least 1.")
    _in_force(fan_id, client_id, scope).update(revoked_at=at)
    return Consent.objects.create(
        fan_id=fan_id,
        client_id=client_id,
        scope=scope,
        daily_cap_coins=daily_cap_coins if scope == Scope.GIFTS_SEND else 0,
        until=until,
    )


@transaction.atomic(durable=True)
def revoke(*, fan_id: int, consent_id: int, at: datetime) -> None:
    """Take a consent back. Waits for a spending under it that is under way; later ones are refused.

    Raises Consent.DoesNotExist when it is not this fan's.
    """
    consent = Consent.objects.select_for_update().get(pk=consent_id, fan_id=fan_id)
    if consent.revoked_at is None:
        consent.revoked_at = at
        consent.save(update_fields=["revoked_at"])


def check(*, fan_id: int, client_id: str, scope: str, at: datetime) -> Consent:
    """The consent in force, for reading. Raises ConsentMissing."""
    consent = _in_force(fan_id, client_id, scope).filter(until__gt=at).first()
    if consent is None:
        raise missing(scope)
    return consent


def missing(scope: str) -> ConsentMissing:
    """Make the refusal of what the fan has not allowed, or not any more."""
    what = _WHAT[Scope(scope)]
    who = "creator" if scope in _CREATORS else "fan"
    return ConsentMissing(
        f"The {who} has not allowed this service to {what} them. "
        "Ask them to, on their consent page."
    )


def use(*, fan_id: int, client_id: str, scope: str, coins: int, at: datetime) -> ConsentUse:
    """Count ``coins`` against the fan's cap for this UTC day, in the caller's transaction.

    Locks the consent's row until the caller commits: the caller spends in the same transaction, and
    looks for a replay first. If the ledger then refuses, ``give_back`` undoes the count.
    Raises ConsentMissing, ConsentCapReached.
    """
    assert connection.in_atomic_block, "the count commits with the spending"
    facts = use_facts(fan_id=fan_id, client_id=client_id, scope=scope, coins=coins, at=at)
    with statements.prepared_cursor() as cursor:
        cursor.execute(USE_SQL, facts)
        counted = cursor.fetchone()
    if counted is None:
        raise not_counted(fan_id=fan_id, client_id=client_id, scope=scope, coins=coins, at=at)
    return ConsentUse.from_db(None, ("id", "consent_id", "day", "coins"), counted)


def use_facts(
    *, fan_id: int, client_id: str, scope: str, coins: int, at: datetime
) -> dict[str, Any]:
    """Give the values of COUNTED_SQL."""
    day = at.astimezone(UTC).date()
    spending = {"day": day, "coins": coins, "at": at}
    return {"fan": fan_id, "client": client_id, "scope": scope, **spending}


def not_counted(
    *, fan_id: int, client_id: str, scope: str, coins: int, at: datetime
) -> ConsentMissing | ConsentCapReached:
    """Say why the coins were not let through. A consent given meanwhile counts from now on."""
    consent = _in_force(fan_id, client_id, scope).filter(until__gt=at).first()
    if consent is None:
        return missing(scope)
    used = ConsentUse.objects.filter(consent=consent, day=at.astimezone(UTC).date()).first()
    left = consent.daily_cap_coins - (used.coins if used else 0)
    if coins <= left:
        return missing(scope)
    return ConsentCapReached(
        f"This would pass the {consent.daily_cap_coins:,} coins a day the fan allowed; "
        f"{left:,} are left until midnight UTC."
    )


def give_back(*, counted: ConsentUse, coins: int) -> None:
    """Take back a count whose spending was refused, in the same transaction as it."""
    assert connection.in_atomic_block, "the count commits with the spending"
    assert 0 <= coins <= counted.coins, "more than was counted"
    counted.coins -= coins
    counted.save(update_fields=["coins"])


def _in_force(fan_id: int, client_id: str, scope: str) -> QuerySet[Consent]:
    return Consent.objects.filter(
        fan_id=fan_id, client_id=client_id, scope=scope, revoked_at=None
    ).order_by("pk")
