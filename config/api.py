"""The API's frame: who calls, what they may do, how fast, and how it is refused (RFC 9457)."""

from typing import Any

from allauth.idp.oidc.contrib.rest_framework.authentication import TokenAuthentication
from allauth.idp.oidc.contrib.rest_framework.permissions import TokenPermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView, exception_handler


class ServiceAuthentication(TokenAuthentication):
    def authenticate_header(self, _request: object) -> str:
        return "Bearer"


class HasScope(TokenPermission):
    pass


class ServiceThrottle(SimpleRateThrottle):
    scope = "service"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return None


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    return exception_handler(exc, context)
