"""What every request passes: it is logged without its query string, private pages stay private,
people see their own language and time, staff without a second factor see no admin, and what staff
change bears their name.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pghistory
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django_structlog.middlewares import RequestMiddleware

# Recovery codes stand in for a factor; they are none.
SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]

READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

type Handler = Callable[[HttpRequest], HttpResponse]


class RequestLogMiddleware(RequestMiddleware):
    """Log by method and path: a query string can hold a code, a token, or what is searched for."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class PrivatePagesMiddleware:
    """No shared cache keeps a page that was made for a signed-in person."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated and "Cache-Control" not in response:
            add_never_cache_headers(response)
        return response


class ViewerMiddleware:
    """Show times in the viewer's time zone, and words in their language."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        with (
            timezone.override(ZoneInfo(request.user.time_zone)),
            translation.override(request.user.language),
        ):
            return self.get_response(request)


class StaffSecondFactorMiddleware:
    """The admin is for staff who have set up a second factor; the others are sent to do so."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.admin_path = reverse("admin:index")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            request.path.startswith(self.admin_path)
            and request.user.is_authenticated
            and request.user.is_staff
            and not is_mfa_enabled(request.user, types=SECOND_FACTORS)
        ):
            messages.warning(request, "Staff need a second factor. Set one up to open the admin.")
            return redirect("mfa_index")
        return self.get_response(request)


class StaffEditsMiddleware:
    """Rows that staff change leave an event (pghistory) with who it was, by number.

    pghistory's own middleware is not used: it also keeps the path, which can hold the key of a
    password reset, and it adds words to every write of a fan. Theirs pass here as they are, and so
    does whoever only reads. A form may add why, by ``pghistory.context(why=...)``.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in READS or not (request.user.is_authenticated and request.user.is_staff):
            return self.get_response(request)
        with pghistory.context(user=request.user.pk):
            return self.get_response(request)
