"""How the API says no: RFC 9457 problems, each with a stable code.

Promises: everything under /api/ that is not a success is ``application/problem+json``, unknown
addresses and our own failures too; a refusal of the domain has one status and one code, listed in
``refusals``, whatever door meets it; a failure tells nothing about our inside.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from config import refusals

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"


# The framework's own codes that read better otherwise.
CODES: Final = {"parse_error": "malformed", "error": "failed"}


def handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an exception of a door. None: it is a failure of ours, for ``server_error``."""
    answer = refusals.REFUSALS.get(type(exc))
    if answer is not None:
        facts = {
            name: getattr(exc, field) for name, field in refusals.FACTS.get(type(exc), {}).items()
        }
        return _response(answer.status, answer.code, answer.words or str(exc), **facts)
    if isinstance(exc, OperationalError) and isinstance(
        exc.__cause__, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
    ):
        words = (
            "Another request for the same wallet is still running. Send this one again as it is."
        )
        answered = _response(409, "still_running", words)
        answered["Retry-After"] = "1"
        return answered
    framed = exception_handler(exc, dict(context))
    return None if framed is None else _framed(_as_framework(exc), framed)


def _as_framework(exc: Exception) -> exceptions.APIException:
    """Name the exception as the framework did when it answered it."""
    if isinstance(exc, Http404):
        return exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    assert isinstance(exc, exceptions.APIException), "the framework answers no others"
    return exc


def _framed(exc: exceptions.APIException, framed: Response) -> Response:
    codes = exc.get_codes()
    if isinstance(exc, exceptions.ValidationError):
        errors = list(_errors("", exc.get_full_details()))
        made = _response(400, "invalid", "The request is not valid; see errors.", errors=errors)
    else:
        code = codes if isinstance(codes, str) else "failed"
        made = _response(framed.status_code, CODES.get(code, code), str(exc.detail))
    for name in ("WWW-Authenticate", "Retry-After", "Allow"):
        if framed.has_header(name):
            made[name] = framed[name]
    if made.status_code == status.HTTP_401_UNAUTHORIZED and codes == "invalid_token":
        made["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return made


def _errors(field: str, details: Any) -> Any:
    """Flatten what is wrong, field by field: its dotted name, a code, and words."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {"field": field, "code": details["code"], "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            place = "" if name == "non_field_errors" else str(name)
            yield from _errors(".".join(filter(None, (field, place))), inner)
    else:
        for inner in details:
            yield from _errors(field, inner)


def _response(code_of_status: int, code: str, words: str, **more: Any) -> Response:
    return Response(
        problem(code_of_status, code, words, **more),
        status=code_of_status,
        content_type=MEDIA_TYPE,
    )


def problem(code_of_status: int, code: str, words: str, **more: Any) -> dict[str, Any]:
    """Make a problem's members."""
    return {
        "type": f"urn:carat:problem:{code}",
        "title": HTTPStatus(code_of_status).phrase,
        "status": code_of_status,
        "code": code,
        "detail": words,
        **more,
    }


def is_api(request: HttpRequest) -> bool:
    """Whether a service asked, and so wants a problem instead of a page."""
    return request.path.startswith("/api/")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address."""
    if is_api(request):
        return _bare(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself will not read."""
    if is_api(request):
        return _bare(400, "malformed", "The request cannot be read.")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a failure of ours; what it was is in the log."""
    if is_api(request):
        return _bare(500, "failed", "Something failed here. Send the request again as it is.")
    return defaults.server_error(request)


def _bare(code_of_status: int, code: str, words: str) -> JsonResponse:
    return JsonResponse(
        problem(code_of_status, code, words), status=code_of_status, content_type=MEDIA_TYPE
    )
