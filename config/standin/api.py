"""The payment company's endpoints: checkout sessions, and the objects a payment leaves behind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import models
from django.db.models import Q

from config.standin import claim_shapes, expansion, orders, refusals, sessions, shapes
from config.standin.models import (
    BalanceTransaction,
    Charge,
    CheckoutSession,
    Delivery,
    DeliveryState,
    Event,
    Json,
    PaymentIntent,
    moment,
)
from config.standin.parameters import ParameterRefused, Parameters
from config.standin.protocol import Call


class NoSuchObject(refusals.Refused):
    """There is nothing of that name."""

    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object: where it is kept, how it is shown and by what its list is filtered."""

    noun: str
    param: str
    address: str
    rows: Callable[[], models.QuerySet[Any]]
    show: Callable[[Any], Json]
    filters: Mapping[str, str]


def show_event(row: Event) -> Json:
    """Show an event with the number of its copies that are still on their way."""
    pending = Delivery.objects.filter(event=row, state=DeliveryState.WAITING).count()
    return shapes.event(row, pending=pending)


SESSIONS: Final = Kind(
    noun="checkout.session",
    param="session",
    address="/v1/checkout/sessions",
    rows=CheckoutSession.objects.all,
    show=shapes.session,
    filters={"payment_intent": "intent__public_id", "status": "status"},
)
INTENTS: Final = Kind(
    noun="payment_intent",
    param="intent",
    address="/v1/payment_intents",
    rows=lambda: PaymentIntent.objects.select_related("session"),
    show=shapes.intent,
    filters={},
)
CHARGES: Final = Kind(
    noun="charge",
    param="id",
    address="/v1/charges",
    rows=lambda: Charge.objects.select_related("intent__session"),
    show=shapes.charge,
    filters={"payment_intent": "intent__public_id"},
)
BALANCE_TRANSACTIONS: Final = Kind(
    noun="balance_transaction",
    param="id",
    address="/v1/balance_transactions",
    rows=lambda: BalanceTransaction.objects.select_related(
        "charge__intent__session", "refund", "dispute"
    ),
    show=claim_shapes.balance_transaction,
    filters={"currency": "currency"},
)
EVENTS: Final = Kind(
    noun="event",
    param="id",
    address="/v1/events",
    rows=Event.objects.all,
    show=show_event,
    filters={"type": "kind"},
)


def create_session(call: Call) -> Json:
    order = orders.read_order(call.parameters, at=call.at)
    return shapes.session(sessions.open_session(order=order, at=call.at))


def expire_session(call: Call, *, public_id: str) -> Json:
    call.parameters.finish()
    session = sessions.expire_session(public_id=public_id, at=call.at, cause=call.cause)
    return shapes.session(session)


def list_line_items(call: Call, *, public_id: str) -> Json:
    call.parameters.finish()
    return expansion.line_items(sessions.session_named(public_id))


def retrieving(kind: Kind) -> Callable[..., Json]:
    """Return the endpoint that gives one object of a kind."""

    def retrieve(call: Call, *, public_id: str) -> Json:
        call.parameters.finish()
        row = kind.rows().filter(public_id=public_id).first()
        if row is None:
            raise NoSuchObject(
                f"No such {kind.noun}: '{public_id}'", code="resource_missing", param=kind.param
            )
        return kind.show(row)

    return retrieve


def listing(kind: Kind) -> Callable[..., Json]:
    """Return the endpoint that lists the objects of a kind, newest first."""

    def enumerate_rows(call: Call) -> Json:
        given = call.parameters
        rows = _filtered(kind, given)
        limit = given.whole("limit", minimum=1, maximum=100) or 10
        after = given.text("starting_after")
        before = given.text("ending_before")
        given.finish()
        if before:
            later = rows.filter(number__gt=_place(kind, "ending_before", before))
            page = list(reversed(later.order_by("number")[: limit + 1]))
            found = page[-limit:]
        else:
            if after:
                rows = rows.filter(number__lt=_place(kind, "starting_after", after))
            page = list(rows.order_by("-number")[: limit + 1])
            found = page[:limit]
        return {
            "object": "list",
            "data": [kind.show(row) for row in found],
            "has_more": len(page) > limit,
            "url": kind.address,
        }

    return enumerate_rows


def _filtered(kind: Kind, given: Parameters) -> models.QuerySet[Any]:
    rows = kind.rows()
    for name, column in kind.filters.items():
        if value := given.text(name):
            rows = rows.filter(**{column: value})
    if kind is EVENTS and (types := given.texts("types")):
        rows = rows.filter(kind__in=types)
    if kind is BALANCE_TRANSACTIONS and (source := given.text("source")):
        rows = rows.filter(
            Q(charge__public_id=source, refund=None, dispute=None)
            | Q(refund__public_id=source)
            | Q(dispute__public_id=source)
        )
    if not given.has("created"):
        return rows
    created = given.nested("created")
    for name, edge, offset_s in (
        ("gte", "gte", 0),
        ("gt", "gte", 1),
        ("lte", "lt", 1),
        ("lt", "lt", 0),
    ):
        seconds = created.whole(name, maximum=10**11)
        if seconds is not None:
            bound = moment(seconds) + timedelta(seconds=offset_s)
            rows = rows.filter(**{f"created_at__{edge}": bound})
    return rows


def _place(kind: Kind, param: str, public_id: str) -> int:
    row = kind.rows().filter(public_id=public_id).first()
    if row is None:
        raise ParameterRefused(
            f"No such {kind.noun}: '{public_id}'", code="resource_missing", param=param
        )
    return int(row.number)
