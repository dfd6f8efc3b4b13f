"""Services as tests know them: a client with scopes, a token from the token endpoint, requests."""

import json
from datetime import timedelta
from typing import Any

from allauth.idp.oidc.models import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import consents
from accounts.models import Consent, Scope, User

SECRET = "a service's secret"
TOKEN_PATH = "/identity/o/api/token"
ALL = (
    "catalogue:read", "prices:read", "balance:read", "gifts:send", "rooms:read", "earnings:read",
    "ledger:read", "limits:read", "refunds:ask", "gift-cards:redeem", "reviews:read",
    "reviews:appeal", "rooms:manage", "payouts:choose",
)  # fmt: skip


def make_service(client_id: str = "tipbot", scopes: tuple[str, ...] = ALL) -> Client:
    client = Client(id=client_id, name="Tip Bot", grant_types="client_credentials")
    client.set_scopes(list(scopes))
    client.set_secret(SECRET)
    client.save()
    return client


def ask_token(client_id: str, scopes: tuple[str, ...] = ALL, secret: str = SECRET) -> Any:
    return APIClient().post(
        TOKEN_PATH,
        {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
            "scope": " ".join(scopes),
        },
    )


def token(client_id: str = "tipbot", scopes: tuple[str, ...] = ALL) -> str:
    answer = ask_token(client_id, scopes)
    assert answer.status_code == 200, answer.content
    value: str = json.loads(answer.content)["access_token"]
    return value


def caller(value: str) -> APIClient:
    """Requests with that token, as JSON, with our failures answered as a server would."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {value}")
    client.default_format = "json"
    return client


def service(client_id: str = "tipbot", scopes: tuple[str, ...] = ALL) -> APIClient:
    """A new service with a token for these scopes."""
    make_service(client_id, scopes)
    return caller(token(client_id, scopes))


def consent(
    fan: User,
    *,
    client_id: str = "tipbot",
    scope: str = Scope.GIFTS_SEND,
    cap: int = 1_000,
    **more: Any,
) -> Consent:
    now = timezone.now()
    facts: dict[str, Any] = {"until": now + timedelta(days=30), "at": now}
    return consents.give(
        fan_id=fan.pk, client_id=client_id, scope=scope, daily_cap_coins=cap, **(facts | more)
    )


def refused(answer: Any) -> tuple[int, str]:
    """The status and code of a problem, once it is sure that it is a whole one."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    problem = answer.json()
    assert problem["type"] == f"urn:carat:problem:{problem['code']}"
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    return answer.status_code, problem["code"]
