"""Replaces ids by the objects they name, along the paths of ``expand[]``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from config.standin import claim_shapes, customers, shapes
from config.standin.models import (
    BalanceTransaction,
    Charge,
    CheckoutSession,
    Customer,
    Dispute,
    Json,
    PaymentIntent,
    Refund,
)
from config.standin.parameters import ParameterRefused

DEPTH_MAX: Final = 4  # docs.stripe.com/expand: "a maximum depth of four levels"


def expand(shape: Json, paths: Iterable[str]) -> Json:
    """Expand ``shape`` in place along each path, and return it. Raises ParameterRefused."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEPTH_MAX + 1:
            raise ParameterRefused(
                f"You cannot expand more than {DEPTH_MAX} levels of a property. Property: {path}",
                param="expand",
            )
        _expand(shape, parts)
    return shape


def line_items(session: CheckoutSession) -> Json:
    """Return the list of a session's line items."""
    return {
        "object": "list",
        "data": [shapes.line_item(session, place) for place in range(len(session.line_items))],
        "has_more": False,
        "url": f"/v1/checkout/sessions/{session.public_id}/line_items",
    }


def _expand(shape: Json, parts: Sequence[str]) -> None:
    name, rest = parts[0], parts[1:]
    if shape["object"] == "list" and name == "data":
        for member in shape["data"]:
            _expand(member, rest)
        return
    fetch = _EXPANDABLE.get((shape["object"], name))
    if fetch is None:
        raise ParameterRefused(f"This property cannot be expanded ({name}).", param="expand")
    if not isinstance(shape.get(name), dict):
        shape[name] = fetch(shape)
    if rest and shape[name] is not None:
        _expand(shape[name], rest)


def _intent(shape: Json) -> Json | None:
    rows = PaymentIntent.objects.select_related("session")
    row = rows.filter(public_id=shape["payment_intent"]).first()
    return shapes.intent(row) if row else None


def _items(shape: Json) -> Json:
    return line_items(CheckoutSession.objects.get(public_id=shape["id"]))


def _charge(key: str) -> Callable[[Json], Json | None]:
    def fetch(shape: Json) -> Json | None:
        rows = Charge.objects.select_related("intent__session")
        row = rows.filter(public_id=shape[key]).first()
        return shapes.charge(row) if row else None

    return fetch


def _balance_transaction(key: str) -> Callable[[Json], Json | None]:
    def fetch(shape: Json) -> Json | None:
        rows = BalanceTransaction.objects.select_related(
            "charge__intent__session", "refund", "dispute"
        )
        row = rows.filter(public_id=shape[key]).first()
        return claim_shapes.balance_transaction(row) if row else None

    return fetch


def _source(shape: Json) -> Json | None:
    """Return what moved the balance: a charge, a refund or a dispute."""
    name = shape["source"]
    if name.startswith("re_"):
        return claim_shapes.refund(Refund.objects.get(public_id=name))
    if name.startswith("du_"):
        return claim_shapes.dispute(Dispute.objects.get(public_id=name))
    return _charge("source")(shape)


def _customer(shape: Json) -> Json | None:
    row = Customer.objects.filter(public_id=shape["customer"]).first()
    return customers.shape(row) if row else None


_EXPANDABLE: Final[Mapping[tuple[str, str], Callable[[Json], Json | None]]] = {
    ("checkout.session", "payment_intent"): _intent,
    ("checkout.session", "line_items"): _items,
    ("checkout.session", "customer"): _customer,
    ("payment_intent", "latest_charge"): _charge("latest_charge"),
    ("charge", "payment_intent"): _intent,
    ("charge", "balance_transaction"): _balance_transaction("balance_transaction"),
    ("balance_transaction", "source"): _source,
    ("refund", "charge"): _charge("charge"),
    ("refund", "payment_intent"): _intent,
    ("refund", "balance_transaction"): _balance_transaction("balance_transaction"),
    ("refund", "failure_balance_transaction"): _balance_transaction("failure_balance_transaction"),
    ("dispute", "charge"): _charge("charge"),
    ("dispute", "payment_intent"): _intent,
    ("radar.early_fraud_warning", "charge"): _charge("charge"),
    ("radar.early_fraud_warning", "payment_intent"): _intent,
}
