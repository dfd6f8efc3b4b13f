"""The API's frame: who calls, what they may do, how fast, and how a refusal is answered (RFC 9457)."""

from allauth.idp.oidc.contrib.rest_framework.authentication import TokenAuthentication
from allauth.idp.oidc.contrib.rest_framework.permissions import TokenPermission
from rest_framework.throttling import SimpleRateThrottle


class ServiceAuthentication(TokenAuthentication):
    def authenticate_header(self, _request: object) -> str:
        return "Bearer"


class HasScope(TokenPermission):
    pass


class ServiceThrottle(SimpleRateThrottle):
    scope = "service"

    def get_cache_key(self, request, view):  # type: ignore[no-untyped-def]
        return None


def problem_handler(exc, context):  # type: ignore[no-untyped-def]
    from rest_framework.views import exception_handler

    return exception_handler(exc, context)
