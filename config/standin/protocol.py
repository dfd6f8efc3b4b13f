"""The manners of the payment company's API: keys, versions, errors, headers, one answer per key."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from config.standin import expansion, faults, idempotency, ids, options, refusals, webhooks
from config.standin.models import Json
from config.standin.parameters import ParameterRefused, Parameters

KEY_LENGTH_MAX: Final = 255  # docs.stripe.com/api/idempotent_requests


class NotAuthenticated(refusals.Refused):
    """No key, or not the merchant's."""

    status = 401


class UnknownAddress(refusals.Refused):
    """There is nothing at this address, or not by this method."""

    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to the API, checked so far as every endpoint needs it."""

    parameters: Parameters
    cause: webhooks.Cause
    at: datetime


type Endpoint = Callable[..., Json]


def api(
    *, get: Endpoint | None = None, post: Endpoint | None = None, delete: Endpoint | None = None
) -> Callable[..., HttpResponse]:
    """Make a view of the endpoints by method; each takes a Call and the address's names.

    While a fault script runs, a request may be answered with 429 or 500, or not at all.
    """

    def view(request: HttpRequest, **names: str) -> HttpResponse:
        request_id = ids.new_id("req", length=14)
        endpoint = {"GET": get, "POST": post, "DELETE": delete}.get(request.method or "")
        try:
            authenticate(request)
            _check_version(request)
            if endpoint is None:
                raise unknown_address(request)
            answer = _answer_or_fault(
                request, endpoint=endpoint, names=names, request_id=request_id
            )
        except refusals.Refused as refused:
            answer = idempotency.Answer(
                status=refused.status, body=idempotency.written(refused.body())
            )
        return _response(request, answer=answer, request_id=request_id)

    return view


def authenticate(request: HttpRequest) -> None:
    """Ask for the merchant's secret key, as a bearer token or as a user name.

    Raises NotAuthenticated.
    """
    given = secret_given(request)
    if not given:
        raise NotAuthenticated(
            "You did not provide an API key. You need to provide your API key in the Authorization "
            "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if not constant_time_compare(given, options.current().api_key):
        raise NotAuthenticated(f"Invalid API Key provided: {given[:8]}{'*' * 8}")


def secret_given(request: HttpRequest) -> str:
    """Return the secret a request carries, or nothing."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return decoded.partition(":")[0]
    return ""


def nowhere(request: HttpRequest) -> HttpResponse:
    """Answer for an address that the stand-in does not have."""
    refused = unknown_address(request)
    answer = idempotency.Answer(status=refused.status, body=idempotency.written(refused.body()))
    return _response(request, answer=answer, request_id=ids.new_id("req", length=14))


def unknown_address(request: HttpRequest) -> UnknownAddress:
    """Return the refusal for an address that does not exist."""
    return UnknownAddress(
        f"Unrecognized request URL ({request.method}: {request.path}). "
        "The stand-in knows only what Carat uses."
    )


def _answer_or_fault(
    request: HttpRequest, *, endpoint: Endpoint, names: dict[str, str], request_id: str
) -> idempotency.Answer:
    """Answer, unless the fault script says that this try goes wrong, and how."""
    key = request.headers.get("Idempotency-Key", "")
    fault = faults.strike(request=f"{request.method} {request.path} {key}"[:255])
    if fault == faults.Fault.TOO_MANY:
        raise faults.TooManyRequests(
            "Too many requests hit the API too quickly.", code="rate_limit"
        )
    if fault == faults.Fault.ERROR:
        raise faults.Broken(faults.SORRY)
    if fault == faults.Fault.ERROR_KEPT:
        endpoint = faults.broken_for_good
    if fault != faults.Fault.TIMEOUT_BEFORE:
        answer = _answer(request, endpoint=endpoint, names=names, request_id=request_id)
    if fault in (faults.Fault.TIMEOUT_BEFORE, faults.Fault.TIMEOUT_AFTER):
        request.META["standin.hang_up"]()
        answer = idempotency.Answer(status=504, body="")
    return answer


def _answer(
    request: HttpRequest, *, endpoint: Endpoint, names: dict[str, str], request_id: str
) -> idempotency.Answer:
    parameters = Parameters.parse(_encoded(request))
    key = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
    if len(key) > KEY_LENGTH_MAX:
        raise ParameterRefused(f"Idempotency keys can have up to {KEY_LENGTH_MAX} characters.")
    cause = webhooks.Cause(request_id=request_id, idempotency_key=key)
    call = Call(parameters=parameters, cause=cause, at=datetime.now(UTC))

    def perform() -> Json:
        paths = parameters.texts("expand")
        return expansion.expand(endpoint(call, **names), paths)

    if not key:
        return idempotency.Answer(status=200, body=idempotency.written(perform()))
    return idempotency.once(
        key=key,
        request=idempotency.fingerprint(path=request.path, values=parameters.values),
        request_id=request_id,
        at=call.at,
        perform=perform,
    )


def _encoded(request: HttpRequest) -> str:
    if request.method == "GET":
        return str(request.META.get("QUERY_STRING", ""))
    if request.body and request.content_type != "application/x-www-form-urlencoded":
        raise ParameterRefused(
            "Invalid request (check that your POST content type is "
            "application/x-www-form-urlencoded)."
        )
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        raise ParameterRefused("The body is not UTF-8.") from error


def _check_version(request: HttpRequest) -> None:
    version = request.headers.get("Stripe-Version", options.API_VERSION)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[a-z_]+)?", version):
        raise ParameterRefused(f"Invalid Stripe API version: {version[:40]}")


def _response(request: HttpRequest, *, answer: idempotency.Answer, request_id: str) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    response.headers["Request-Id"] = request_id
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", options.API_VERSION)
    response.headers["Cache-Control"] = "no-cache, no-store"
    if key := request.headers.get("Idempotency-Key"):
        response.headers["Idempotency-Key"] = key
    if answer.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return response
