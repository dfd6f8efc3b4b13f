"""The company that checks papers: its API for the merchant, and its page for people.

JSON in and out, a key of its own as a bearer token; without one configured, nobody gets in. Errors
are ``{"error": {"code", "message"}}``. On the page a person chooses what is found out, since nobody
looks at anything here.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import wraps
from typing import Final
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_http_methods

from config.standin import identities, options, protocol
from config.standin.models import CaseStatus, IdentityCase

REFERENCE: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
URL_MAX: Final = 500
NAME_MAX: Final = 140

type Door = Callable[..., HttpResponse]


def for_the_merchant(view: Door) -> Door:
    """Ask for the key before anything is looked at."""

    @wraps(view)
    def guarded(request: HttpRequest, **names: str) -> HttpResponse:
        key = options.current().identity_key
        if not key or not constant_time_compare(protocol.secret_given(request), key):
            return _error(401, "unauthorized", "This needs the key as a bearer token.")
        return view(request, **names)

    return guarded


@for_the_merchant
def cases(request: HttpRequest) -> HttpResponse:
    """Open a case: the same reference again is the same case."""
    if request.method != "POST":
        return _error(405, "method", "Use POST.")
    try:
        given = json.loads(request.body)
        reference, return_url = str(given["reference"]), str(given["return_url"])
    except (ValueError, KeyError, TypeError):
        return _error(422, "unfit", "Send reference and return_url as JSON.")
    is_web = urlsplit(return_url).scheme in ("http", "https")
    if not REFERENCE.fullmatch(reference) or not is_web or len(return_url) > URL_MAX:
        return _error(422, "unfit", "reference or return_url cannot be used.")
    at = datetime.now(UTC)
    try:
        case, is_new = identities.open_case(reference=reference, return_url=return_url, at=at)
    except identities.ReferenceTaken as taken:
        return _error(409, "reference_taken", str(taken))
    return JsonResponse(identities.shape(case, at=at), status=201 if is_new else 200)


@for_the_merchant
def case(_request: HttpRequest, *, public_id: str) -> HttpResponse:
    """Show how far one case has come."""
    found = IdentityCase.objects.filter(public_id=public_id).first()
    if found is None:
        return _error(404, "unknown", f"There is no case {public_id}.")
    return JsonResponse(identities.shape(found, at=datetime.now(UTC)))


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, *, public_id: str) -> HttpResponse:
    """Be the page where a person would hold their papers into the camera."""
    found = IdentityCase.objects.filter(public_id=public_id).first()
    if found is None:
        return render(request, "standin/unknown.html", status=404)
    errors: dict[str, str] = {}
    if request.method == "POST" and found.status == CaseStatus.WAITING:
        outcome, errors = _read(request)
        if outcome is not None:
            found = identities.answer(public_id=public_id, found=outcome, at=datetime.now(UTC))
    context = {
        "case": found,
        "is_open": found.status == CaseStatus.WAITING,
        "errors": errors,
        "given": request.POST,
        "merchant": options.current().merchant,
    }
    return render(request, "standin/identity.html", context, status=422 if errors else 200)


def _read(request: HttpRequest) -> tuple[identities.Found | None, dict[str, str]]:
    """Read what the person chose, or what is wrong with it."""
    if request.POST.get("outcome") == "decline":
        return identities.Found(status=CaseStatus.DECLINED), {}
    errors = {}
    name = request.POST.get("name", "").strip()
    if not 0 < len(name) <= NAME_MAX:
        errors["name"] = "Write the name that stands on the paper."
    try:
        born = date.fromisoformat(request.POST.get("birth_date", ""))
    except ValueError:
        born = None
        errors["birth_date"] = "Write the date of birth that stands on the paper."
    if errors:
        return None, errors
    is_slow = request.POST.get("outcome") == "later"
    return (
        identities.Found(status=CaseStatus.VERIFIED, name=name, birth_date=born, is_slow=is_slow),
        {},
    )


def _error(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)
