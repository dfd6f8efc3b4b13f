"""Requests a second of the API's door for gifts, beside the least that a door can cost."""

import json
import random
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from allauth.idp.oidc.models import Client, Token
from django.utils import timezone

from accounts.models import Consent, Scope
from config.benches import knocks, scratch, senders
from gifts.models import GiftVersion
from wallet import ledger

FANS: Final = 2_000
CAP_COINS: Final = 2_000_000_000
SERVICE: Final = "bench"
PATHS: Final = {
    "http": "/api/v1/gift-sends",
    "http_floor": "/bench/floor/",
    "http_bare": "/bench/bare/",
}

type Body = Callable[[], bytes]


def rates(name: str, seconds: int) -> dict[str, float]:
    """Requests a second of a gift, and of the two doors that it is measured against."""
    token = _prepare(name)
    body = _bodies()
    doors = {figure: _asks(path, token=token, body=body) for figure, path in PATHS.items()}
    with knocks.server(name) as port:
        return knocks.rates(port, doors, seconds=seconds)


def _asks(path: str, *, token: str, body: Body) -> knocks.Asks:
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }

    def ask() -> bytes:
        key = {"Idempotency-Key": str(ledger.new_operation_id())}
        return knocks.request(path, headers=headers | key, content=body())

    return ask


def _prepare(name: str) -> str:
    """Make the table of the floor, and a service that 2,000 fans let send; give its token."""
    scratch.make_floor(name)
    now = timezone.now()
    service, _ = Client.objects.get_or_create(
        pk=SERVICE,
        defaults={
            "name": "Bench",
            "scopes": Scope.GIFTS_SEND,
            "grant_types": Client.GrantType.CLIENT_CREDENTIALS,
        },
    )
    Consent.objects.bulk_create(
        (
            Consent(
                fan_id=fan_id,
                client=service,
                scope=Scope.GIFTS_SEND,
                daily_cap_coins=CAP_COINS,
                until=now + timedelta(days=1),
            )
            for fan_id in _fans()
        ),
        ignore_conflicts=True,
    )
    token = Token(
        type=Token.Type.ACCESS_TOKEN,
        client=service,
        scopes=Scope.GIFTS_SEND,
        expires_at=now + timedelta(days=1),
    )
    value = secrets.token_urlsafe(64)
    token.set_value(value)
    token.save()
    return value


def _fans() -> range:
    return range(scratch.FIRST_PAYER, scratch.FIRST_PAYER + FANS)


def _bodies() -> Body:
    """Make gifts of a random fan to a random room."""
    rooms = [str(room_id) for room_id in senders.open_rooms(scratch.CREATORS)]
    version = GiftVersion.objects.filter(gift__slug="finger-heart").latest("valid_from").pk
    chance = random.Random(7)  # noqa: S311 - load, not secrets

    def body() -> bytes:
        gift = {
            "fan": chance.choice(_fans()),
            "gift_version": version,
            "quantity": 1,
            "room": chance.choice(rooms),
        }
        return json.dumps(gift).encode()

    return body
