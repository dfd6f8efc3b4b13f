"""The API's frame: who calls, what they may do, how fast, and how it is refused (RFC 9457)."""

from typing import TYPE_CHECKING, Any

from allauth.idp.oidc.contrib.rest_framework.authentication import TokenAuthentication
from allauth.idp.oidc.contrib.rest_framework.permissions import TokenPermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView


class ServiceAuthentication(TokenAuthentication):
    def authenticate_header(self, _request: object) -> str:
        return "Bearer"


class HasScope(TokenPermission):
    pass


class ServiceThrottle(SimpleRateThrottle):
    scope = "service"

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        return None


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    # The framework's views import this module for their defaults.
    from rest_framework.views import exception_handler  # noqa: PLC0415

    return exception_handler(exc, context)
