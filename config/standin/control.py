"""What tests ask of the stand-in that no merchant could ask of a real company.

JSON in and out, behind the merchant's secret key: pay a session without a browser, hold or drop
events and deliver them on demand, and read the whole book for a reconciliation.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from config.standin import (
    books,
    cards,
    payments,
    protocol,
    rails,
    refusals,
    sessions,
    shapes,
    webhooks,
)
from config.standin.models import Event, Json, PlanMode


class Unfit(refusals.Refused):
    """The request names nothing that the stand-in has."""


type Door = Callable[[HttpRequest, Mapping[str, Any]], Json]


def for_tests(door: Door) -> Callable[[HttpRequest], HttpResponse]:
    """Ask for the secret key, and read the body as JSON."""

    @wraps(door)
    def guarded(request: HttpRequest) -> HttpResponse:
        try:
            protocol.authenticate(request)
            return JsonResponse(door(request, _read(request)))
        except refusals.Refused as refused:
            return JsonResponse(refused.body(), status=refused.status)

    return guarded


@for_tests
def plan(request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Change how events are delivered, or show it: mode, copies, reorder_seed."""
    if request.method == "POST":
        webhooks.change_plan(
            mode=_mode(given.get("mode", PlanMode.DELIVER)),
            copies=whole(given, "copies", default=1),
            reorder_seed=whole(given, "reorder_seed", default=None),
        )
    now = webhooks.current_plan()
    return {
        "mode": now.mode,
        "copies": now.copies,
        "reorder_seed": now.reorder_seed,
        "deliveries": books.delivery_counts(),
    }


@for_tests
def flush(_request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Deliver all that waits, now and one by one; ``event`` names one to deliver again."""
    if "event" in given:
        event = Event.objects.filter(public_id=given["event"]).first()
        if event is None:
            raise Unfit(f"No such event: '{given['event']}'")
        batch = [webhooks.repeat(event=event, at=datetime.now(UTC))]
    else:
        batch = webhooks.shuffled(
            webhooks.waiting(), seed=whole(given, "reorder_seed", default=None)
        )
    tries = [webhooks.post(delivery=delivery, at=datetime.now(UTC)) for delivery in batch]
    webhooks.record_tries(tries=tries, at=datetime.now(UTC))
    return {
        "tries": [
            {
                "event": tried.delivery.event.public_id,
                "type": tried.delivery.event.kind,
                "status": tried.status,
                "error": tried.error or None,
            }
            for tried in tries
        ]
    }


@for_tests
def pay(_request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Pay a session with a test card or a rail, as a payer on the hosted page would; or save it.

    ``holder`` says whose card it is, so that many can pay with one number.
    """
    name = str(given.get("card"))
    card = cards.BY_NUMBER.get(name) or cards.BY_NAME.get(name) or rails.BY_NAME.get(name)
    if card is None:
        raise Unfit("card must be the number or name of a test card, or a rail", param="card")
    session_id = str(given.get("session"))
    attempt = sessions.session_named(session_id).attempts + 1
    tried = payments.pay(
        session_id=session_id,
        attempt=attempt,
        tender=payments.Tender(
            card=card,
            expiry="12/2034",
            saves=given.get("save") is True,
            holder=str(given.get("holder", "")),
        ),
        at=datetime.now(UTC),
    )
    if tried.outcome == payments.Outcome.CHALLENGE and "challenge" in given:
        tried = payments.answer_challenge(
            session_id=session_id,
            attempt=attempt,
            is_approved=given["challenge"] == "approve",
            at=datetime.now(UTC),
        )
    return {
        "outcome": tried.outcome,
        "message": tried.message or None,
        "session": shapes.session(sessions.session_named(session_id)),
    }


@for_tests
def book(_request: HttpRequest, _given: Mapping[str, Any]) -> Json:
    """Show the whole book: payments, fees, transfers and how events fared."""
    return books.whole_book()


def _read(request: HttpRequest) -> Mapping[str, Any]:
    if not request.body:
        return {}
    try:
        given = json.loads(request.body)
    except ValueError as error:
        raise Unfit("The body is not JSON.") from error
    if not isinstance(given, dict):
        raise Unfit("The body is not an object.")
    return given


def _mode(name: object) -> PlanMode:
    for mode in PlanMode:
        if mode.value == name:
            return mode
    raise Unfit(f"mode must be one of {', '.join(PlanMode.values)}", param="mode")


def whole[Default: int | None](
    given: Mapping[str, Any], name: str, *, default: Default
) -> int | Default:
    value = given.get(name)
    if value is None:
        return default
    if type(value) is not int or value < 0:
        raise Unfit(f"{name} must be a whole number, zero or more", param=name)
    return value
