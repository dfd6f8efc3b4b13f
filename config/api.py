"""The API's frame: which service calls, what it may do, how often, and what it may send.

Promises: without a token that is valid at this moment there is no answer, and a token works only
for the scopes it was given; what a door does not name a scope for is open to nobody. Problems are
answered as ``config.problems`` says. Nothing of a token is remembered between two requests, so a
revoked one is dead at once.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import redis
from allauth.idp.oidc import app_settings as provider
from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.internal.resources import is_resources_subset
from allauth.idp.oidc.models import Client, Token
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, ParseError
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from accounts import statements, valkey

log = logging.getLogger(__name__)

BODY_BYTES_MAX: Final = 64 * 1024
RATE_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

NOBODY: Final = AnonymousUser()  # a service is no person

# One statement a request: the token by its hash, with all that may make it worthless.
ACCESS_SQL: Final = """
SELECT token.client_id, token.scopes, token.data, client.type
  FROM allauth_idp_oidc_token AS token
  JOIN allauth_idp_oidc_client AS client ON client.id = token.client_id
  LEFT JOIN accounts_user AS person ON person.id = token.user_id
 WHERE token.type = %s AND token.hash = %s
   AND (token.expires_at IS NULL OR token.expires_at > clock_timestamp())
   AND (token.user_id IS NULL OR person.is_active)
"""

# Counts one more in the window that the first of them opened; gives the count and what is left of
# the window in milliseconds. One step for the server, so no two requests see the same count.
COUNT_LUA: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """The service whose token came with the request, and what the token was given for."""

    client_id: str
    scopes: frozenset[str]


class ServiceAuthentication(BaseAuthentication):
    """Access tokens as allauth gave them, in one query; a test holds this to allauth's check."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Caller] | None:
        scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        value = value.strip()
        if scheme.lower() != "bearer" or not value or " " in value:
            return None
        with statements.prepared_cursor() as cursor:
            cursor.execute(
                ACCESS_SQL, [Token.Type.ACCESS_TOKEN.value, get_adapter().hash_token(value)]
            )
            row = cursor.fetchone()
        if row is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.", "invalid_token")
        client_id, scopes, given, kind = row
        if kind == Client.Type.PUBLIC and (
            Client.AuthenticationMethod.NONE not in provider.AUTH_METHODS
        ):
            raise AuthenticationFailed("The service may not use tokens.", "invalid_token")
        _check_resource(request, given)
        return NOBODY, Caller(client_id, frozenset(scopes.split("\n")) - {""})

    def authenticate_header(self, _request: Request) -> str:
        return "Bearer"


def _check_resource(request: Request, given: str | None) -> None:
    """Refuse a token that was given for other addresses only (RFC 8707)."""
    resources = (json.loads(given) or {}).get("resources") if given else None
    here = request.build_absolute_uri(request.path) if resources else ""
    if not is_resources_subset([here], resources):
        raise AuthenticationFailed("The token is for another resource.", "invalid_token")


class HasScope(BasePermission):
    """Let pass a token with the scope that the door names for the method; no name, nobody.

    A method the door does not have is let through, to be told so.
    """

    code = "scope_missing"
    message = ""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method == "OPTIONS" or not hasattr(view, method.lower()):
            return True
        scopes: Mapping[str, str] = getattr(view, "scopes", {})
        scope = scopes.get(method)
        if scope is not None and scope in caller.scopes:
            return True
        self.message = f"The token needs the scope {scope}." if scope else "This is open to nobody."
        return False


class ServiceThrottle(BaseThrottle):
    """So many requests a window for each service, counted exactly. Without Valkey, no limit."""

    left_ms = 0

    def allow_request(self, request: Request, _view: Any) -> bool:
        if not isinstance(request.auth, Caller):
            return True
        allowed, window_s = _rate(api_settings.DEFAULT_THROTTLE_RATES["service"])
        key = f"carat:throttle:{window_s}:{request.auth.client_id}"
        try:
            counted: Any = valkey.client().eval(COUNT_LUA, 1, key, str(window_s * 1000))
        except redis.RedisError as error:
            log.warning("throttle_open", extra={"error": str(error)})
            return True
        count, self.left_ms = counted
        return int(count) <= allowed

    def wait(self) -> float:
        return max(self.left_ms, 0) / 1000


@cache
def _rate(words: str) -> tuple[int, int]:
    """Read "6000/min" as so many in so many seconds."""
    number, _, unit = words.partition("/")
    return int(number), RATE_UNITS_S[unit[0]]


class BodyTooLarge(APIException):
    status_code = 413
    default_detail = f"A body has at most {BODY_BYTES_MAX // 1024} kB."
    default_code = "body_too_large"


class Body(JSONParser):
    """JSON of a bounded size, and strict: no NaN, no name twice."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        raw = stream.read(BODY_BYTES_MAX + 1)
        if len(raw) > BODY_BYTES_MAX:
            raise BodyTooLarge
        try:
            return json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not JSON as we read it: {error}.") from error


def _no_constant(name: str) -> Literal[0]:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError("a name stands twice")
    return read
